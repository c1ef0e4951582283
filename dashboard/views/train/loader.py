"""What can be trained here, what the presets are, and what came out."""

from typing import NamedTuple

import streamlit as st

from dashboard.services import bundles
from dashboard.services.scheduler.scheduler import compute_queue


class Sizes(NamedTuple):
    """What a person may change of a preset."""

    clusters: int
    latent_dim: int
    epochs: int
    train_images: int


def data_sets() -> tuple[str, ...]:
    """Name the data sets that need no network."""
    compute_queue()
    from xai_core.data.registry import available_offline

    return available_offline()


@st.cache_data(max_entries=32, show_spinner="Reading the images")
def sizes(data: str, preset: str) -> Sizes:
    """Give a preset's sizes on a data set."""
    compute_queue()
    from xai_core.data.registry import load_dataset
    from xai_core.training.config import PRESETS

    (model, training), count = PRESETS[preset], len(load_dataset(data).train)
    used = min(count, training.train_images or count)
    return Sizes(model.num_clusters, model.latent_dim, training.epochs, used)


@st.cache_data(max_entries=256, show_spinner=False)
def expected_minutes(data: str, preset: str, chosen: Sizes) -> float:
    """Estimate how long a training takes with the default networks on 2 CPU cores."""
    compute_queue()
    from dataclasses import replace

    from xai_core.data.registry import load_dataset
    from xai_core.training.config import PRESETS
    from xai_core.training.eta import expected_seconds

    model, training = PRESETS[preset]
    model = replace(model, num_clusters=chosen.clusters, latent_dim=chosen.latent_dim)
    training = replace(training, epochs=chosen.epochs, train_images=chosen.train_images)
    return sum(expected_seconds(load_dataset(data), model, training).values()) / 60


def test_scores() -> dict[str, dict[str, float]]:
    """Give what each whole bundle scores on its test images, by its name."""
    found = bundles.summaries()
    return {
        name: dict(summary.manifest.metrics.get("test", {}))
        for name, summary in found.items()
        if summary.manifest is not None
    }
