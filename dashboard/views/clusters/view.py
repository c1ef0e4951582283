"""Clusters: what each one stands for, what is in it, and where two of them meet."""

from dashboard import state
from dashboard.ui import messages, naming
from dashboard.ui.frame import layout
from dashboard.views.clusters import (
    boundary_images,
    confusion,
    interpolation,
    members,
    overview,
    samples,
)

bundle = layout.page(
    "Clusters",
    "The model sorted the images into clusters by itself. What does each one stand for, what is "
    "in it, and where do two of them meet?",
)
image_id = state.selected_id()

layout.section(
    "All clusters",
    "The decoded centre of each cluster. Click one to look into it below.",
    r"A prototype is $g(\mu_c)$, the image at the centre of the cluster: no real image, and "
    "blurred where its members differ. Confidence is the largest $q(c|x)$ of an image. "
    + naming.ARROW_MEANS,
)
cluster = overview.show(bundle)
name = messages.literal(naming.cluster_names(bundle)[cluster])

layout.section(
    f"Samples of cluster {name}",
    "Images that the model makes up for this cluster.",
    r"A code is drawn from $p(z|c) = N(\mu_c, \sigma_c^2 I)$ and decoded. Samples that look like "
    "real images mean that the cluster's bell fits its members; the higher the temperature, the "
    "more variety and the more nonsense.",
)
samples.show(bundle, cluster)

layout.section(
    f"Real images in cluster {name}",
    "Members by confidence. Click one to select it.",
    "The least sure members show what the cluster is mistaken for; the surest ones show its core. "
    "The bar has the colour of the cluster.",
)
members.show(bundle, cluster, image_id)

layout.section(
    f"A walk from cluster {name}",
    "Decoded images on the straight line between two centres, and what each is taken for.",
    "A sharp change means that the model keeps the two apart; a third cluster in between, or "
    "blur, means that the line leaves the region where images lie. Lines are $q(c|x)$ of the "
    "decoded frame; clusters below 1 % everywhere are left out.",
)
interpolation.show(bundle, cluster)

layout.section(
    "Border cases",
    "Real images that two clusters claim: the smallest margin between the two best. Click one.",
    "Below each image are its two most probable clusters. Many are hard for people too. Near 50 % "
    "each, the choice of cluster is nearly a coin toss.",
)
boundary_images.show(bundle, cluster, image_id)

layout.section(
    "Clusters and labels",
    "How many images of each label fall into each cluster.",
    "A row is a label, a column a cluster, in the order of their names. Colour is the share of "
    "the row: off the diagonal, the model's idea of a kind differs from the label's. "
    + naming.ARROW_MEANS,
)
confusion.show(bundle)
