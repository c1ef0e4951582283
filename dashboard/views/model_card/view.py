"""Model card: every score with its meaning, what did not work, and how the model was made."""

from dashboard.ui import health, model_card
from dashboard.ui.frame import layout
from dashboard.views.model_card import copies, labels

bundle = layout.page(
    "Model card",
    "Can this model be trusted? Every score is of test images, which were not used to train.",
)
layout.claim(model_card.finding(bundle))
health.show(bundle)
model_card.headlines(bundle)

layout.section(
    "Scores, making and files",
    "What was trained, on what, and how good it is.",
    "The ELBO and its terms are in **nats per image**, summed over its pixels: one nat is a "
    "factor of e = 2.718 in probability. The ELBO is a lower bound on the log-likelihood. "
    "Training adds terms that keep clusters and are no part of the ELBO, "
    "except with the preset *pure_elbo*. The log-likelihood is that of binarised images. "
    f"The checks are of {', '.join(health.CHECKS)}.",
)
model_card.tables(bundle)
labels.show(bundle)
copies.show(bundle)
