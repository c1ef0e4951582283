"""Replay of recorded trainings with and without the cluster term, and the term's cost."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, messages
from dashboard.ui.chart import chart
from dashboard.ui.components.drawing import drawing
from dashboard.views.theory import question, stepper
from dashboard.views.theory.collapse import loader
from dashboard.views.theory.formulas import formulas
from xai_core.plots.style import plain, signed
from xai_core.plots.theory import collapse

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.training.collapse import Price, Recording

FORMULA = (
    r"""\underbrace{\overline{\mathrm{KL}(q(c|x)\,\|\,p(c))}}_{\text{paid}}
=\underbrace{I(c;x)}_{\text{told about the image}}""",
    r"+\underbrace{\mathrm{KL}(\overline q\,\|\,p(c))}_{\text{wasted on uneven clusters}}",
)
CASES = """\
| over all images | mean KL | $I(c;x)$ | $\\mathrm{{KL}}(\\overline q\\,\\Vert\\,p(c))$ |
|---|--:|--:|--:|
| undecided: q(c\\|x) = 1/K for every image | 0 | 0 | 0 |
| one cluster takes every image | ln K = {most:.2f} | 0 | {most:.2f} |
| K clusters, certain and evenly used | {most:.2f} | {most:.2f} | 0 |
"""


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
    """State when the bound alone loses its clusters and the cost of the remedy, with numbers."""
    seen, titles, table = loader.recording(), loader.titles(), loader.collapse_summary()
    last = seen.epochs[-1]
    end = table[table["epoch"] == last].set_index("run")
    most = math.log(seen.probs("cure", last).shape[1])
    other, same = seen.price("cure", "pure", last), loader.prices().mean
    columns = st.columns(len(seen.runs) + 1)
    for column, run in zip(columns, seen.runs, strict=False):
        column.metric(
            titles[run], f"{end.loc[run, 'information']:.2f} nats",
            help=f"Cluster information after the last epoch, at most ln K = {most:.2f}",
            border=True,
        )  # fmt: skip
    columns[-1].metric(
        "Gain of the cluster term, nats", f"{signed(-same.nats, 1)} ± {same.standard_error:.1f}",
        help=f"The bound of “{titles['cure']}” minus that of “{titles['prior']}”: the same model "
        f"with and without the term, from {_counted(len(loader.prices().each), 'seed')}",
        border=True,
    )  # fmt: skip
    st.markdown(
        "1. **1/K does not maximise the bound.** Given a fixed q(z|x), the optimal q(c|x) is "
        "$q^\\star$, which is 1/K only where the exponent is the same for every cluster. Early in "
        "training it nearly is: then a certain q(c|x) pays up to "
        f"ln K = {most:.2f} nats and gains little.\n"
        "2. **There are two collapses**, and the KL alone cannot tell them from a good model. If "
        "q(c|x) is 1/K for every image, the KL is 0. If one cluster takes every image, the KL is "
        f"ln K = {most:.2f} and I(c; x) is 0. With the bound alone, "
        f"{_fate(table, 'prior', most)}; {_fate(table, 'pure', most)}.\n"
        "3. **The remedy.** The report names additional constraints, such as regularisation or "
        "clustering-specific losses. One such loss asks deformed images to keep their cluster: "
        f"with it, {_fate(table, 'cure', most)}.\n"
        f"4. **Its price.** {_price(titles)} Beside “{titles['pure']}”, which is another "
        f"model (its prior ignores c), the bound is {_beside(other)}: that difference is "
        "not the price of the term."
    )
    _own(bundle)
    st.markdown(CASES.format(most=most))
    _ask(table, most)


def _epoch(bundle: "Bundle", seen: "Recording", epoch: int) -> None:
    titles, table = loader.titles(), loader.collapse_summary()
    labels = seen.at(seen.runs[0], epoch)["label"].to_numpy()
    order = np.argsort(labels, kind="stable")
    probs = {
        titles[run]: seen.probs(run, epoch)[order][:, loader.cluster_order(run)]
        for run in seen.runs
    }
    names = [str(k) for k in range(int(labels.max()) + 1)]
    here = table[table["epoch"] == epoch].set_index("run")
    words = "; ".join(
        f"{titles[run]}: information {here.loc[run, 'information']:.2f} nats, unevenness "
        f"{here.loc[run, 'unevenness']:.2f}"
        for run in seen.runs
    )
    chart(
        collapse.beliefs(probs, labels[order].tolist(), names, state.dark()),
        key="beliefs",
        alt=f"q(c|x) of {len(labels)} images after epoch {epoch}. {words}",
    )
    left, right = st.columns(2, gap="large")
    most = math.log(len(next(iter(probs.values()))[0]))
    with left:
        told = [titles[run] for run in seen.runs if _pays_for_information(here.loc[run])]
        st.markdown(f"**{_listed(told, len(seen.runs))} for information**")
        drawn = collapse.cluster_cost(table, titles, epoch, most)
        drawing(drawn, key="cluster cost", alt=f"Mean KL in two parts at epoch {epoch}. {words}")
    with right:
        highest = max(seen.runs, key=lambda run: float(here.loc[run, "elbo"]))
        st.markdown(f"**“{titles[highest]}” has the highest bound**")
        drawn = collapse.over_epochs(table, titles, "elbo", "ELBO, nats", epoch)
        bounds = "; ".join(f"{titles[r]}: {here.loc[r, 'elbo']:.1f} nats" for r in seen.runs)
        drawing(drawn, key="elbos", alt=f"ELBO at epoch {epoch}. {bounds}")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Epoch {epoch}. "
            + "; ".join(
                f"{titles[run]}: KL {here.loc[run, 'kl_c']:.2f} = "
                f"{here.loc[run, 'information']:.2f} + {here.loc[run, 'unevenness']:.2f}, "
                f"bound {plain(here.loc[run, 'elbo'], 1)} nats"
                for run in seen.runs
            )
            + "."
        )
        shown = pd.DataFrame(table)
        download.table(bundle, shown, name="collapse", recorded=str(seen.about["images"]))


def _pays_for_information(end: pd.Series) -> bool:
    return float(end["information"]) > float(end["unevenness"])


def _listed(names: list[str], count: int) -> str:
    """Say which trainings pay most of their KL."""
    if len(names) == count:
        return "Every training pays most of its KL"
    if not names:
        return "No training pays most of its KL"
    quoted = " and ".join(f"“{name}”" for name in names)
    return f"Only {quoted} {'pays' if len(names) == 1 else 'pay'} most of the KL"


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


def _ask(table: pd.DataFrame, most: float) -> None:
    here = table[(table["run"] == "prior") & (table["epoch"] > 0)]
    least = here.loc[here["information"].idxmin()]
    question.choose(
        "collapse",
        right=nearest_case(least.information, least.unevenness, most),
        because=f"Its mean KL is {least.kl_c:.2f} of {most:.2f} nats: {least.information:.2f} "
        f"are information about the image, {least.unevenness:.2f} are spent on uneven clusters. "
        "This row's numbers are the nearest; the KL alone does not distinguish the last two rows.",
    )


def nearest_case(information: float, unevenness: float, most: float) -> int:
    """Return the row of `CASES` whose I(c; x) and KL of the mean q(c|x) are the nearest."""
    rows = ((0.0, 0.0), (0.0, most), (most, 0.0))
    return min(range(3), key=lambda row: math.dist(rows[row], (information, unevenness)))


def _fate(table: pd.DataFrame, run: str, most: float) -> str:
    """Describe how low a training's cluster information fell and where it ended."""
    trained = table[(table["run"] == run) & (table["epoch"] > 0)]
    lowest = trained.loc[trained["information"].idxmin()]
    end = trained.iloc[-1]
    text = f"“{loader.titles()[run]}” "
    if lowest.information < 0.05 * most and lowest.epoch < end.epoch:
        how = "every image in the same cluster" if lowest.kl_c > 0.8 * most else "q(c|x) near 1/K"
        text += (
            f"collapsed to {lowest.information:.2f} nats by epoch {lowest.epoch:.0f} "
            f"({how}, KL {lowest.kl_c:.2f}) and "
        )
    return (
        f"{text}ended at {end.information:.2f} nats, with {_accuracy(end)} of these "
        "images in the cluster of their label"
    )


def _price(titles: dict[str, str]) -> str:
    """Describe the effect of the cluster term on the bound of the same model, seed by seed."""
    each, mean, epoch = loader.prices()
    verb = "costs" if mean.nats > 0 else "gains"
    listed = ", ".join(
        f"{signed(-price.nats, 1)} ± {price.standard_error:.1f} (seed {seed})"
        for seed, price in each.items()
    )
    seeds = (
        f"the mean over {len(each)} seeds, with the error of this mean. Each seed trains both "
        f"anew and has images of its own: {listed}."
        if len(each) > 1
        else f"one seed, with the error over its images: {listed}."
    )
    return (
        f"On the same model (“{titles['prior']}”) and the same images, the term {verb} "
        f"**{abs(mean.nats):.1f} ± {mean.standard_error:.1f} nats** of bound after epoch {epoch}: "
        f"{seeds}"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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
