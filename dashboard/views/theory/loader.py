"""Cached results for the Theory pages."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import on_device
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import batch, stored
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from xai_core._types import Probs
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.certificate import Certificate
    from xai_core.theory.bounds import Draws
    from xai_core.theory.derivations.image import ImageNumbers
    from xai_core.theory.derivations.line import Sides

Arrays = dict[str, NDArray[np.floating] | None]
"""The fields of an object that holds tensors."""
FEWEST_DRAWS = 1000
"""Minimum number of draws, the same for every view."""
PER_DRAW = ("z", "log_likelihood", "log_prior", "log_posterior")
"""Fields of `Draws` whose first axis is the draws."""
OVER_IMAGES = 200
"""Number of images over which q(c|x) is averaged."""
GIVEN = {
    "The encoder's branch": "encoder",
    "The average of q(c|z)": "average",
    "Undecided, 1/K": "unsure",
    "Certain of one": "certain",
    "The best, q\u22c6": "best",
}
"""Choices of q(c|x) by their names on the pages."""


@st.cache_resource(max_entries=64, show_spinner="Drawing codes", hash_funcs=BY_FINGERPRINT)
def draws(bundle: "Bundle", image_id: str, count: int) -> "Draws":
    """Draw codes of one image, binarised where the likelihood is Bernoulli; read only.

    Args:
        bundle: Whose encoder draws.
        image_id: The image.
        count: Number of codes, a multiple of `FEWEST_DRAWS`. More draws contain the fewer ones.
    """
    from xai_core.theory.bounds import Draws

    parts = [_drawn(bundle, image_id, part) for part in range(count // FEWEST_DRAWS)]
    first = Draws(**as_tensors(parts[0]))
    return replace(
        first, **as_tensors({name: np.concatenate([part[name] for part in parts])
                             for name in PER_DRAW})
    )  # fmt: skip


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def as_read(bundle: "Bundle", image_id: str) -> NDArray[np.float32]:
    """Return the image whose likelihood `draws` measures: binarised for a Bernoulli one."""
    import torch

    return _as_read(bundle, image_id, torch.Generator().manual_seed(0)).cpu().numpy()


def picture_as_read(bundle: "Bundle", image_id: str) -> NDArray[np.float32]:
    """Return `as_read` as a picture in [0, 1]."""
    import torch

    from xai_core.data.io.pixel_values import pictures

    return pictures(torch.from_numpy(as_read(bundle, image_id)))[0]


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def sides(bundle: "Bundle", image_id: str, key: str, *, exactly: bool) -> "list[Sides | None]":
    """Evaluate both sides of every line of a derivation.

    Args:
        bundle: The models.
        image_id: The image, if the derivation is about one.
        key: Key of the derivation.
        exactly: Whether to evaluate the exact example instead of the image.
    """
    from xai_core.theory.derivations import evaluated

    if exactly:
        return list(evaluated.of_example(key))
    if key == "D-7":
        return list(evaluated.of_clusters(_some_cluster_probs(bundle)))
    if key == "D-22":
        return _sides_of_step(bundle, image_id)
    return list(evaluated.of_image(key, numbers(bundle, image_id)))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def numbers(bundle: "Bundle", image_id: str) -> "ImageNumbers":
    """Return the draws and parameters that an image's derivations are evaluated on; read only."""
    from xai_core.theory.derivations.image import image_numbers

    x = on_device(bundle, as_read(bundle, image_id))
    arrays = draws(bundle, image_id, FEWEST_DRAWS)
    moved: "dict[str, Any]" = {
        k: None if v is None else on_device(bundle, v) for k, v in vars(arrays).items()
    }
    drawn = replace(arrays, **moved)
    with compute_slot():
        return image_numbers(bundle.model, x, drawn)


@offload
def _sides_of_step(bundle: "Bundle", image_id: str) -> "list[Sides | None]":
    from xai_core.counterfactual.of_bundle import step_functions
    from xai_core.theory.derivations import evaluated

    with compute_slot():
        encode, decode, forward = step_functions(bundle)
        code = encode(stored(bundle, [image_id]))
        scores = forward(decode(code))[0]
        target = int(scores.argsort()[-min(2, len(scores))])
        where = evaluated.LatentStep(code=code, target=target, decode=decode, forward=forward)
        return list(evaluated.of_step(where))


@st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _some_cluster_probs(bundle: "Bundle") -> "Probs":
    """Evaluate q(c|x) of some test images, or of train images if there are none."""
    import torch

    from xai_core.data.preprocessing import to_float

    split = bundle.dataset.test if len(bundle.dataset.test) else bundle.dataset.train
    with compute_slot(), torch.no_grad():
        return bundle.model.cluster_probs(
            to_float(split.images[:OVER_IMAGES], bundle.device)
        ).cpu()


def choices(bundle: "Bundle", image_id: str) -> "dict[str, Probs]":
    """Return the choices of q(c|x) for an image's bound, by name."""
    from xai_core.theory.cluster_choices import cluster_choices

    return cluster_choices(draws(bundle, image_id, FEWEST_DRAWS))


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@offload
def _drawn(bundle: "Bundle", image_id: str, part: int) -> Arrays:
    """Draw `FEWEST_DRAWS` codes; each part has its own seed."""
    import torch

    from xai_core.theory.bounds import draw

    noise = torch.Generator().manual_seed(0)
    x = _as_read(bundle, image_id, noise)
    if part:
        noise.manual_seed(part)
    with compute_slot():
        return as_arrays(draw(bundle.model, x, num_samples=FEWEST_DRAWS, generator=noise))


def _as_read(bundle: "Bundle", image_id: str, noise: "Generator") -> "Tensor":
    from xai_core.evaluation.metrics import binarise

    x = batch(bundle, [image_id])
    return binarise(x, noise) if bundle.model.config.likelihood == "bernoulli" else x


def as_arrays(found: "Draws | Certificate") -> Arrays:
    """Split an object with tensors into arrays, which can be passed between processes."""
    return {
        name: None if value is None else value.detach().cpu().numpy()
        for name, value in vars(found).items()
    }


def as_tensors(arrays: Arrays) -> "dict[str, Any]":
    """Return the tensors that `as_arrays` converted, by name."""
    import torch

    return {
        name: None if value is None else torch.from_numpy(value) for name, value in arrays.items()
    }
