"""Curves and numbers of one training or two."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services.jobs.runs import Run
from dashboard.ui import download
from dashboard.ui.components.drawing import drawing
from dashboard.ui.frame import layout
from dashboard.views.train import loader
from xai_core.plots.style import plain
from xai_core.plots.theory import collapse
from xai_core.training.events import TrainingProgress
from xai_core.training.stages.table import CLASSIFIER, CRITIC, VAE

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

NONE = "nothing"
UNKNOWN = "\N{EN DASH}"
"""Not a hyphen, which Markdown in a table would turn into a list."""
CURVES = (
    (VAE, "elbo", "ELBO, nats"),
    (VAE, "cluster_information", "I(c; x), nats"),
    (VAE, "accuracy", "accuracy of clusters*"),
    (CLASSIFIER, "loss", "classifier's loss, nats"),
)
TERMS = (
    (VAE, "reconstruction", "E log p(x|z, c), nats"),
    (VAE, "expected_log_prior", "E log p(z|c), nats"),
    (VAE, "kl_c", "KL(q(c) ‖ p(c)), nats"),
    (VAE, "entropy_z", "-E log q(z|x), nats"),
)
NUMBERS = (
    ("Epochs of the cluster VAE", VAE, "epoch", 0),
    ("ELBO after the last, nats", VAE, "elbo", 2),
    ("Reconstruction, nats", VAE, "reconstruction", 2),
    ("Expected log prior, nats", VAE, "expected_log_prior", 2),
    ("KL of c, nats", VAE, "kl_c", 3),
    ("Entropy of z, nats", VAE, "entropy_z", 2),
    ("Cluster information, nats", VAE, "cluster_information", 3),
    ("Accuracy of clusters*", VAE, "accuracy", 4),
    ("NMI*", VAE, "nmi", 3),
    ("Seconds per epoch", VAE, "seconds", 1),
    ("Classifier's loss, nats", CLASSIFIER, "loss", 4),
    ("Critics' loss", CRITIC, "loss", 3),
)
TESTED = (
    ("Test ELBO, nats", "elbo", 2),
    ("Test accuracy of clusters", "accuracy", 4),
    ("Test accuracy of the classifier", "classifier_accuracy", 4),
)


def compare(now: Sequence[Run], bundle: "Bundle | None") -> None:
    """Draw the curves of one or two trainings, and list their numbers side by side."""
    histories = _histories(now, bundle)
    if not histories:
        return
    layout.section(
        "Curves",
        "One training, or two in one figure, epoch by epoch.",
        "The ELBO is what is maximised, the sum of the four terms below it; the first third of "
        "the epochs of each may lie outside of the figure. Cluster information is how many nats "
        "the clusters tell about which image it is, at most ln K (dashed): if it falls towards 0, "
        "the clusters have collapsed. Lines marked * use labels: the classifier is trained on "
        "them, the cluster VAE is not.",
    )
    shown = _chosen(list(histories))
    frames = {name: histories[name] for name in shown}
    _charts(frames, _most(shown, now, bundle))
    table = numbers(frames, loader.test_scores()).rename_axis("Measure").reset_index()
    st.table(table, hide_index=True, border="horizontal")
    st.caption(
        r"\* by labels, which the cluster VAE never sees; for information. "
        f"{UNKNOWN}: not known yet."
    )
    if bundle is not None:
        epochs = pd.concat([frame.assign(run=name) for name, frame in frames.items()])
        with st.container(horizontal=True):
            download.table(bundle, table, "Numbers as CSV", name="trainings")
            download.table(bundle, epochs, "Epochs as CSV", name="epochs")


def numbers(frames: dict[str, pd.DataFrame], tested: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Return the last numbers of the trainings, one column per training."""
    columns = {}
    for name, frame in frames.items():
        rows = {label: _last(frame, stage, key, digits) for label, stage, key, digits in NUMBERS}
        known = tested.get(name, {})
        rows |= {label: _text(known.get(key), digits) for label, key, digits in TESTED}
        columns[name] = rows
    return pd.DataFrame(columns)


def _histories(now: Sequence[Run], bundle: "Bundle | None") -> dict[str, pd.DataFrame]:
    """Return the histories of all runs and of the open bundle, by name."""
    found = {run.name: _frame(run.progress) for run in now if run.alive or run.progress.epochs}
    if bundle is not None:
        found.setdefault(bundle.name, bundle.history)
    return found


def _frame(progress: TrainingProgress) -> pd.DataFrame:
    shown_columns = [key for _, key, _ in (*CURVES, *TERMS)]
    columns = dict.fromkeys(["stage", "epoch", *shown_columns, "nmi", "seconds"])
    frame = pd.DataFrame(list(progress.epochs), columns=list(columns))
    return frame.astype(dict.fromkeys(list(columns)[1:], float))


def _chosen(names: list[str]) -> list[str]:
    left, right = st.columns(2)
    first = left.selectbox("Training", names, **state.bind("train first", names[0], names))
    others = [NONE, *(name for name in names if name != first)]
    usual = others[1] if len(others) > 1 else NONE
    second = right.selectbox("Compare with", others, **state.bind("train second", usual, others))
    return [first] if second == NONE else [first, second]


def _most(shown: Sequence[str], now: Sequence[Run], bundle: "Bundle | None") -> float | None:
    """Return ln K if all shown trainings have the same K."""
    known = {run.name: run.progress.num_clusters for run in now}
    if bundle is not None:
        known.setdefault(bundle.name, bundle.model.config.num_clusters)
    found = {known.get(name) for name in shown}
    clusters = found.pop() if len(found) == 1 else None
    return math.log(clusters) if clusters else None


def _charts(frames: dict[str, pd.DataFrame], most: float | None) -> None:
    summary = pd.concat([frame.assign(run=name) for name, frame in frames.items()])
    _grid(frames, summary, CURVES, most=most, legend=True)
    st.markdown("**The four terms of the ELBO**; the KL divergence counts against it")
    _grid(frames, summary, TERMS, height=170)


def _grid(
    frames: dict[str, pd.DataFrame],
    summary: pd.DataFrame,
    curves: Sequence[tuple[str, str, str]],
    *,
    most: float | None = None,
    height: int = 220,
    legend: bool = False,
) -> None:
    """Draw two curves in each row; one legend serves all, that of the first."""
    boxes = [box for _ in range(0, len(curves), 2) for box in st.columns(2, gap="large")]
    for number, (box, (stage, key, axis)) in enumerate(zip(boxes, curves, strict=True)):
        level = most if key == "cluster_information" else None
        named = legend and not number
        with box:
            _curve(frames, summary, stage, key, axis, most=level, height=height, legend=named)


def _curve(
    frames: dict[str, pd.DataFrame],
    summary: pd.DataFrame,
    stage: str,
    key: str,
    axis: str,
    *,
    most: float | None,
    height: int,
    legend: bool,
) -> None:
    here = summary[summary["stage"] == stage].dropna(subset=[key])
    if here.empty:
        return
    titles, at = {name: name for name in frames}, int(here["epoch"].max())
    drawn = collapse.over_epochs(
        here, titles, key, axis, at, most=most, height=height, named=legend
    )
    ends = "; ".join(f"{name}: {_last(frame, stage, key, 3)}" for name, frame in frames.items())
    drawing(drawn, key=f"train {stage} {key}", alt=f"{axis} by epoch. Last: {ends}")


def _last(frame: pd.DataFrame, stage: str, key: str, digits: int) -> str:
    values = frame[frame["stage"] == stage][key].dropna()
    return _text(values.iloc[-1] if len(values) else None, digits)


def _text(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None or math.isnan(value) else plain(value, digits)
