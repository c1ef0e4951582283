"""Train: start trainings, watch them, compare two, open the results."""

from dashboard.ui.frame import layout
from dashboard.views.train import form, runs

bar = layout.heading(
    "Train",
    "Train a cluster VAE of your own. A training goes on when you close this page.",
)
bundle = layout.follow(bar) if layout.any_bundle() else None

runs.watch()
layout.section(
    "A new training",
    "The same as `xai train`: choose the data, the sizes and the name of the model.",
    "**Clusters** are found without labels; K = 1 is the plain VAE. **Latent dimensions** is the "
    "number of values that describe an image. **Epochs** is how often the cluster VAE sees each "
    "train image; unless you change it, small sets get more epochs, so that every stage takes "
    "enough steps. **Train images** limits the training to the first images. Two trainings "
    "with the same settings and seed on the same machine give the same weights.",
)
form.form()
runs.draw_curves(bundle)
