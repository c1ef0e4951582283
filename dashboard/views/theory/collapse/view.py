"""Theory, third part: when training on the bound alone loses the clusters."""

from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.collapse import replay

bundle = layout.page(
    "The collapse",
    "The bound is not a measure of clusters. What happens to q(c|x) when nothing but the bound is "
    "maximised, what keeps the clusters, and what does that cost in nats?",
)

layout.section(
    "Trainings, replayed",
    "What each training believes of the same images, epoch by epoch.",
    "A strip is a training, a column an image in the order of its label, a row a cluster (in the "
    "order of the label it ends at), dark is q(c|x) near 1. An even grey strip, or one dark row "
    "all across, is a collapse: q(c|x) says the same of every image. Steps along the diagonal "
    "are clusters that follow the labels, which were not used in these trainings. Below: cluster "
    "information, at most ln K (dashed), and the bound; its first epochs lie below what is shown.",
)
replay.replay(bundle)

layout.section(
    "The argument, with its numbers",
    "What the bound prefers, the two collapses, where the report's claim holds, and the cure.",
    "Cluster information I(c; x) is how many nats the cluster tells about the image, on average. "
    "Differences of bounds are on the same images, with their standard error over them.",
)
replay.argument(bundle)
next_pages.offer_neighbours("theory_collapse")
