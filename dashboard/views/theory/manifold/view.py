"""Theory, last part: why a counterfactual found in latent space stays an image."""

from dashboard import state
from dashboard.ui import naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.manifold import first_order_law

bundle = layout.page(
    "On the manifold",
    "Pushing pixels uphill makes noise; pushing the code uphill makes another digit. The reason "
    "is a law about each small step, and a law can be checked.",
)
image_id = state.selected_id()

layout.section(
    "The first-order law",
    f"A step in the code of {naming.marked(image_id)}, towards a class, seen in image space.",
    "Left: what the law leaves unexplained against the length of the step, both logarithmic. If "
    "the law holds to first order, ten times the step leaves a hundred times the residual: the "
    "points follow the dashed line of slope 2, not the dotted one. Right: the ink that a unit of "
    "each tangent direction moves, the singular values S. The step is filtered by U S², so weak "
    "directions, noise among them, hardly move. Longer steps cross kinks of the decoder's ReLUs, "
    "where there is no second order. Below: warm is ink added, cold ink removed.",
)
first_order_law.show(bundle, image_id)
next_pages.offer_neighbours("theory_manifold")
