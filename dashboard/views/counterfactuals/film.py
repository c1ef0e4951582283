"""The path from an image to its counterfactual: its frames and the numbers along it."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.services import counterfactuals, outputs
from dashboard.ui import download, map_backdrop, messages, naming
from dashboard.ui.components import image_grid
from dashboard.ui.components.drawing import drawing
from dashboard.views.counterfactuals.settings import METHODS, Request
from xai_core.plots.counterfactual import change, path_lines
from xai_core.plots.latent_map import path
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method

HOW_TO_READ = (
    "The probabilities are those of the frames shown. The thick line is the target, the dashed "
    "line the class of the input, the dotted level 99 %; classes that stay below 2 % are "
    "left out. *Boundary search* shows the straight line from the image's own code to the code "
    "that was found, not the steps of its search. On the map, the path runs from the circle to "
    "the star, each frame where its nearest neighbours in latent space lie; it may jump, since "
    "UMAP does not keep all neighbours together. Density is $\\log p(z)$ under the model's own "
    "prior; 19 of 20 real images "
    "have codes above the lower edge of the band. The frames of *pixel ascent* are images that it "
    "passed through, those of *nearest real image* fade from one image to the other. Neither "
    "has a path through latent space: the codes are those that the encoder gives the frames."
)

FRAMES = counterfactuals.FRAMES
STOP = 0.99


@st.fragment
@messages.errors_as_text()
def show(bundle: "Bundle", request: Request) -> None:
    """Show the film strip, the chosen frame, and three figures that mark it."""
    found = counterfactuals.change(bundle, *request.searched)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        at = st.slider(
            "Frame", 1, FRAMES, width=360,
            **state.bind("cf frame", FRAMES, span=(1, FRAMES, 1), link="frame"),
        ) - 1  # fmt: skip
        symbol = outputs.classes(bundle, request.output).symbol
        table = change.table(found.frame_probs, found.density, request.names, symbol)
        download.table(bundle, table, name="path", **request.about)
        download.animation(bundle, found.frames, name="film", **request.about)
    _strip(request, found, at)
    picture, lines, on_map = st.columns([2, 5, 5], gap="medium")
    with picture:
        words = _words(request, found, at)
        image_grid.picture(found.frames[at], alt=words, key="frame")
        st.caption(messages.literal(words))
    with lines:
        st.markdown(f"**{_finding(request, found)}**")
        _probabilities(request, found, at, symbol)
    with on_map:
        st.markdown(f"**{messages.literal(_route(bundle, found.places))}**")
        _map(bundle, request, found, at)
    inside = found.density >= counterfactuals.usual_density(bundle)[0]
    st.markdown(_density_title(inside, request.method))
    _density(bundle, request, found, at, inside)


def _finding(request: Request, found: counterfactuals.Change) -> str:
    text = crossing(found.frame_probs, request)
    return messages.literal(f"{text[:1].upper()}{text[1:]}")


def _strip(request: Request, found: counterfactuals.Change, at: int) -> None:
    shares = [percent(p) for p in found.frame_probs[:, request.target]]
    target = request.names[request.target]
    image_grid.image_grid(
        found.frames,
        alt=[f"frame {i + 1} of {FRAMES}, {target} at {p}" for i, p in enumerate(shares)],
        key="strip",
        captions=[p.replace(" ", "\N{NO-BREAK SPACE}") for p in shares],
        ids=[f"frame {i + 1}" for i in range(FRAMES)],
        colours=[request.colours[c] for c in found.frame_probs.argmax(1)],
        selected=f"frame {at + 1}",
        on_pick=lambda name: state.put_setting("cf frame", int(name.removeprefix("frame "))),
    )
    st.caption(
        f"Below each frame: the probability of {messages.literal(target)}; the bar has the colour "
        "of the likeliest class."
    )


def _probabilities(request: Request, found: counterfactuals.Change, at: int, symbol: str) -> None:
    figure = path_lines.probability_lines(
        found.frame_probs, request.names, request.colours,
        source=request.source, target=request.target, at=at, stop=STOP,
        symbol=f"{symbol}(class|x)",
    )  # fmt: skip
    drawing(figure, key="probabilities", alt=crossing(found.frame_probs, request), **request.about)


def crossing(probs: np.ndarray, request: Request) -> str:
    """Return a sentence on when the target becomes the most probable class."""
    target, first = (
        request.names[request.target],
        np.flatnonzero(probs.argmax(1) == request.target),
    )
    if not len(first):
        return f"{target} is not the likeliest class in any frame"
    share = first[0] / max(len(probs) - 1, 1)
    between = dict.fromkeys(probs[: first[0]].argmax(1).tolist())
    via = [request.names[c] for c in between if c not in (request.source, request.target)]
    words = f", through {' and '.join(via)}" if via else ""
    return f"{target} becomes the likeliest class after {100 * share:.0f} % of the path{words}"


def _map(bundle: "Bundle", request: Request, found: counterfactuals.Change, at: int) -> None:
    dark = state.dark()
    figure = path.map_path(
        found.places, map_backdrop.backdrop(bundle, dark), map_backdrop.middles(bundle), dark,
        ends=(naming.display_name(request.image_id), f"as {request.names[request.target]}"),
        at=at,
    )  # fmt: skip
    far = float(np.hypot(*(found.places[-1] - found.places[0])))
    target = request.names[request.target]
    route = f"the path from {naming.display_name(request.image_id)} to {target}"
    alt = f"Map of all images with {route}, {far:.1f} map units from end to end"
    drawing(figure, key="path on the map", alt=alt, **request.about)


def _route(bundle: "Bundle", places: np.ndarray) -> str:
    """Say between which clusters' middles a path runs on the map."""
    middles = map_backdrop.middles(bundle)

    def nearest(place: np.ndarray) -> str:
        return min(middles, key=lambda one: float(np.hypot(*(place - one[1:]))))[0]

    first, last = nearest(places[0]), nearest(places[-1])
    if first == last:
        return f"On the map, the path stays nearest to the middle of {last}"
    return f"On the map, the path runs from near the middle of {first} to near that of {last}"


def _density_title(inside: np.ndarray, method: "Method") -> str:
    if method in counterfactuals.LATENT_METHODS:
        share = "all" if inside.all() else f"{int(inside.sum())} of {len(inside)}"
        return (
            f"**The codes of {share} frames are as dense as those of real images**: $\\log p(z)$"
        )
    return "**Density of the encoder's codes**, $\\log p(z)$ of each frame encoded again"


def _density(
    bundle: "Bundle", request: Request, found: counterfactuals.Change, at: int, inside: np.ndarray
) -> None:
    usual, density = counterfactuals.usual_density(bundle), found.density
    first, last, least, low, high = (
        f"{v:.1f}".replace("-", "\N{MINUS SIGN}")
        for v in (density[0], density[-1], density.min(), usual[0], usual[2])
    )
    words = (
        f"From {first} to {last} nats, {least} at the lowest; 19 of 20 real images are above {low}"
    )
    figure = path_lines.density_lines(density, usual, at=at)
    alt = f"log p(z) along the path. {words}, 9 of 10 between {low} and {high}"
    drawing(figure, key="density", alt=alt, **request.about)
    st.caption(f"{words}. {_region(inside, request.method)}")


def _region(inside: np.ndarray, method: "Method") -> str:
    """Describe which frames have a code at least as dense as those of 19 of 20 real images.

    A method without a path through latent space has only the codes that the encoder gives its
    frames, and the encoder gives noise a usual code too.
    """
    if method not in counterfactuals.LATENT_METHODS:
        return (
            f"*{METHODS[method][0]}* has no path through latent space: these are the codes that "
            "the encoder gives its frames, and they do not show whether the frames look like "
            "data. The section on evidence below measures that in pixels."
        )
    if inside.all():
        return f"The codes of all {len(inside)} frames are above it."
    return f"The codes of {int(inside.sum())} of {len(inside)} frames are above it."


def _words(request: Request, found: counterfactuals.Change, at: int) -> str:
    probs = found.frame_probs[at]
    parts = [f"{request.names[c]}: {percent(probs[c])}" for c in (request.source, request.target)]
    return f"Frame {at + 1} of {FRAMES}. {', '.join(parts)}"
