"""What the model says about one image, at a glance."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.links import PAGES
from dashboard.services import attributions, cache, counterfactuals, image_data
from dashboard.ui import map_backdrop, naming
from dashboard.ui.chart import chart
from dashboard.ui.components import image_grid
from dashboard.ui.frame import layout
from xai_core.plots import image_sheet, probabilities, theme
from xai_core.plots.latent_map import path
from xai_core.plots.style import plain

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.typicality import Typicality

WIDTH = 168
"""Screen pixels of a picture, six for each of the image's."""
HEIGHT = 240
"""Screen pixels of the map at least; as many as of the bars beside it where they are more."""


def invite(bundle: "Bundle", image_id: str) -> None:
    """Describe what will appear here, and show the selected image on the map."""
    layout.section(
        "Nothing of yours yet",
        "Draw a digit or upload a picture. Its cluster, place on the map, reconstruction, "
        "heatmap and a counterfactual appear here.",
    )
    st.markdown(f"**Where {naming.marked(image_id)} lies**, the image that is selected now")
    _map(bundle, image_id, height=340)


def prepare(bundle: "Bundle", image_id: str) -> None:
    """Compute once, in advance, what the first stroke would otherwise wait for."""
    image_data.typicality(bundle, image_id)
    cache.cached_per_bundle(bundle, "explained", lambda: _explain(bundle, image_id))


def _explain(bundle: "Bundle", image_id: str) -> None:
    of = _of(bundle)
    if of in counterfactuals.explainable(bundle):
        target = int(counterfactuals.decided(bundle, image_id, of).argsort()[-2])
        attributions.maps(bundle, (image_id,), attributions.methods(bundle, of)[0], of)
        counterfactuals.change(bundle, image_id, of, "default", target)


def verdict(bundle: "Bundle", image_id: str) -> None:
    """Say whether to trust the model on this image, and show its clusters and its place."""
    seen, names = image_data.inferred(bundle, image_id), naming.cluster_names(bundle)
    best, known = int(seen.probs.argmax()), image_data.typicality(bundle, image_id)
    said = f"cluster {names[best]}, {naming.sure(float(seen.probs[best]))} sure"
    layout.section(
        "Not to be believed" if known.unlike else f"{said[:1].upper()}{said[1:]}",
        "How the image compares with those that the model learned from, and where it belongs.",
        "A model answers whatever it is shown, and can be sure of nonsense. Two numbers tell: the "
        "**ELBO**, how well the model explains the image, and the **distance** of its code to the "
        "10 nearest training images, in units of the latent space. An image is called *unlike* "
        "where the first is lower or higher, or the second larger, than with 99 of 100 real test "
        "images; so about 2 in 100 real ones are called so wrongly.",
    )
    if known.unlike:
        st.warning(_warning(known, said), icon=":material/warning:")
    st.markdown(
        f"**ELBO {plain(known.elbo, 1)} nats**, above {100 * known.elbo_share:.1f} % of the "
        f"training images. **Distance {known.distance:.2f}**, above "
        f"{100 * known.distance_share:.1f} % of the test images."
    )
    bars, place = st.columns([5, 4], gap="medium")
    with bars:
        st.markdown("**Which cluster?** $q(c|x)$")
        figure = probabilities.bar_chart(seen.probs, names, state.dark(), row_height=22)
        chart(figure, key="own clusters", alt=f"q(c|x): {said}")
        st.page_link(PAGES["clusters"], label="All clusters", icon=":material/category:")
    with place:
        st.markdown("**Where among all images?**")
        _map(bundle, image_id, height=max(HEIGHT, figure.layout.height))
        st.page_link(PAGES["latent_map"], label="On the map", icon=":material/scatter_plot:")


def parts(bundle: "Bundle", image_id: str) -> None:
    """Show the image, its reconstruction, a heatmap and a counterfactual."""
    layout.section(
        "What it keeps, why, and what else it could be",
        "The image as the model sees it, drawn again, explained, and changed into its runner-up.",
        "The *reconstruction* is what the decoder draws of the image's code. In the *heatmap*, "
        "**warm pixels speak for the cluster, cold ones against it**. The *counterfactual* is the "
        "smallest change by which the image becomes the second most likely cluster.",
    )
    of = _of(bundle)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        boxes = [st.container(width=WIDTH) for _ in range(4)]
    with boxes[0]:
        st.markdown("**Input**")
        image_grid.picture(image_data.images(bundle, [image_id])[0], key="own input", width=WIDTH,
                           alt=f"Input: {naming.describe(bundle, image_id)}")  # fmt: skip
        st.page_link(PAGES["theory"], label="Its bound", icon=":material/stacked_line_chart:")
    with boxes[1]:
        st.markdown("**Reconstruction**")
        seen = image_data.inferred(bundle, image_id)
        image_grid.picture(seen.reconstruction, key="own output", width=WIDTH,
                           alt="Reconstruction of your image")  # fmt: skip
        st.page_link(PAGES["reconstructions"], label="Reconstructions", icon=":material/compare:")
    if of not in counterfactuals.explainable(bundle):
        return
    probs = counterfactuals.decided(bundle, image_id, of)
    names = naming.class_names(bundle, of, len(probs))
    with boxes[2]:
        _heatmap(bundle, image_id, of, names)
    with boxes[3]:
        _counterfactual(bundle, image_id, of, names, int(probs.argsort()[-2]))


def _of(bundle: "Bundle") -> str:
    return "cluster" if bundle.model.config.num_clusters > 1 else "classifier"


def _heatmap(bundle: "Bundle", image_id: str, of: str, names: list[str]) -> None:
    method = attributions.methods(bundle, of)[0]
    found = attributions.maps(bundle, (image_id,), method, of)
    limit = image_sheet.shared_limit([found.values], 1.0)
    title, target = attributions.title(method), names[int(found.targets[0])]
    st.markdown(f"**{title}**, for {target}")
    pixels = theme.colourise(found.values[0], theme.diverging(state.dark()), limit)
    image_grid.picture(pixels, key="own heatmap", width=WIDTH,
                       alt=f"{title} of your image, for {target}")  # fmt: skip
    st.page_link(PAGES["heatmaps"], label="Heatmaps", icon=":material/gradient:")


def _counterfactual(
    bundle: "Bundle", image_id: str, of: str, names: list[str], target: int
) -> None:
    found = counterfactuals.change(bundle, image_id, of, "default", target)
    st.markdown(f"**As {names[target]}**")
    there = probabilities.percent(found.after[target])
    image_grid.picture(found.counterfactual, key="own counterfactual", width=WIDTH,
                       alt=f"Your image as {names[target]}, which is at {there}")  # fmt: skip
    st.page_link(PAGES["counterfactuals"], label="Counterfactuals", icon=":material/alt_route:")
    if not found.converged:
        st.caption(f"Only got to {there}: {found.reason}.")


def _map(bundle: "Bundle", image_id: str, *, height: int) -> None:
    facts, dark = image_data.facts(bundle, image_id), state.dark()
    name = naming.display_name(image_id)
    place = np.array([facts["umap_x"], facts["umap_y"]], float)
    picture, labels = map_backdrop.backdrop(bundle, dark), map_backdrop.middles(bundle)
    figure = path.map_place(place, picture, labels, dark, name=name, height=height)
    near = naming.cluster_names(bundle)[int(facts["cluster"])]
    chart(figure, key="own place", alt=f"Map of all images; {name} is marked, in cluster {near}")


def _warning(known: "Typicality", said: str) -> str:
    reasons = []
    if known.badly_explained:
        reasons.append(
            f"the model explains it worse than {100 * (1 - known.elbo_share):.1f} % of the "
            f"training images (ELBO {plain(known.elbo)} nats, the limit is "
            f"{plain(known.elbo_floor)})"
        )
    if known.too_simple:
        reasons.append(
            f"it is simpler than a digit: the model explains it better than "
            f"{100 * known.elbo_share:.1f} % of the training images (ELBO {plain(known.elbo)} "
            f"nats, the limit is {plain(known.elbo_ceiling)})"
        )
    if known.far_away:
        reasons.append(
            f"its code lies {known.distance:.2f} from the nearest training images, where 99 of "
            f"100 test images keep below {known.distance_ceiling:.2f}"
        )
    return (
        f"**Unlike the training images**: {', and '.join(reasons)}. The model still answers "
        f"*{said}*; do not believe it, nor the figures below."
    )
