"""Recorded trainings with and without what keeps clusters, replayed, and what it costs."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components import download, messages, question, stepper
from dashboard.components.chart import chart
from dashboard.components.formulas import formulas
from dashboard.figures import collapse
from dashboard.loaders import theory

if TYPE_CHECKING:
    from xai_core.bundle import Bundle
    from xai_core.collapse import Price, Recording

FORMULA = (
    r"-\,\mathrm{KL}(q(c|x)\,\|\,p(c))=\mathrm H(q(c|x))-\ln K\ \in\ [-\ln K,\,0]",
    r"I(c;x)=\mathrm H\bigl(\overline{q}\bigr)-\overline{\mathrm H(q(c|x))}",
)


def replay(bundle: "Bundle") -> None:
    """Show q(c|x) of the same images in every training, an epoch at a time."""
    seen = theory.recording()
    formulas(*FORMULA)
    st.caption(_made(seen))
    last = seen.epochs[-1]
    stepper.stepped("collapse epoch", last, lambda epoch: _epoch(bundle, seen, epoch), of="Epoch")


def argument(bundle: "Bundle") -> None:
    """Say why the bound alone makes no clusters and what the cure costs, with the numbers."""
    seen = theory.recording()
    titles, last = theory.titles(), seen.epochs[-1]
    table = theory.collapse_summary()
    end = table[table["epoch"] == last].set_index("run")
    price = seen.price("cure", "pure", last)
    free = seen.price("cure", "prior", last)
    most = math.log(seen.probs("cure", last).shape[1])
    columns = st.columns(len(seen.runs) + 1)
    for column, run in zip(columns, seen.runs, strict=False):
        column.metric(
            titles[run], f"{end.loc[run, 'cluster_information']:.2f} of {most:.2f} nats",
            help="Cluster information I(c; x) after the last epoch", border=True,
        )  # fmt: skip
    columns[-1].metric(
        "What the cure costs", f"{free.nats:.1f} nats",
        help="The bound of the same model without the term for clusters, minus that with it",
        border=True,
    )  # fmt: skip
    st.markdown(
        f"1. **Nothing in the bound asks for clusters.** A q(c|x) that says nothing costs 0 nats, "
        f"a sure one ln K = {most:.2f}, and what z can do without c nothing pays back: with the "
        f"bound alone, {_fate(end, 'prior', most)}; {_fate(end, 'pure', most)}.\n"
        "2. **The report's remedy is to keep c behind the code.** With q(c|z) = p(c|z) its claim "
        "L ≥ L\u0302 *holds* where the decoder does not read c, since the difference is then an "
        "expected divergence; where the decoder reads c it is an empirical question, and Jensen's "
        "inequality does not prove it in either case. A higher bound alone still asks for no "
        "clusters.\n"
        f"3. **What keeps them is asked for and paid for.** With c in the prior of z and a term "
        f"that wants q(c|x) to tell images apart, information ends at "
        f"{end.loc['cure', 'cluster_information']:.2f} nats and {_accuracy(end, 'cure')} of these "
        f"images are in the cluster of their label. Without that term the bound of the same model "
        f"is **{_than(free)}**; that of the model whose decoder reads c is {_than(price)}."
    )
    _own(bundle)
    _ask(end, most)


def _epoch(bundle: "Bundle", seen: "Recording", epoch: int) -> None:
    titles, table, dark = theory.titles(), theory.collapse_summary(), state.dark()
    labels = seen.at(seen.runs[0], epoch)["label"].to_numpy()
    order = np.argsort(labels, kind="stable")
    probs = {
        titles[run]: seen.probs(run, epoch)[order][:, theory.cluster_order(run)]
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
                f"KL of c {here.loc[run, 'kl_c']:.2f}, bound {here.loc[run, 'elbo']:.1f} nats"
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
        f"of {last.elbo:.1f} nats on grey train images."
    )


def _ask(end: pd.DataFrame, most: float) -> None:
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


def _fate(end: pd.DataFrame, run: str, most: float) -> str:
    share = float(end.loc[run, "cluster_information"]) / most
    title = theory.titles()[run]
    said = "collapses" if share < 0.1 else "keeps less than half" if share < 0.5 else "keeps part"
    return (
        f"“{title}” {said} ({100 * share:.0f} % of ln K, {_accuracy(end, run)} of images in the "
        "cluster of their label)"
    )


def _than(price: "Price") -> str:
    """Say by how much a bound is above the cured one's."""
    side = "higher" if price.nats >= 0 else "lower"
    return f"{abs(price.nats):.1f} ± {price.standard_error:.1f} nats {side}"


def _accuracy(end: pd.DataFrame, run: str) -> str:
    value = float(end.loc[run, "accuracy"])
    return "an unknown share" if math.isnan(value) else f"{100 * value:.0f} %"


def _made(seen: "Recording") -> str:
    about = seen.about
    return (
        f"Recorded from real trainings of the same networks on {about['train_images']:,} images "
        f"of {about['data']}, seed {about['seed']}: q(c|x) and the bound of {about['images']} "
        "after every epoch. Play it."
    )
