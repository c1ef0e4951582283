"""Theory, second part: two factorisations of the posterior and an inequality."""

from dashboard import state
from dashboard.ui import naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.factorisations import counterexample, final_bound, panels
from dashboard.views.theory.loader import FEWEST_DRAWS

bundle = layout.page(
    "Two factorisations",
    "c can be inferred from the image, q(c|x), or from the code, q(c|z). Both are lower bounds of "
    "the same log p(x). Which one is higher, and does a simple inequality decide it?",
    "decode",
)
image_id = state.selected_id()

layout.section(
    "Two bounds of the same model",
    f"L with q(c|z) = p(c|z), L\u0302 with q(c|x), and the six expectations between them, of "
    f"{naming.marked(image_id)}.",
    "The entropy of q(z|x) is in both bounds and cancels; three pairs remain. The bars lead from "
    "0 to the difference. Choose which q(c|x) stands in the bound: all numbers are averages over "
    f"the same {FEWEST_DRAWS:,} codes, so noise of the draws is the same in both bounds. "
    "q(z, c|x) = q(c|x) q(z|x) with a diagonal q(z|x) is itself a mean-field family. A Bernoulli "
    "likelihood reads binarised pixels here.",
)
panels.both(bundle, image_id)

layout.section(
    "The inequality",
    "Both sides of Jensen's inequality for many images; the selected image is ringed.",
    "Up: the average divergence of q(c|z). Right: the divergence of its average. Here q(z|x) is "
    "that of the grey image, so the numbers differ from those of binarised pixels above. No image "
    "can lie below the dashed line. Near the upper right corner clusters are certain; a point "
    "far above the line is an image whose codes disagree about its cluster. The report derives "
    "L ≥ L\u0302 from this inequality, but in L the larger side is *subtracted*: alone, it would "
    "make L the smaller one.",
)
panels.inequality(bundle, image_id)

layout.section(
    "Where L is the lower one",
    "Two clusters with the same Gaussian, and one binary image x whose probability depends on "
    "the cluster alone.",
    "The report says that generally L ≥ L\u0302. That holds where q(c|z) = p(c|x, z), as with the "
    "mixture's responsibilities and a decoder that reads z alone. Here the decoder reads c: z "
    "carries no information about the cluster, so q(c|z) = 1/2, and q(c|x) can be better.",
)
counterexample.show(bundle)
counterexample.among_images(bundle)

layout.section(
    "(6.1), term by term",
    f"The final model's bound of {naming.marked(image_id)}, with the numbers to compute it by "
    "hand.",
    "Left: each pixel's share of term 1, in nats, over the image's contour; a pixel that the "
    "decoder predicts well costs little, one that it predicts badly is cold. The other terms are "
    "closed forms of the numbers below: insert a cluster's column in the formula, weight it by "
    "q(c|x) and add. μ(x) and σ_j(x) are the encoder's, μ_c and σ_c the mixture's, g is the "
    "decoded image and p(c) = 1/K. For a Bernoulli likelihood the encoder reads binarised pixels "
    "too, so q(c|x) differs from the confidence above, which is that of the grey image. Term 1 "
    "has no closed form: it is an average over codes, of binarised pixels for a Bernoulli "
    "likelihood; the first section averages all terms over more codes, so its L\u0302 differs by "
    "their noise.",
)
final_bound.show(bundle, image_id)

derivation.section(bundle, image_id, "theory_factorisations")
next_pages.offer_neighbours("theory_factorisations")
