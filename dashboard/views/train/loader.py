"""Data sets, preset sizes, expected times and test scores for the Train page."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.services import bundles
from dashboard.services.jobs.runs import Request
from dashboard.services.scheduler.scheduler import compute_queue

if TYPE_CHECKING:
    from xai_core.data.dataset import Dataset


class Sizes(NamedTuple):
    """The sizes of a preset that the form can change."""

    clusters: int
    latent_dim: int
    epochs: int
    train_images: int


def data_sets() -> tuple[str, ...]:
    """Return the names of the data sets that need no network."""
    compute_queue()
    from xai_core.data.registry import available_offline

    return available_offline()


def absolute(path: str) -> str:
    """Return a typed path as an absolute one; `~` is the home of the server's user."""
    return os.path.abspath(os.path.expanduser(path.strip()))


@st.cache_data(max_entries=32, show_spinner="Reading the images")
def sizes(data: str, preset: str, columns: dict[str, str]) -> Sizes:
    """Return a preset's sizes on a data set, read with the user's own columns.

    Raises:
        DataError: If the data set cannot be read.
    """
    compute_queue()
    from xai_core.training.config import PRESETS
    from xai_core.training.steps import plan_epochs

    (model, training), count = PRESETS[preset], len(_read(data, columns).train)
    used = min(count, training.train_images or count)
    epochs, _ = plan_epochs(used, training.epochs, training.batch_size, training.min_steps)
    return Sizes(model.num_clusters, model.latent_dim, epochs, used)


@st.cache_data(max_entries=256, show_spinner=False)
def expected_minutes(request: Request) -> float:
    """Estimate how long a training takes with the default networks on 2 CPU cores.

    Raises:
        XaiError: If the data or the user's own columns cannot be read.
    """
    compute_queue()
    from xai_core.training.config import settings_for
    from xai_core.training.settings import by_group
    from xai_core.training.stages.table import expected_seconds

    dataset = _read(request.data, request.columns)
    model, training = settings_for(
        request.preset, **by_group(request.settings), image=dataset.spec
    )
    return sum(expected_seconds(dataset, model, training).values()) / 60


def _read(data: str, columns: Mapping[str, str]) -> "Dataset":
    from xai_core.data.registry import load_dataset

    return load_dataset(
        data,
        metadata=columns.get("metadata"),
        label_column=columns.get("label_column"),
        split_column=columns.get("split_column"),
    )


def duration(seconds: float) -> str:
    """Write an estimated time with the precision it deserves."""
    if seconds < 60:
        return "1 min" if seconds >= 30 else "half a minute"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} hours"


def test_scores() -> dict[str, dict[str, float]]:
    """Return the test scores of each complete bundle, by name."""
    found = bundles.summaries()
    return {
        name: dict(summary.manifest.metrics.get("test", {}))
        for name, summary in found.items()
        if summary.manifest is not None
    }
