"""Train: start trainings, watch them, compare two, open what came out."""

from dashboard.ui.frame import layout
from dashboard.views.train import form, runs

layout.heading(
    "Train",
    "Train a cluster VAE of your own, with all that the other pages need. You can close this "
    "page at any time and come back: the training goes on, and everything about it is kept.",
)
bundle = layout.follow() if layout.any_bundle() else None

layout.section(
    "A new training",
    "The same as `xai train`: what to train on, how large, and under what name to keep it.",
    "**Clusters** are found without labels; K = 1 is the plain VAE. **Latent dimensions** is how "
    "many numbers are kept of an image. **Epochs** is how often the cluster VAE sees the train "
    "images; classifier and critics follow as the preset has them. **Train images** takes the "
    "first ones only. Two trainings with the same settings and seed on the same machine give "
    "the same weights.",
)
form.form()
runs.watch(bundle)
