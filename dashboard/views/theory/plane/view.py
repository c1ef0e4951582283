"""Theory: a latent space of two dimensions, all of which can be seen."""

from dashboard import state
from dashboard.ui import naming, next_pages
from dashboard.ui.frame import layout
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.plane import panels, requirement

bundle = layout.page(
    "The latent plane",
    "With two latents nothing is hidden: each code is a place on a plane, each place an image, "
    "and the Gaussians, the posterior of an image and the path of a counterfactual are drawn "
    "where they are.",
    "decode",
)
requirement.ask_for_two_latents(bundle)
image_id = state.selected_id()

layout.section(
    "Codes, Gaussians and decisions",
    f"The prior's Gaussians p(z|c), all codes, and {naming.marked(image_id)} with its q(z|x).",
    "Circles: one and two standard deviations of each Gaussian. Dots: the mean of q(z|x) of each "
    "image, coloured by its cluster. The ground is coloured by the most probable cluster of each "
    "place, more strongly where it is more certain: by p(c|z), which reads the place alone, or by "
    "q(c|g(z)), which decodes the place and reads the image. Where the two differ, the "
    "generative model and the encoder's branch do not hold together.",
)
panels.explore(bundle, image_id)
formulas(*panels.FORMULAS)
panels.ask_about_the_ellipse(bundle, image_id)

layout.section(
    "The plane as images",
    "Decoded codes at equal distances, as in Kingma & Welling (2014, figure 4).",
    "Neighbouring places decode to similar images: the decoder is continuous. The slides show "
    "the same figure of faces, where one axis turns the head and the other makes it smile. Here "
    "the model learned its axes without supervision, and no axis has to have a single meaning.",
)
panels.grid(bundle)

panels.scores(bundle)
next_pages.offer_neighbours("theory_plane")
