"""Theory, fifth part: mean-field variational inference, as a probe on the codes."""

from dashboard import state
from dashboard.ui import messages, naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.mean_field import correlated, probe

bundle = layout.page(
    "Mean-field",
    "Can a property of the images be read linearly from their codes, and how certainly? A "
    "logistic regression with a posterior over its weights answers both, and shows what the "
    "bound's gradients cost.",
)
image_id = state.selected_id()
text, of, count = probe.choice(bundle)

layout.section(
    "The posterior of the probe",
    f"“{messages.literal(text)}”, read from the mean of q(z|x): one weight per latent, with error "
    "bars.",
    "A dot is the mean of q(w), a bar two standard deviations to both sides. Blue weights are "
    "clear of 0. The latents are standardised, so weights can be compared. Mean-field: weights "
    "are independent under q, which makes the bars a little too short where latents correlate.",
)
probe.posterior(bundle, of, text, count)

layout.section(
    "The predictive band",
    f"The probe's answer for {naming.marked(image_id)} as one latent of its code moves.",
    "The line is the prediction averaged over q(w), the band holds 95 % of q(w); the diamond is "
    "the image itself. Far from the images the band is wide: the prediction is "
    "uncertain. The averaged line is less certain than the band's middle.",
)
probe.prediction(bundle, image_id, of, text, count)

layout.section(
    "Two gradients of one bound",
    "The score function needs only values of log p(y|w); reparameterisation needs its slope.",
    "Left: variance of the gradient's estimate, summed over parameters, against the draws in it; "
    "both axes logarithmic. Right: the exact ELBO along an ascent by each, with equal draws and "
    "steps. Both estimators have the same mean, the exact gradient.",
)
probe.estimators(bundle, of, count)

layout.section(
    "Coordinate ascent",
    "A correlated Gaussian p, and an independent q that is updated factor by factor.",
    "Ellipses lie at one and two standard deviations. Each half sweep moves one mean to where "
    "log q_j is the expectation of log p under the other factor. Mean-field sets the correlation "
    "to 0 and its variances are too small: 1 − ρ² instead of 1. The forward divergence has no "
    "such rule in general, since it needs expectations under p.",
)
correlated.show(bundle)

derivation.section(bundle, image_id, "theory_probe")
next_pages.offer_neighbours("theory_probe")
