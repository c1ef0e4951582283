"""Theory: a VAE small enough to be worked by hand."""

from dashboard import state
from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.linear_vae import panels

bundle = layout.page(
    "A VAE by hand",
    "One number x, one number z, a linear decoder: everything that a VAE estimates is known here, "
    "so that every formula and every gradient can be checked.",
)

layout.section(
    "The model and its gradients",
    "Move the parameters; compare the bound with log p(x), and estimated gradients with exact "
    "ones.",
    "The encoder gives the mean f and the deviation σ_z of q(z|x), the decoder the mean of "
    "p(x|z); for images both are networks with two outputs, f_φ(x) = (μ, σ) and g_θ(z). "
    "E[log p(x|z)] has no closed form then, and is averaged over N draws. Training maximises the "
    "sum over images of reconstruction minus divergence.",
)
panels.show(bundle)

derivation.section(bundle, state.selected_id(), "theory_linear_vae")
next_pages.offer_neighbours("theory_linear_vae")
