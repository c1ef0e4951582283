"""Cached attribution maps of a bundle's images."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import on_host
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import stored
from dashboard.services.scheduler.scheduler import compute_slot, offload

if TYPE_CHECKING:
    from xai_core.attribution.registry import MethodCard
    from xai_core.bundle.reading import Bundle

Controls = tuple[tuple[str, float], ...]
"""The settings of a method that differ from their defaults: name and value."""
FIRST = "critic"
"""The method listed first, if the bundle has it."""


class Maps(NamedTuple):
    """Maps of one method, (images, height, width), and the output explained, one per image.

    `gap` is the completeness error as a share of the output's change, (images,); `warning`
    describes it if it is too large, else it is empty.
    """

    values: NDArray[np.float32]
    targets: NDArray[np.int64]
    gap: NDArray[np.float32] | None
    warning: str


def card(method: str) -> "MethodCard":
    """Return the description of a method."""
    from xai_core.attribution.registry import METHODS

    return METHODS[method]


def title(method: str) -> str:
    """Return the name of a method as pages show it."""
    return card(method).title


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def methods(bundle: "Bundle", output: str) -> list[str]:
    """List the methods that apply to what is explained, the critic first."""
    from xai_core.attribution.of_bundle import methods_for

    found = methods_for(bundle, output)
    return sorted(found, key=lambda name: name != FIRST)


@st.cache_data(max_entries=64, show_spinner=False)
def baselines(method: str) -> dict[str, str]:
    """Return the titles of the baselines that a method can use, by key; empty for none."""
    from xai_core.attribution.baselines import BASELINES

    wanted = card(method).baseline
    return {name: found.title for name, found in BASELINES.items() if found.serves(wanted)}


@st.cache_data(max_entries=1024, show_spinner="Explaining the image", hash_funcs=BY_FINGERPRINT)
@offload
def maps(
    bundle: "Bundle",
    ids: tuple[str, ...],
    method: str,
    output: str,
    target: int | None = None,
    baseline: str | None = None,
    controls: Controls = (),
) -> Maps:
    """Explain images by one method.

    Args:
        bundle: The models.
        ids: The images.
        method: Key of `METHODS`.
        output: The output to explain.
        target: The class or cluster; None for the predicted one.
        baseline: The baseline; None for the method's default.
        controls: Settings of the method.
    """
    from xai_core.attribution.config import AttributionConfig
    from xai_core.attribution.of_bundle import attributions

    config = AttributionConfig(**dict(controls))  # type: ignore[arg-type]
    with compute_slot():
        found = attributions(
            bundle,
            stored(bundle, ids),
            method,
            output=output,
            target=target,
            baseline=baseline,
            config=config,
        )
    gap = None
    if found.convergence_delta is not None and found.output_change is not None:
        change = found.output_change.abs().clamp(min=1e-6)
        gap = on_host(found.convergence_delta.abs() / change)
    return Maps(on_host(found.attributions), on_host(found.target), gap, found.warning)
