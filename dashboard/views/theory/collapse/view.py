"""Theory, third part: the best q(c|x), and when training on the bound loses the clusters."""

from dashboard import state
from dashboard.ui import naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.collapse import choices, replay
from dashboard.views.theory.loader import FEWEST_DRAWS

bundle = layout.page(
    "The collapse",
    "The bound is not a measure of clusters. Which q(c|x) does it prefer, what happens to q(c|x) "
    "when nothing but the bound is maximised, and what keeps the clusters?",
)
image_id = state.selected_id()

layout.section(
    "Which q(c|x) is best",
    f"The bound of {naming.marked(image_id)} under five choices of q(c|x), q(z|x) held fixed.",
    "A bar is what a choice loses against q\u22c6: the bound is a constant minus KL(q(c|x) || "
    "q\u22c6), so no choice is better. The report says that 1/K is the optimum; that maximises "
    "one term of the bound, not the bound. All choices are measured on the same "
    f"{FEWEST_DRAWS:,} codes; a Bernoulli likelihood reads binarised pixels.",
)
choices.show(bundle, image_id)

layout.section(
    "Trainings, replayed",
    "q(c|x) of the same images under each training, epoch by epoch.",
    "Each strip is a training, each column an image (by label), each row a cluster (in the "
    "order of the label it ends at), dark is q(c|x) near 1. An even grey strip is a collapse to "
    "1/K, one dark row all across a collapse to one cluster: in both, q(c|x) says the same of "
    "every image. Steps along the diagonal are clusters that follow the labels, which were not "
    "used in these trainings. Below left: the mean KL in two parts, at most ln K (dashed): blue "
    "is the part that distinguishes images, the cluster information; red is the part caused by "
    "unequal cluster sizes. Without a bar, q(c|x) is 1/K for every image. Below right: the "
    "bound; its first epochs lie below what is shown.",
)
replay.replay(bundle)

layout.section(
    "The argument, with its numbers",
    "What the bound prefers, the two collapses, the remedy, and its price.",
    "Cluster information I(c; x) is how many nats the cluster tells about the image, on average. "
    "Differences of bounds are on the same images, with their standard error over them.",
)
replay.argument(bundle)

derivation.section(bundle, image_id, "theory_collapse")
next_pages.offer_neighbours("theory_collapse")
