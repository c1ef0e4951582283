"""Theory, first part: the model, one image's bound, and log p(x)."""

from dashboard import state
from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.bound import amortised, bound, graphical_model

bundle = layout.page(
    "The bound",
    "The cluster VAE is trained on a lower bound of log p(x). Follow the selected image from the "
    "model to its bound, and on to the gap between the bound and log p(x). Unless said otherwise, "
    "numbers are in nats per image.",
    "decode",
)
image_id = state.selected_id()

layout.section(
    "The model",
    "Figure 1. The dependencies of the generative model and of its inference.",
    "A circle is a random variable, a shaded one is observed; a dot is a parameter; a plate is "
    "repeated as its corner says. Solid arrows generate an image: cluster c, then its code "
    "z, then its pixels x. Dashed arrows go back: c is inferred either from the image, by a "
    "branch of the encoder, or from the code, by Bayes' rule.",
)
graphical_model.show(bundle)

layout.section(
    "One image's bound",
    "The four terms of the selected image, and of others on the same scale.",
    "Each bar starts where the last one ended; the dark one is the sum, the bound. Reconstruction "
    "measures how well the code explains the pixels; the other three are "
    "the cost of the code and the cluster. The report calls the expected log prior *prior "
    "alignment*. The stored bound is of grey pixels at one draw of z.",
)
bound.waterfalls(bundle, image_id)

layout.section(
    "The bound closes",
    "The more codes are drawn, the closer an estimate comes to log p(x).",
    "The line is the mean of estimates from k draws, the band holds 80 % of them (at the largest "
    "k: one standard error). Its left end is the bound with the best q(c|x, z), "
    "which is L where the decoder does not read c. The line does not fall, since each group of k "
    "draws is a union of smaller groups. The distance from a bound's line to log p(x) is the "
    "inference gap: how far q(z, c|x) is from the true posterior. The solid line is L with "
    "q(c|z) = p(c|z), the dotted line L\u0302 with q(c|x) (see the next page). A Bernoulli "
    "likelihood reads binarised pixels here, so both lie below the stored bound of grey pixels: "
    "compare bounds only on the same pixels.",
)
bound.closing(bundle, image_id)

layout.section(
    "What the gap is made of",
    "Optimise q(z|x) for this image alone, and see which part of the gap closes.",
    "Two ways to infer a code: optimise q for each image, or learn an encoder that gives it in "
    "one pass, amortised inference. The line climbs from the encoder's Gaussian to the best one "
    "of this image, found by Newton steps on the reparameterised bound with new noise at each "
    "step; every point of the line is an average over the same other draws, the cluster summed "
    "out. No Gaussian with independent coordinates can close the gap that is left. log "
    "p(x) is estimated from draws of a Gaussian with correlated coordinates around the best one, "
    "which lie nearer to p(z|x) than the encoder's, so it is higher than the estimate above; on "
    "average it is still too low.",
)
amortised.show(bundle, image_id)

derivation.section(bundle, image_id, "theory")
next_pages.offer_neighbours("theory")
