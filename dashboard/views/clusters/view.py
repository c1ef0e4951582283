"""Clusters: what each one stands for, what is in it, and where two of them meet."""

from dashboard import state
from dashboard.ui import health, messages, naming
from dashboard.ui.frame import layout
from dashboard.views.clusters import (
    boundary_images,
    confusion,
    interpolation,
    members,
    overview,
    persistence,
    samples,
)

bundle = layout.page(
    "Clusters",
    "What is in each cluster, what does it stand for, and where do two of them meet?",
)
image_id = state.selected_id()
health.show(bundle, "collapse", "steps", "reconstruction")

layout.claim(
    overview.finding(bundle),
    "The decoded centre of each cluster. Click one to look into it below.",
    r"A prototype is $g(\mu_c)$, the image at the centre of the cluster: no real image, and "
    "blurred where its members differ. Confidence is the largest $q(c|x)$ of an image. "
    + naming.names_mean(bundle),
)
cluster = overview.show(bundle)
name = messages.literal(naming.cluster_names(bundle)[cluster])

layout.section(
    f"Samples of cluster {name}",
    "Images that the model generates for this cluster.",
    r"A code is drawn from $p(z|c) = N(\mu_c, \sigma_c^2 I)$ and decoded. If the "
    "cluster's Gaussian fits its members, samples at temperature 1 look like them; a higher "
    "temperature spreads the codes and takes them farther from real ones.",
)
samples.show(bundle, cluster)

layout.section(
    f"Real images in cluster {name}",
    "Members by confidence. Click one to select it.",
    "Confidence is q(c|x) of the cluster: the least sure members have a probable second cluster. "
    "The bar has the colour of the cluster.",
)
members.show(bundle, cluster, image_id)

layout.section(
    f"An interpolation from cluster {name}",
    "Decoded images on the straight line between two centres, with q(c|x) of each.",
    "A sharp change means that $q(c|x)$ switches over a short part of the line; in between, the "
    "line may pass through a third cluster or through codes of no real image. The curves are "
    "$q(c|x)$ of the decoded frame; clusters below 1 % in every frame are left out.",
)
interpolation.show(bundle, cluster)

layout.section(
    "Boundary images",
    "Real images with the smallest margin between their two most probable clusters. Click one.",
    "Below each image are its two most probable clusters. Near 50 % "
    "each, the choice of cluster is nearly arbitrary.",
)
boundary_images.show(bundle, cluster, image_id)

layout.section(
    "Clusters and labels",
    "How many images of each label fall into each cluster.",
    "A row is a label, a column a cluster, in the order of their names. Colour is the share of "
    "the row: off the diagonal, the cluster of an image is named after another label. "
    + naming.names_mean(bundle),
)
confusion.show(bundle)

persistence.show(bundle)
