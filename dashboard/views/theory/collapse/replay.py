"""Recorded trainings with and without what keeps clusters, replayed, and what it costs."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, messages
from dashboard.ui.chart import chart
from dashboard.views.theory import question, stepper
from dashboard.views.theory.collapse import loader
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain
from xai_core.plots.theory import collapse

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.training.collapse import Price, Recording

FORMULA = (
    r"-\,\mathrm{KL}(q(c|x)\,\|\,p(c))=\mathrm H(q(c|x))-\ln K\le 0",
    r"I(c;x)=\mathrm H\bigl(\overline{q}\bigr)-\overline{\mathrm H(q(c|x))}",
)


def replay(bundle: "Bundle") -> None:
    """Show q(c|x) of the same images in every training, an epoch at a time."""
    seen = loader.recording()
    formulas(*FORMULA)
    st.caption(_made(seen))
    last = seen.epochs[-1]
    stepper.stepped(
        "collapse epoch",
        last,
        lambda epoch: _epoch(bundle, seen, epoch),
        of="Epoch",
        link="epoch",
        start=last,
    )


def argument(bundle: "Bundle") -> None:
    """Say why the bound alone makes no clusters and what the cure costs, with the numbers."""
    seen, titles, table = loader.recording(), loader.titles(), loader.collapse_summary()
    last = seen.epochs[-1]
    end = table[table["epoch"] == last].set_index("run")
    most = math.log(seen.probs("cure", last).shape[1])
    pure, alike = seen.price("cure", "pure", last), seen.price("cure", "prior", last)
    columns = st.columns(len(seen.runs) + 1)
    for column, run in zip(columns, seen.runs, strict=False):
        column.metric(
            titles[run], f"{end.loc[run, 'cluster_information']:.2f} nats",
            help=f"Cluster information after the last epoch, at most ln K = {most:.2f}",
            border=True,
        )  # fmt: skip
    columns[-1].metric(
        "Price of the cure, nats", f"{plain(pure.nats, 1)} ± {pure.standard_error:.1f}",
        help="The bound of the model whose decoder reads c, minus that of the cured one",
        border=True,
    )  # fmt: skip
    st.markdown(
        "1. **Nothing in the bound asks for clusters.** "
        "$-\\mathrm{KL}(q(c|x)\\,\\|\\,p(c))$ is largest, 0, where q(c|x) is 1/K; a sure one pays "
        f"ln K = {most:.2f}, and nothing asks different images to answer differently. With the "
        f"bound alone, {_fate(table, 'prior', most)}; {_fate(table, 'pure', most)}.\n"
        "2. **The report's remedy is to keep c behind the code.** With q(c|z) = p(c|z) its claim "
        "L ≥ L\u0302 *holds* where the decoder does not read c, since the difference is then an "
        "expected divergence; where the decoder reads c it is an empirical question, and in "
        "neither case does Jensen's inequality prove it. A higher bound still asks for no "
        "clusters.\n"
        "3. **Clusters stay where they are asked for, and that has a price.** With c in the prior "
        "of z, a first guess, and a term that wants deformed images to keep their cluster, "
        f"{_fate(table, 'cure', most)}. Its bound is **{_beside(pure)}** that of the model whose "
        f"decoder reads c: the price. It is **{_beside(alike)}** that of the very same model "
        "without the term."
    )
    _own(bundle)
    _ask(most)


def _epoch(bundle: "Bundle", seen: "Recording", epoch: int) -> None:
    titles, table, dark = loader.titles(), loader.collapse_summary(), state.dark()
    labels = seen.at(seen.runs[0], epoch)["label"].to_numpy()
    order = np.argsort(labels, kind="stable")
    probs = {
        titles[run]: seen.probs(run, epoch)[order][:, loader.cluster_order(run)]
        for run in seen.runs
    }
    names = [str(k) for k in range(int(labels.max()) + 1)]
    here = table[table["epoch"] == epoch].set_index("run")
    words = "; ".join(
        f"{titles[run]}: information {here.loc[run, 'cluster_information']:.2f} nats"
        for run in seen.runs
    )
    chart(
        collapse.beliefs(probs, labels[order], names, dark),
        key="beliefs",
        alt=f"q(c|x) of {len(labels)} images after epoch {epoch}. {words}",
    )
    left, right = st.columns(2, gap="large")
    most = math.log(len(next(iter(probs.values()))[0]))
    with left:
        figure = collapse.over_epochs(
            table, titles, "cluster_information", "I(c; x), nats", epoch, dark, most=most
        )
        chart(figure, key="information", alt=f"Cluster information at epoch {epoch}. {words}")
    with right:
        figure = collapse.over_epochs(table, titles, "elbo", "ELBO, nats", epoch, dark)
        bounds = "; ".join(f"{titles[r]}: {here.loc[r, 'elbo']:.1f} nats" for r in seen.runs)
        chart(figure, key="elbos", alt=f"ELBO at epoch {epoch}. {bounds}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Epoch {epoch}. "
            + "; ".join(
                f"{titles[run]}: I = {here.loc[run, 'cluster_information']:.2f}, "
                f"KL {here.loc[run, 'kl_c']:.2f}, bound {plain(here.loc[run, 'elbo'], 1)} nats"
                for run in seen.runs
            )
            + "."
        )
        shown = pd.DataFrame(table)
        download.table(bundle, shown, name="collapse", recorded=str(seen.about["images"]))


def _own(bundle: "Bundle") -> None:
    """Say where the open bundle's own training ended."""
    history = bundle.history
    rows = history[history["cluster_information"].notna()]
    if not len(rows):
        return
    last, most = rows.iloc[-1], math.log(bundle.model.config.num_clusters)
    messages.note(
        f"The open bundle `{bundle.name}` was trained for {len(rows)} epochs and ended at "
        f"{last.cluster_information:.2f} of {most:.2f} nats of cluster information, with a bound "
        f"of {plain(last.elbo, 1)} nats on grey train images."
    )


def _ask(most: float) -> None:
    question.choose(
        "collapse",
        "Two trainings differ only in cluster information, 0 and ln K, and both have the same "
        "bound. Which one has the better reconstruction, by how much?",
        [
            "The one without clusters: it has nothing to pay",
            f"The one with clusters, if prior and entropy are equal: by ln K = {most:.2f} nats",
            "Both reconstruct alike",
        ],
        right=1,
        because="A sure q(c|x) pays KL = ln K. With an equal bound and equal other terms, the "
        "reconstruction must have earned exactly that.",
    )


def _fate(table: pd.DataFrame, run: str, most: float) -> str:
    """Say how low a training's cluster information fell and where it ended."""
    trained = table[(table["run"] == run) & (table["epoch"] > 0)]
    lowest = trained.loc[trained["cluster_information"].idxmin()]
    end = trained.iloc[-1]
    said = f"“{loader.titles()[run]}” "
    if lowest.cluster_information < 0.05 * most and lowest.epoch < end.epoch:
        how = "every image in the same cluster" if lowest.kl_c > 0.8 * most else "q(c|x) near 1/K"
        said += (
            f"collapsed to {lowest.cluster_information:.2f} nats by epoch {lowest.epoch:.0f} "
            f"({how}, KL {lowest.kl_c:.2f}) and "
        )
    return (
        f"{said}ended at {end.cluster_information:.2f} nats, with {_accuracy(end)} of these "
        "images in the cluster of their label"
    )


def _beside(price: "Price") -> str:
    """Say where the cured model's bound lies."""
    side = "below" if price.nats >= 0 else "above"
    return f"{abs(price.nats):.1f} ± {price.standard_error:.1f} nats {side}"


def _accuracy(end: pd.Series) -> str:
    value = float(end["accuracy"])
    return "an unknown share" if math.isnan(value) else f"{100 * value:.0f} %"


def _made(seen: "Recording") -> str:
    about = seen.about
    return (
        f"Recorded from real trainings of the same networks on {about['train_images']:,} images "
        f"of {about['data']}, seed {about['seed']}: q(c|x) and the bound of {about['images']} "
        "after every epoch. Play it."
    )
