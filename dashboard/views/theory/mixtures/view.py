"""Theory, fourth part: Gaussian mixtures by EM."""

from dashboard import state
from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.mixtures import em_steps

bundle = layout.page(
    "Mixtures by EM",
    "The prior of a cluster VAE is a mixture of Gaussians. Watch expectation maximisation (EM) "
    "fit one: the E-step computes each component's responsibility for each point, the M-step the "
    "best Gaussians for these responsibilities.",
)

layout.section(
    "EM, step by step",
    "The same points from the same start, by maximum likelihood and by maximum a posteriori.",
    "A point has the colours of the components, blended by their responsibilities for it. "
    "Ellipses lie at one and two standard deviations, crosses at the means. The curve below is "
    "what each fit maximises; no EM step lowers it. The likelihood has no maximum (the density of "
    "a Gaussian on a single point grows without end as its variance shrinks), so variances are "
    "kept above a floor, and the page says when one has reached it. The prior, worth some points "
    "per component, prevents that.",
)
em_steps.show(bundle)

derivation.section(bundle, state.selected_id(), "theory_mixtures")
next_pages.offer_neighbours("theory_mixtures")
