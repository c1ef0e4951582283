"""Theory, fourth part: Gaussian mixtures by EM."""

from dashboard.ui import next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.mixtures import em_steps

bundle = layout.page(
    "Mixtures by EM",
    "The prior of this model is a mixture of bells. Watch expectation maximisation fit one: who "
    "answers for which point (E), then the best bells for that answer (M), again and again.",
)

layout.section(
    "EM, step by step",
    "The same points from the same start, by maximum likelihood and by maximum a posteriori.",
    "A point has the blend of the colours of the components that answer for it. Ellipses lie at "
    "one and two standard deviations, crosses at the means. The curve below is what each fit "
    "pushes up: it never falls. The likelihood has no maximum (a bell on a single point grows "
    "without end), so variances are held at a floor, and the page says when one is there; the "
    "prior, worth some points per component, takes that way out.",
)
em_steps.show(bundle)
next_pages.offer_neighbours("theory_mixtures")
