"""The plane with its decisions, one code on it, and the plane as images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard import state
from dashboard.services import bundles, cache, counterfactuals
from dashboard.ui import download, frontend, map_backdrop, messages, naming
from dashboard.ui.components import image_grid
from dashboard.ui.target_choice import choose_target
from dashboard.views.theory import question
from dashboard.views.theory.plane import loader
from xai_core.plots import sprites
from xai_core.plots.latent_map import path
from xai_core.plots.probabilities import percent
from xai_core.plots.style import plain, signed
from xai_core.plots.theory import plane as drawing

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

FORMULAS = (
    r"p(z|c)=\mathcal N(z;\mu_c,\sigma_c^2I),\quad p(c|z)=\frac{p(z|c)}{\sum_k p(z|k)}",
    r"q(z|x)=\mathcal N(z;\mu(x),\mathrm{diag}\,\sigma^2(x))",
)
KEY = "latent plane"
MIXTURE, BRANCH, DIFFERENT, IMAGES = SHOWN = ("p(c|z)", "q(c|g(z))", "Difference", "Images")
STEP = 0.05
"""Step of the point's coordinates, in latent units."""
FURTHEST = 100.0

_plane = frontend.component(
    __file__, "plane", html='<div class="plane"><canvas hidden></canvas></div>\n'
)


def explore(bundle: "Bundle", image_id: str) -> None:
    """Show the plane, the selected image on it, and the code of the dragged point."""
    left, right = st.columns([3, 2], gap="large")
    with right:
        _agreement(bundle)
        _point(bundle)
        target, along = _path(bundle, image_id)
        _selected(bundle, image_id, target, along)
    with left:
        shown = st.segmented_control(
            "Colour the plane by", SHOWN, required=True,
            **state.bind("plane shows", MIXTURE, SHOWN, link="show"),
        )  # fmt: skip
        _draw(bundle, image_id, shown, along)


def grid(bundle: "Bundle") -> None:
    """Show the plane as a grid of decoded images, and what each axis goes with."""
    pictures = loader.images(bundle)
    sheet = sprites.sheet(pictures, columns=loader.IMAGES)
    shown = loader.window(bundle)
    ends = f"{shown.left:g} to {shown.left + shown.side:g}"
    image_grid.picture(
        sheet,
        alt=f"{loader.IMAGES} by {loader.IMAGES} decoded images; z1 from {ends} to the right, z2 "
        f"from {shown.bottom:g} to {shown.bottom + shown.side:g} upwards",
        key="plane of images",
        width=640,
    )
    axes = loader.axes(bundle)
    said = " and ".join(
        f"z{i} goes with the **{axis.name}** of the image (r = {signed(axis.correlation, 2)})"
        for i, axis in enumerate(axes, 1)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Over {axes[0].images:,} images, {said}: of ink, slant and width, the one with the "
            "strongest correlation."
        )
        download.picture(bundle, sheet, name="plane of images")


def scores(bundle: "Bundle") -> None:
    """Say how good a model with two latents is."""
    known = bundle.manifest.metrics.get("test", {})
    kept, likelihood = known.get("cluster_kept"), known.get("log_likelihood")
    if kept is not None and likelihood is not None:
        messages.note(
            f"With two numbers per image, reconstructions keep the cluster of {percent(kept)} of "
            f"test images, and log p(x) is {signed(likelihood, 1)} nats per image."
        )


def ask_about_the_ellipse(bundle: "Bundle", image_id: str) -> None:
    """Ask what the shape of q(z|x) says of the decoder."""
    _, std = loader.posterior(bundle, image_id)
    short, long = sorted(std.tolist())
    question.choose(
        "plane ellipse",
        because="The bound averages log p(x|z) over the ellipse and rewards its size by the "
        "entropy. Where the image changes fast, a long ellipse would cost more nats of "
        "reconstruction than it gains. The standard deviations of this image are "
        f"{short:.3f} and {long:.3f}, along the axes.",
    )


def _path(bundle: "Bundle", image_id: str) -> "tuple[str, counterfactuals.Change | None]":
    """Let the visitor choose a target; return its name and the search's path to it."""
    names, order = naming.cluster_names(bundle), naming.cluster_order(bundle)
    if len(names) < 2:
        return "", None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        probs = counterfactuals.decided(bundle, image_id, "cluster")
        _, target = choose_target(probs, names, order)
        asked = st.toggle("Draw the path", **state.bind("plane path", True, link="path"))
    if not asked:
        return "", None
    found = counterfactuals.change(bundle, image_id, "cluster", "default", target)
    return names[target], found


def _draw(
    bundle: "Bundle",
    image_id: str,
    shown: str,
    along: "counterfactuals.Change | None",
) -> None:
    window, place = loader.window(bundle), _place(bundle)
    mean, std = loader.posterior(bundle, image_id)
    codes, (x, y, side) = cache.cached_per_bundle(
        bundle, f"plane codes dark {state.dark()}", lambda: _codes(bundle)
    )
    here = naming.display_name(image_id)
    data: dict[str, Any] = {
        "window": [window.left, window.bottom, window.side],
        "cells": _cells(bundle, shown),
        "sharp": shown != IMAGES,
        "codes": None if shown == IMAGES else codes,
        "codesWindow": [x, y, side],
        "gaussians": _gaussians(bundle),
        "path": [] if along is None else along.codes.tolist(),
        "posterior": [*map(float, mean), *map(float, std)],
        "imageName": here,
        "place": list(place),
        "step": STEP,
        "sheet": _sheet(bundle),
        "count": loader.IMAGES,
        "cell": list(loader.images(bundle).shape[1:3]),
        "alt": f"The latent plane: {len(bundle.index):,} codes, {len(bundle.clusters.names)} "
        f"Gaussians with circles at one and two standard deviations, and {here} with the ellipse "
        "of q(z|x) at two",
        "handle": f"The code z = {_written(place)}; arrow keys move it",
    }
    _plane(key=KEY, data=data, on_place_change=state.from_component(KEY, "place", _put))
    st.caption(
        f"Drag the cross. While it moves, the picture beside it is interpolated between "
        f"{loader.IMAGES} x {loader.IMAGES} decoded images; where it stops, its code is decoded."
    )


def _point(bundle: "Bundle") -> None:
    place = _place(bundle)
    found, names = loader.point(bundle, place), naming.cluster_names(bundle)
    with st.container(horizontal=True, vertical_alignment="center"):
        image_grid.picture(
            found.image, alt=f"Decoded from z = {_written(place)}",
            key="plane point", width=140,
        )  # fmt: skip
        mixture, branch = int(found.mixture.argmax()), int(found.branch.argmax())
        st.markdown(
            f"**z = {_written(place)}**  \n"
            f"p(c\\|z): **{messages.literal(names[mixture])}**, {percent(found.mixture[mixture])}"
            f"  \nq(c\\|g(z)): **{messages.literal(names[branch])}**, "
            f"{percent(found.branch[branch])}  \n"
            f"log p(z) = {signed(found.log_density, 2)} nats"
        )
    order = naming.cluster_order(bundle)
    table = pd.DataFrame(
        {
            "cluster": [names[c] for c in order],
            "p(c|z)": found.mixture[order],
            "q(c|g(z))": found.branch[order],
        }
    )
    download.table(bundle, table, name="plane point", z1=place[0], z2=place[1])


def _selected(
    bundle: "Bundle", image_id: str, target: str, along: "counterfactuals.Change | None"
) -> None:
    mean, std = loader.posterior(bundle, image_id)
    st.markdown(
        f"{naming.marked(image_id)} has q(z\\|x) with mean {_written(mean)} and standard "
        f"deviations {std[0]:.3f} and {std[1]:.3f}; the ellipse is drawn at two. "
        f"{_ended(along, target)}"
    )
    st.button("Put the cross on its mean", on_click=_put, args=(mean.tolist(),))


def _ended(along: "counterfactuals.Change | None", target: str) -> str:
    if along is None:
        return ""
    name, steps = messages.literal(target), f"{along.steps:,} evaluations"
    if along.converged:
        return f"The dashed path of the default search reaches {name} after {steps}."
    reason = messages.literal(along.reason)
    return f"The dashed path of the default search does not reach {name}: {reason}."


def _agreement(bundle: "Bundle") -> None:
    agreement = loader.regions(bundle).agreement
    tested = bundle.manifest.metrics.get("test", {}).get("agreement")
    real = "" if tested is None else f" Of real test images, they agree on {percent(tested)}."
    st.markdown(
        f"Place and image name the same cluster on **{percent(agreement)}** of this part of the "
        f"plane, weighted by p(z).{real}"
    )


def _written(place: "Sequence[float] | NDArray[np.floating]") -> str:
    return f"({plain(place[0], 2)}, {plain(place[1], 2)})"


def _place(bundle: "Bundle") -> tuple[float, float]:
    """Return the point's code; at first, the first Gaussian's mean."""
    start = [round(float(v) / STEP) * STEP for v in loader.gaussians(bundle).means[0]]
    span = (-FURTHEST, FURTHEST, STEP)
    x, y = (
        state.keep(f"plane {bundle.name} z{i}", round(v, 2), span=span, link=f"z{i}")
        for i, v in enumerate(start, 1)
    )
    return float(x), float(y)


def _put(place: list[float]) -> None:
    """Keep a code, on the grid that links can write."""
    for i, value in enumerate(place, 1):
        snapped = round(round(min(max(value, -FURTHEST), FURTHEST) / STEP) * STEP, 2)
        state.put_setting(f"plane {state.bundle_name()} z{i}", snapped)


def _cells(bundle: "Bundle", shown: str) -> str:
    if shown == IMAGES:
        return _sheet(bundle)
    found, colours = loader.regions(bundle), naming.cluster_colours(bundle)
    if shown == DIFFERENT:
        cells = drawing.differences(found.mixture, found.branch, colours, loader.CELLS)
    else:
        probs = found.mixture if shown == MIXTURE else found.branch
        cells = drawing.regions(probs, colours, loader.CELLS)
    return sprites.data_url(sprites.png(cells))


def _sheet(bundle: "Bundle") -> str:
    return cache.cached_per_bundle(
        bundle,
        "plane sheet",
        lambda: sprites.data_url(sprites.sprite_sheet(loader.images(bundle), loader.IMAGES)),
    )


def _codes(bundle: "Bundle") -> tuple[str, tuple[float, float, float]]:
    """Draw all codes as dots in the colours of their clusters."""
    groups = bundle.index["cluster"].to_numpy()
    colours = naming.cluster_colours(bundle)
    codes = bundles.latents(bundle)
    return path.backdrop(codes, groups, colours, state.dark(), strength=map_backdrop.STRONG)


def _gaussians(bundle: "Bundle") -> list[tuple[str, float, float, float, str]]:
    found = loader.gaussians(bundle)
    names, colours = naming.cluster_names(bundle), naming.cluster_colours(bundle)
    rows = zip(names, found.means.tolist(), found.scales.tolist(), colours, strict=True)
    return [(name, x, y, scale, colour) for name, (x, y), scale, colour in rows]
