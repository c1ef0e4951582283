"""Theory: the inequalities behind every bound."""

from dashboard import state
from dashboard.ui import naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.inequalities import panels

bundle = layout.page(
    "Inequalities",
    "Every bound of these pages rests on two inequalities: Jensen's, and Gibbs', which says that "
    "a divergence is never negative.",
    "decode",
)
image_id = state.selected_id()

layout.section(
    "Jensen's inequality",
    f"Weights w = p(x, z)/q(z|x) of {naming.marked(image_id)}, on the curve of the logarithm.",
    "A point is a draw z ~ q(z|x) with its weight and the logarithm of it. The lower mark is the "
    "mean of the logarithms, the upper one, on the curve, the logarithm of the mean: the curve "
    "bends downwards, so the mean of points on it lies below it. A set is convex if it holds the "
    "line between any two of its points; a function is convex if its values lie below that line, "
    "f(λx + (1−λ)y) ≤ λ f(x) + (1−λ) f(y), and concave if above.",
)
panels.jensen(bundle, image_id)

layout.section(
    "Surprise, entropy, divergence",
    f"Of {naming.marked(image_id)} and its clusters.",
    "The information of an outcome is its surprise, −log p; the entropy is its mean. The base "
    "of the logarithm sets the unit: bits for 2, nats for e. The Kullback-Leibler divergence, "
    "or relative entropy, is the extra mean surprise of predicting with q what follows p.",
)
panels.divergences(bundle, image_id)

derivation.section(bundle, image_id, "theory_inequalities")
next_pages.offer_neighbours("theory_inequalities")
