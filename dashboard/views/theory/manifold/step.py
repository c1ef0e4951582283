"""One latent step as pictures: pixel gradient, its projection, the step and its result."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.ui import download, messages
from dashboard.ui.components import image_grid
from dashboard.views.theory.manifold import loader
from xai_core.plots import sprites, theme

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

LENGTHS = (0.25, 0.5, 1.0, 2.0)
CAPTIONS = ("∇f, pixels", "U Uᵀ ∇f", "U S² Uᵀ ∇f", "g(z)", "g(z + λv)", "g(z) + pixel step")


@st.fragment
def show(bundle: "Bundle", image_id: str, names: list[str]) -> None:
    """Show the gradient, its two filtered forms, and the image after a step of either kind."""
    length = st.select_slider(
        "Length of the step, latent units", LENGTHS, width=260,
        **state.bind("step length", LENGTHS[2], LENGTHS, link="length"),
    )  # fmt: skip
    seen = loader.step_pictures(bundle, image_id, length)
    signed = sprites.levels(np.stack([seen.gradient, seen.projection, seen.step]))
    coloured = [
        theme.colourise(picture, theme.diverging(state.dark()), float(np.abs(picture).max()))
        for picture in signed
    ]
    drawn = sprites.pixels(np.stack([seen.start, seen.moved, seen.on_pixels]))
    if drawn.ndim == signed.ndim:
        drawn = drawn[..., None].repeat(3, -1)
    pictures = np.concatenate([np.stack(coloured), drawn])
    image_grid.image_grid(
        pictures,
        alt=[f"{caption}, of a step of {length} latent units" for caption in CAPTIONS],
        key="one step",
        captions=list(CAPTIONS),
        scale=4,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Towards **{messages.literal(names[seen.target])}**, the second likeliest class of "
            f"g(z). Only **{seen.share:.1%}** of the pixel gradient's squared length lies in "
            "span(U): the rest is orthogonal to the tangent space. Both steps move the image by "
            "the same Euclidean length."
        )
        sheet = sprites.sheet(pictures, columns=len(pictures), gap=1, fill=255)
        download.picture(bundle, sheet, name="one step", image=image_id, length=length)
    _by_hand(bundle, image_id, seen, length)


def _by_hand(bundle: "Bundle", image_id: str, seen: loader.StepPictures, length: float) -> None:
    """Show the numbers of the singular value decomposition, and what follows from them."""
    s, a = seen.values, seen.coefficients
    code, law = float(np.linalg.norm(s * a)), float(np.linalg.norm(s**2 * a))
    step = length / code
    st.markdown("**The same step in numbers**, one row per direction $u_i$")
    table = pd.DataFrame(
        {"i": range(1, len(s) + 1), "s_i": s, "a_i = u_i·∇f": a, "s_i² a_i": s**2 * a}
    )
    st.dataframe(table.set_index("i").map(lambda value: f"{value:.4g}"), height=282)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"U S² Uᵀ ∇f = Σ s_i² a_i u_i, so its length is √Σ(s_i² a_i)² = **{law:#.5g}** per "
            f"unit of λ. The code moves along v = Jᵀ ∇f = Σ s_i a_i v_i, of length "
            f"√Σ(s_i a_i)² = {code:#.5g}. For a step of {length:g} in latent units, "
            f"λ = {length:g}/{code:#.5g} = {step:#.4g}: the law moves the image by "
            f"{step:#.4g} × {law:#.5g} = **{step * law:.3f}**. The step moves it by "
            f"**{seen.change:.3f}**, and the difference of both has length "
            f"**{seen.residual:.3f}**: what is left of higher order. "
            f"Σ a_i² / |∇f|² = {float(a @ a):#.5g} / {seen.slope:#.5g}² = {seen.share:.1%} lies "
            "in span(U). All lengths are Euclidean."
        )
        download.table(bundle, table, name="one step in numbers", image=image_id, length=length)
