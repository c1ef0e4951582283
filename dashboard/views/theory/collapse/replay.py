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
    r"\hat{\mathcal L}(x)=\text{const}-\mathrm{KL}(q(c|x)\,\|\,q^\star)",
    r"q^\star(c)\propto p(c)\exp\mathbb E_{q(z|x)}[\log p(x|z,c)+\log p(z|c)]",
    r"\overline{\mathrm{KL}(q(c|x)\,\|\,p(c))}=I(c;x)+\mathrm{KL}(\overline q\,\|\,p(c))",
)


def replay(bundle: "Bundle") -> None:
    """Show q(c|x) of the same images in every training, epoch by epoch."""
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
    """State when the bound alone loses its clusters and what the cure costs, with the numbers."""
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
        "Difference in bound, nats", f"{plain(pure.nats, 1)} ± {pure.standard_error:.1f}",
        help=f"The bound of “{titles['pure']}” minus that of “{titles['cure']}”, two models",
        border=True,
    )  # fmt: skip
    st.markdown(
        "1. **1/K is not the best q(c|x).** It maximises the term "
        "$-\\mathrm{KL}(q(c|x)\\,\\|\\,p(c))$, one of four. For a fixed q(z|x) the whole bound "
        "is largest at $q^\\star$, which is 1/K where the exponent is the same for every cluster. "
        "Early in training it nearly is: then a certain q(c|x) pays up to "
        f"ln K = {most:.2f} nats and gains little.\n"
        "2. **There are two collapses.** Averaged over images, the KL is the cluster information "
        "I plus KL(mean q‖p(c)). If q(c|x) is 1/K for every image, both are 0. If one cluster "
        f"takes every image, the KL is ln K = {most:.2f} and I is 0. With the bound alone, "
        f"{_fate(table, 'prior', most)}; {_fate(table, 'pure', most)}.\n"
        "3. **Jensen's inequality does not give L ≥ L\u0302.** L \N{MINUS SIGN} L\u0302 is "
        "E[KL(q(c|x)‖p(c|x,z)) \N{MINUS SIGN} KL(q(c|z)‖p(c|x,z))]. With q(c|z) = p(c|z) and a "
        "decoder that does not read c the second divergence is 0, so L ≥ L\u0302; with a decoder "
        "that reads c either sign can occur. A higher bound is no measure of clusters.\n"
        "4. **The report's remedy is an explicit term.** With c in the prior of z, an initial "
        "assignment, and a term that asks deformed images to keep their cluster, "
        f"{_fate(table, 'cure', most)}. Its bound is **{_beside(pure)}** that of "
        f"“{titles['pure']}”, a different model, and **{_beside(alike)}** that of the same model "
        "without the term; one seed each."
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
        collapse.beliefs(probs, labels[order].tolist(), names, dark),
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
                f"KL {here.loc[run, 'kl_c']:.2f} = I + {_wasted(here.loc[run]):.2f}, "
                f"bound {plain(here.loc[run, 'elbo'], 1)} nats"
                for run in seen.runs
            )
            + "."
        )
        shown = pd.DataFrame(table)
        download.table(bundle, shown, name="collapse", recorded=str(seen.about["images"]))


def _own(bundle: "Bundle") -> None:
    """Describe where the open bundle's own training ended."""
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
        "One training has q(c|x) = 1/K for every image, another is certain of evenly used "
        "clusters. Bound, prior alignment and entropy are equal. Which one has the better "
        "reconstruction, by how much?",
        [
            "The first: it has nothing to pay",
            f"The second: by ln K = {most:.2f} nats",
            "Both reconstruct alike",
        ],
        right=1,
        because="A certain q(c|x) pays KL = ln K, 1/K pays 0. With an equal bound and equal other "
        "terms, the difference is in the reconstruction.",
    )


def _fate(table: pd.DataFrame, run: str, most: float) -> str:
    """Describe how low a training's cluster information fell and where it ended."""
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


def _wasted(row: pd.Series) -> float:
    """Return KL(mean q || p(c)): what the KL costs without telling images apart."""
    return max(float(row["kl_c"] - row["cluster_information"]), 0.0)


def _beside(price: "Price") -> str:
    """Describe how far a bound lies below or above another."""
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
