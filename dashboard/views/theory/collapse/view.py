"""Theory, third part: why the bound alone makes no clusters."""

from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.collapse import replay

bundle = layout.page(
    "The collapse",
    "The bound is not a measure of clusters. What happens to q(c|x) when nothing but the bound is "
    "pushed up, what keeps the clusters, and what does that cost in nats?",
)

layout.section(
    "Trainings, replayed",
    "What each training believes of the same images, epoch by epoch.",
    "A strip is a training, a column an image in the order of its label, a row a cluster (in the "
    "order of the label it ends at), dark is q(c|x) near 1. An even grey strip, or one dark row "
    "all across, is a collapse: q(c|x) says the same of every image. Steps along the diagonal "
    "are clusters that follow the labels, which no training has seen. Below: cluster "
    "information, at most ln K (dashed), and the bound; its first epochs lie below what is shown.",
)
replay.replay(bundle)

layout.section(
    "The argument, with its numbers",
    "Why it collapses, where the report's claim holds, and the price of the cure.",
    "Cluster information is how many nats q(c|x) tells about which image it is, on average. The "
    "price is a difference of bounds on the same images, with its standard error over them.",
)
replay.argument(bundle)
next_pages.offer_neighbours("theory_collapse")
