"""Cached ways to what the Theory pages show."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import batch
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from xai_core._types import Probs
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.certificate import Certificate
    from xai_core.theory.bounds import Draws

Arrays = dict[str, NDArray[np.floating] | None]
"""The fields of something that holds tensors."""
FEWEST_DRAWS = 1000
"""Draws made at least, the same for every view."""
GIVEN = {
    "The encoder's branch": "encoder",
    "The average of q(c|z)": "average",
    "Undecided, 1/K": "unsure",
    "Certain of one": "certain",
    "The best, q\u22c6": "best",
}
"""Choices of q(c|x), by what they are called on the pages."""


@st.cache_resource(max_entries=64, show_spinner="Drawing codes", hash_funcs=BY_FINGERPRINT)
def draws(bundle: "Bundle", image_id: str, count: int) -> "Draws":
    """Draw codes of one image, binarised where the likelihood is Bernoulli; read only."""
    from xai_core.theory.bounds import Draws

    return Draws(**as_tensors(_drawn(bundle, image_id, count)))


def choices(bundle: "Bundle", image_id: str) -> "dict[str, Probs]":
    """Return the q(c|x) that the bound of an image can be given, by name."""
    from xai_core.theory.cluster_choices import cluster_choices

    return cluster_choices(draws(bundle, image_id, FEWEST_DRAWS))


@offload
def _drawn(bundle: "Bundle", image_id: str, count: int) -> Arrays:
    import torch

    from xai_core.evaluation.metrics import binarise
    from xai_core.theory.bounds import draw

    x = batch(bundle, [image_id])
    noise = torch.Generator().manual_seed(0)
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, noise)
    with compute_slot():
        return as_arrays(draw(bundle.model, x, num_samples=count, generator=noise))


def as_arrays(found: "Draws | Certificate") -> Arrays:
    """Take offload what holds tensors, which cannot be handed from a process to another."""
    return {
        name: None if value is None else value.detach().numpy()
        for name, value in vars(found).items()
    }


def as_tensors(arrays: Arrays) -> "dict[str, Any]":
    """Return the tensors that `as_arrays` took apart, by name."""
    import torch

    return {
        name: None if value is None else torch.from_numpy(value) for name, value in arrays.items()
    }
