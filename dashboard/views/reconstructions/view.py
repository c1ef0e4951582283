"""Reconstructions: what the model keeps of an image, what it loses, what it could be."""

from dashboard import state
from dashboard.ui import health, messages, naming
from dashboard.ui.frame import layout
from dashboard.views.reconstructions import (
    bound_terms,
    comparison,
    extremes,
    latent_editor,
    local_directions,
    traversals,
    under_clusters,
)

bundle = layout.page(
    "Reconstructions",
    "What does the model keep of an image that it has to draw again from a few numbers?",
    "decode",
)
image_id = state.selected_id()
health.show(bundle, "reconstruction", "steps")

layout.claim(
    comparison.finding(bundle, image_id),
    f"{messages.literal(naming.describe(bundle, image_id))}. Point at a pixel to read its value.",
    "The reconstruction is the decoder's mean image at the mean of $q(z|x)$, from 0 (black) to "
    "1 (white). The error is input minus reconstruction: **warm is ink that was lost, cold is "
    "ink that was added**. On the shared scale, from $-1$ to $+1$, errors of different images can "
    "be compared; fitted to this image, faint errors show.",
)
comparison.show(bundle, image_id)

layout.section(
    "How well is it explained?",
    "The evidence lower bound (ELBO) of this image, the sum of four terms, and its clusters.",
    "Each bar starts where the last one ended; the final one is the sum, the ELBO. All are in "
    "nats per image. A diamond says to what share of the images in the "
    "same split the term adds less: 50 is the median. " + naming.names_mean(bundle),
)
bound_terms.show(bundle, image_id)

layout.section(
    "Best and worst",
    "Images at both ends of a term. Click one to select it.",
    "The number is what the term adds to the ELBO of the image, in nats. Images with "
    "little ink tend to have a high ELBO, since there is less to explain: a low ELBO alone is no "
    "error. The bar below an image has the colour of its cluster.",
)
extremes.show(bundle, image_id)

layout.section(
    "Under each cluster",
    "The image's code, decoded as a member of each cluster.",
    "Compare what stays the same along the row with what changes from cluster to cluster. A low "
    "percentage means that the model puts the decoded image into another cluster. "
    + naming.names_mean(bundle),
)
under_clusters.show(bundle, image_id)

layout.section(
    "Latent traversals",
    "One latent dimension per row, moved from low to high while all others stay.",
    traversals.HOW_TO_READ,
)
traversals.show(bundle, image_id)

layout.section(
    "Local directions",
    "The directions in latent space that change this image most, strongest first.",
    local_directions.HOW_TO_READ,
)
local_directions.show(bundle, image_id)

layout.section(
    "Edit this image",
    "Move single dimensions and see the image and its cluster change.",
    latent_editor.HOW_TO_READ,
)
latent_editor.show(bundle, image_id)
