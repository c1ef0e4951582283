"""Theory, fourth part: Gaussian mixtures by EM."""

from dashboard import state
from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory import derivation
from dashboard.views.theory.mixtures import em_steps, one_dimension

bundle = layout.page(
    "Mixtures by EM",
    "The prior of a cluster VAE is a mixture of Gaussians. Watch expectation maximisation (EM) "
    "fit one: the E-step computes each component's responsibility for each point, the M-step the "
    "best Gaussians for these responsibilities.",
)

layout.section(
    "A mixture on a line",
    "Drag a mean, or the point x: the density follows, and so do the responsibilities.",
    "The solid line is p(x), the dotted ones are the weighted components, each with its mean at "
    "the circle. Arrow keys move a selected circle. The second number in N(μ, σ²) is a variance.",
)
one_dimension.density(bundle)

layout.section(
    "Half steps, and K-means beside them",
    "EM for two components on five points, from π = (½, ½), μ = (−1, 1), σ² = (1, 1).",
    "After the E-step F(q, θ) is log p(x|θ); after the M-step both have risen, and F is the lower "
    "one. K-means starts at the same centres: it assigns each point to the nearest one wholly, "
    "and moves the centres to the means. It is the limit of EM for one fixed σ → 0.",
)
one_dimension.half_steps(bundle)

layout.section(
    "EM, step by step",
    "The same points from the same start, by maximum likelihood and by maximum a posteriori.",
    "A point has the colours of the components, blended by their responsibilities for it. "
    "Ellipses lie at one and two standard deviations, crosses at the means. The curve below is "
    "each fit's objective; no EM step lowers it. The likelihood has no maximum (the density of "
    "a Gaussian on a single point diverges as its variance shrinks), so variances are "
    "kept above a floor, and the page says when one has reached it. The prior, worth some points "
    "per component, prevents that.",
)
em_steps.show(bundle)

derivation.section(bundle, state.selected_id(), "theory_mixtures")
next_pages.offer_neighbours("theory_mixtures")
