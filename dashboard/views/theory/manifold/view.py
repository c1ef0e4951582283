"""Theory, last part: how a step in latent space moves the decoded image."""

from dashboard import state
from dashboard.ui import naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.manifold import first_order_law, step, two_ascents

bundle = layout.page(
    "On the manifold",
    "A small step in the code moves the decoded image along the surface of all images that the "
    "decoder can draw. That is a theorem, for any function and any direction. Whether a "
    "counterfactual looks like a real image depends on the decoder, and is measured on the page "
    "Counterfactuals.",
    "decode",
)
image_id = state.selected_id()

layout.section(
    "The first-order law",
    f"A step in the code of {naming.marked(image_id)}, towards a class, seen in image space.",
    "Left: the residual of the law against the length of the step, both logarithmic. By Taylor's "
    "theorem, ten times the step leaves a hundred times the residual: the points follow the "
    "dashed line of slope 2, not the dotted one. Right: the singular values S, the Euclidean "
    "length in pixels that a unit of each direction moves. The step is filtered by U S², so "
    "directions with small singular values hardly move. Longer steps cross kinks of the "
    "decoder's ReLUs, where there is no second order. Below: warm is ink added, cold ink "
    "removed.",
)
first_order_law.show(bundle, image_id)

layout.section(
    "One step as a picture",
    "The pixel gradient, what is left of it in the tangent space, and the result of one step.",
    "U Uᵀ projects the pixel gradient on the tangent space of the decoder's images; S² weighs "
    "its directions, and the result is the step that the code takes, seen in pixels. Warm is ink "
    "added, cold ink removed; each of the three has its own colour scale. Right: the decoded "
    "image, the image after the step, and a step of the same Euclidean length along the pixel "
    "gradient itself.",
)
step.show(bundle, image_id, first_order_law.targets(bundle))

layout.section(
    "What can fail",
    "The same log p(target), maximised from the image's code and from the image's pixels.",
    "The law above holds for any function and any direction, so it proves nothing about a "
    "counterfactual. A result can lie far from every image that the decoder can draw. The "
    "distance is measured in ink (absolute differences, summed over pixels) to the nearest such "
    "image that is found from the result's own code, so it is an upper bound. For latent ascent "
    "the true distance is 0; the search finds slightly more. Pixel ascent is the adversarial "
    "contrast: it reaches the target with ink that no code explains. Whether the decoder's "
    "images are images of *data* is a question for the judges on the page Counterfactuals, where "
    "the usual steps are Adam's; a plain step is the formula's, z + λv.",
)
two_ascents.show(bundle, image_id, first_order_law.targets(bundle))

derivation.section(bundle, image_id, "theory_manifold")
next_pages.offer_neighbours("theory_manifold")
