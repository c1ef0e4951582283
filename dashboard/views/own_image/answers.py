"""Overview of the model's results for one image."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services import attributions, cache, counterfactuals, image_data
from dashboard.ui import explained, health, map_backdrop, messages, naming
from dashboard.ui.components import image_grid
from dashboard.ui.components.drawing import drawing
from dashboard.ui.frame import layout
from dashboard.views.own_image import prediction_set
from xai_core.plots import image_sheet, probabilities, sprites, theme
from xai_core.plots.latent_map import picture
from xai_core.plots.style import plain, told_apart

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.typicality import Typicality

WIDTH = 168
"""Side of a picture in screen pixels, six per image pixel."""


def invite(bundle: "Bundle", image_id: str) -> None:
    """Explain what will be shown here, and show the selected image's place on the map."""
    ways = naming.ways_to_bring(bundle)
    layout.section(
        f"No image yet: {ways[:1].lower()}{ways[1:]}",
        "Its cluster, place on the map, reconstruction, heatmap and a counterfactual appear here.",
    )
    st.caption(f"Until then, the place of {naming.marked(image_id)}, the selected image.")
    with st.container(width=420):
        _map(bundle, image_id)


def refuse() -> None:
    """Explain that there is no answer about an upload that was refused."""
    layout.section(
        "No answer",
        "The file was refused, for the reason in the red box. Choose another file, or click an "
        "image that was accepted.",
    )


def prepare(bundle: "Bundle", image_id: str) -> None:
    """Compute in advance what the first stroke needs."""
    image_data.typicality(bundle, image_id)
    prediction_set.prepare(bundle)
    cache.cached_per_bundle(bundle, "explained", lambda: _explain(bundle, image_id))


def _explain(bundle: "Bundle", image_id: str) -> None:
    if output := explained.chosen(bundle):
        target = int(counterfactuals.decided(bundle, image_id, output).argsort()[-2])
        attributions.maps(bundle, (image_id,), attributions.methods(bundle, output)[0], output)
        counterfactuals.change(bundle, image_id, output, "default", target)


def verdict(bundle: "Bundle", image_id: str) -> None:
    """Show whether to trust the model on this image, its clusters and its place on the map."""
    probs, names = image_data.cluster_probs(bundle, (image_id,))[0], naming.cluster_names(bundle)
    best, known = int(probs.argmax()), image_data.typicality(bundle, image_id)
    text = f"cluster {names[best]}, {probabilities.percent(float(probs[best]))} sure"
    unlike = known.unlike and not health.problems(bundle, "images")
    layout.claim(
        "Out of distribution: do not trust these answers"
        if unlike
        else messages.literal(f"{text[:1].upper()}{text[1:]}"),
        "How the image compares with those that the model learned from, and where it belongs.",
        "A model answers about any image, and can be confident about nonsense. Two numbers help: "
        "the **ELBO**, how well the model explains the image, and the **distance** of its code to "
        "the 10 nearest training images, in latent units. An image is *out of distribution* "
        "if the first is lower or higher, or the second larger, than for 99 of 100 test "
        "images; so up to 2 in 100 of these are called so as well.",
    )
    if unlike:
        st.warning(_warning(known, text), icon=":material/warning:")
    bound = (
        f"**ELBO {plain(known.elbo, 1)} nats**, above {probabilities.share(known.elbo_share)} of "
        "the training images. "
    )
    st.markdown(
        f"{bound if 'decode' in bundle.model.parts else ''}**Distance {known.distance:.2f}**, "
        f"above {probabilities.share(known.distance_share)} of the test images."
    )
    bars, place = st.columns([5, 4], gap="medium")
    with bars:
        st.markdown("**Which cluster?** $q(c|x)$")
        drawing(
            probabilities.bar_chart(probs, names, order=naming.cluster_order(bundle)),
            key="own clusters",
            alt=f"q(c|x): {text}",
        )
        st.page_link(PAGES["clusters"], label="All clusters", icon=":material/category:")
    with place:
        st.markdown("**Where among all images?**")
        _map(bundle, image_id)
        st.page_link(PAGES["latent_map"], label="On the map", icon=":material/scatter_plot:")


def parts(bundle: "Bundle", image_id: str) -> None:
    """Show the image, its reconstruction, a heatmap and a counterfactual."""
    layout.section(
        "What it keeps, why, and what else it could be",
        "The image as the model sees it, its reconstruction, a heatmap, and its runner-up.",
        "The *reconstruction* is what the decoder draws of the image's code. In the *heatmap*, "
        "**warm pixels speak for the cluster, cold ones against it**. The *counterfactual* is "
        "a small change, found by search, that makes it the second most likely cluster.",
    )
    output = explained.chosen(bundle)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        boxes = [st.container(width=WIDTH) for _ in range(4)]
    with boxes[0]:
        st.markdown("**Input**")
        image_grid.picture(image_data.images(bundle, [image_id])[0], key="own input", width=WIDTH,
                           alt=f"Input: {naming.describe(bundle, image_id)}")  # fmt: skip
        st.page_link(PAGES["theory"], label="Its bound", icon=":material/stacked_line_chart:")
    if "decode" not in bundle.model.parts:
        messages.note("This model has no decoder, which a reconstruction and a search for a "
                      "counterfactual need.")  # fmt: skip
        return
    with boxes[1]:
        st.markdown("**Reconstruction**")
        seen = image_data.inferred(bundle, image_id)
        image_grid.picture(seen.reconstruction, key="own output", width=WIDTH,
                           alt="Reconstruction of your image")  # fmt: skip
        st.page_link(PAGES["reconstructions"], label="Reconstructions", icon=":material/compare:")
    if not output:
        return
    probs = counterfactuals.decided(bundle, image_id, output)
    names = naming.class_names(bundle, output, len(probs))
    with boxes[2]:
        _heatmap(bundle, image_id, output, names)
    with boxes[3]:
        _counterfactual(bundle, image_id, output, names, int(probs.argsort()[-2]))


def _heatmap(bundle: "Bundle", image_id: str, output: str, names: list[str]) -> None:
    method = attributions.methods(bundle, output)[0]
    found = attributions.maps(bundle, (image_id,), method, output)
    limit = image_sheet.shared_limit([found.values], 1.0)
    title, target = attributions.title(method), names[int(found.targets[0])]
    st.markdown(f"**{title}**, for {messages.literal(target)}")
    pixels = theme.colourise(found.values[0], theme.diverging(state.dark()), limit)
    image_grid.picture(pixels, key="own heatmap", width=WIDTH,
                       alt=f"{title} of your image, for {target}")  # fmt: skip
    st.page_link(PAGES["heatmaps"], label="Heatmaps", icon=":material/gradient:")


def _counterfactual(
    bundle: "Bundle", image_id: str, output: str, names: list[str], target: int
) -> None:
    found = counterfactuals.change(bundle, image_id, output, "default", target)
    st.markdown(f"**As {messages.literal(names[target])}**")
    there = probabilities.percent(found.after[target])
    image_grid.picture(found.counterfactual, key="own counterfactual", width=WIDTH,
                       alt=f"Your image as {names[target]}, which is at {there}")  # fmt: skip
    st.page_link(PAGES["counterfactuals"], label="Counterfactuals", icon=":material/alt_route:")
    if not found.converged:
        st.caption(f"Only got to {there}: {found.reason}.")


def _map(bundle: "Bundle", image_id: str) -> None:
    facts, dark = image_data.facts(bundle, image_id), state.dark()
    place, near = (
        (float(facts["umap_x"]), float(facts["umap_y"])),
        naming.cluster_names(bundle)[int(facts["cluster"])],
    )
    drawn = picture.overview(
        map_backdrop.backdrop(bundle, dark, map_backdrop.STRONG),
        map_backdrop.middles(bundle),
        dark,
        place,
    )
    name = naming.display_name(image_id)
    st.image(
        sprites.data_url(drawn.encode(), "svg+xml"),
        alt=f"Map of all images; {name} is marked, in cluster {near}",
        width="stretch",
    )


def _warning(known: "Typicality", text: str) -> str:
    elbo, floor, ceiling = told_apart(known.elbo, known.elbo_floor, known.elbo_ceiling)
    distance, farthest = told_apart(known.distance, known.distance_ceiling)
    reasons = []
    if known.badly_explained:
        reasons.append(
            f"the model explains it worse than {probabilities.share(1 - known.elbo_share)} of the "
            f"training images (ELBO {elbo} nats, the limit is {floor})"
        )
    if known.too_simple:
        reasons.append(
            f"it is simpler than the training images: the model explains it better than "
            f"{probabilities.share(known.elbo_share)} of them (ELBO {elbo} nats, the limit is "
            f"{ceiling})"
        )
    if known.far_away:
        reasons.append(
            f"its code lies {distance} from the nearest training images, where 99 of 100 test "
            f"images keep below {farthest}"
        )
    if known.undecided:
        sure, least = (
            f"{100 * share:.0f} %" for share in (known.confidence, known.confidence_floor)
        )
        reasons.append(
            f"no cluster is probable (the most probable one has {sure}, 999 of 1,000 test images "
            f"have at least {least})"
        )
    return (
        f"**Out of distribution**: {', and '.join(reasons)}. The model still answers "
        f"*{messages.literal(text)}*. Do not trust this answer, nor the figures below."
    )
