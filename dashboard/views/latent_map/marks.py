"""Marks on the map besides its points: neighbours, samples, a path, a decoded place."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services import counterfactuals
from dashboard.ui import explained, messages, naming, target_choice
from dashboard.ui.components import image_grid
from dashboard.ui.frame import layout
from dashboard.views.latent_map import loader
from xai_core.plots.latent_map.marks import Marks
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

SAMPLES = 24
NEIGHBOURS, PRIOR, PATH = "Nearest images", "Samples of the prior", "Path to another class"
CHOICES = (NEIGHBOURS, PRIOR, PATH)


def settings(bundle: "Bundle") -> tuple[list[str], list[Marks]]:
    """Let the visitor choose what to draw beside the points; return the choice and the marks."""
    with st.popover("Also draw", icon=":material/layers:"):
        chosen = st.pills(
            "Also draw", CHOICES, selection_mode="multi", wrap=True, label_visibility="collapsed",
            **state.bind("map also", [NEIGHBOURS], CHOICES, link="also"),
        )  # fmt: skip
        found = [_path(bundle)] if PATH in chosen else []
    found += [_prior(bundle)] if PRIOR in chosen else []
    place = state.place()
    found += [_place(bundle, place)] if place else []
    return list(chosen), [marks for marks in found if marks is not None]


def _path(bundle: "Bundle") -> Marks | None:
    """Let the visitor choose a class; return the counterfactual's path to it."""
    output, image_id = explained.chosen(bundle), state.selected_id()
    if not output:
        st.caption("This model has one class only, so there is no path to another.")
        return None
    probs = counterfactuals.decided(bundle, image_id, output)
    names = naming.class_names(bundle, output, len(probs))
    order = naming.class_order(bundle, output, len(probs))
    _, target = target_choice.choose_target(probs, names, order)
    found = counterfactuals.change(bundle, image_id, output, "default", target)
    count = len(found.frames)
    with st.container(width="content"):
        st.page_link(
            PAGES["counterfactuals"], label="Show the full path", icon=":material/alt_route:"
        )
    words = [
        (f"frame {i + 1} of {count}", f"{names[target]} at {percent(p)}")
        for i, p in enumerate(found.frame_probs[:, target])
    ]
    return Marks(kind="path", places=found.places, images=found.frames, words=words)


def _prior(bundle: "Bundle") -> Marks:
    seed = state.keep("map seed", 0, link="draw", span=state.SEEDS)
    found, names = loader.prior_samples(bundle, SAMPLES, seed), naming.cluster_names(bundle)
    words = [("a sample, no real image", f"drawn from cluster {names[c]}") for c in found.clusters]
    return Marks(kind="sample", places=found.places, images=found.images, words=words)


def _place(bundle: "Bundle", place: tuple[float, float]) -> Marks:
    found = loader.guess_at(bundle, place)
    line = f"like cluster {naming.cluster_names(bundle)[int(found.probs.argmax())]}"
    return Marks(
        kind="place",
        places=np.array([place]),
        images=found.image[None],
        words=[("decoded, no real image", line)],
    )


def decoded_place(bundle: "Bundle") -> None:
    """Show the decoded image of the marked place and two measures of its reliability."""
    place = state.place()
    if place is None:
        return
    layout.section(
        "What would be here?",
        "The picture at the cross on the map, made by the decoder.",
        "A map has no inverse, so this is an **interpolation**: the codes of the 10 images that "
        "lie nearest on the map are averaged with weights 1 / distance squared, and the mean "
        "is decoded. Where the map has separated neighbours, those codes "
        "have little in common and the picture is a blend. Two numbers show how far to trust "
        "it: the distance from the cross to the place that the code itself gets on the map, and "
        "its density under the prior.",
    )
    found, names = loader.guess_at(bundle, place), naming.cluster_names(bundle)
    cluster, usual = int(found.probs.argmax()), counterfactuals.usual_density(bundle)
    sure = f"cluster {names[cluster]} ({percent(found.probs[cluster])})"
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        image_grid.picture(
            found.image,
            alt=f"What the decoder draws for this place; the model puts it in {sure}",
            key="place",
            width=112,
        )
        with st.container(width="content"):
            st.button(f"Select {found.nearest}", help="The real image nearest to the cross",
                      on_click=state.select_image, args=(found.nearest,))  # fmt: skip
            st.button("Clear", on_click=state.set_place, args=(None,), type="tertiary",
                      help="Remove the cross")  # fmt: skip
    rare = found.density < usual[0]
    st.markdown(
        f"The model puts it in **{messages.literal(sure)}**. Nearest real image: "
        f"`{found.nearest}`, **{found.distance:.2f}** map units from the cross. Placed like an "
        f"image, the code lies **{found.returns:.2f}** map units from it. Its log p(z) is "
        f"**{found.density:.1f}** nats"
        .replace("**-", "**\N{MINUS SIGN}")
        + (", lower than that of 19 of 20 real images: **do not expect one**." if rare else
           ", higher than that of 1 in 20 real images.")
    )  # fmt: skip


def samples(marks: list[Marks]) -> None:
    """Show the samples of the prior as pictures side by side."""
    for drawn in (m for m in marks if m.kind == "sample"):
        layout.section(
            "Samples of the prior",
            f"{len(drawn.words)} codes drawn from p(z) and decoded: images that the model "
            "generates.",
            "A cluster is drawn, all with equal probability, then a code from its Gaussian "
            "p(z|c), which is decoded. On the map, a double ring marks where an image with that "
            "code would lie. Point at a ring to see its picture there.",
        )
        seed = state.setting("map seed", 0)
        st.button(
            "Draw again", key="draw others", icon=":material/refresh:",
            on_click=state.put_setting, args=("map seed", seed + 1),
        )  # fmt: skip
        lines = [line for _, line in drawn.words]
        image_grid.image_grid(
            drawn.images,
            alt=[f"sample {line}" for line in lines],
            key="prior samples",
            captions=[line.removeprefix("drawn from ") for line in lines],
        )
