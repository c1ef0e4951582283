"""Counterfactuals: what an image would have to look like to be something else."""

from dashboard.ui import find_image, messages
from dashboard.ui.frame import layout
from dashboard.views.counterfactuals import (
    alternatives,
    certificate,
    film,
    methods,
    pictures,
    settings,
    sheet,
    targets,
)

bundle = layout.page(
    "Counterfactuals",
    "What would this image have to look like to be something else? The smallest change that the "
    "model itself would draw, how it gets there, and how far to trust it.",
)
find_image.choose(bundle, "cf find")
asked = settings.ask(bundle)
source, target = (messages.literal(asked.names[c]) for c in (asked.source, asked.target))

layout.section(
    "Into every class",
    "The selected image, changed as little as possible towards each other class. Click one to "
    "look into it below.",
    targets.HOW_TO_READ,
)
targets.show(bundle, asked)

layout.section(
    f"From {source} to {target}",
    "Input, what the decoder knows of it, the counterfactual, and what was changed.",
    pictures.HOW_TO_READ,
)
pictures.show(bundle, asked)

layout.section(
    "On the way",
    "Move the frame, or click one of the strip; the figures below follow.",
    film.HOW_TO_READ,
)
film.show(bundle, asked)

layout.section(
    "Beside the baselines",
    "The same question put to every method. Click one to look into it above.",
    methods.HOW_TO_READ,
)
methods.show(bundle, asked)

layout.section(
    "Other ways there",
    f"Different counterfactuals for {target}, from different starts, by *near search*.",
    alternatives.HOW_TO_READ,
)
alternatives.show(bundle, asked)

layout.section(
    "Does it keep to the manifold?",
    "The law behind latent steps, checked at this image in double precision.",
    certificate.HOW_TO_READ,
)
certificate.show(bundle, asked)

layout.section(
    "Every class to every class",
    "One real image of each class, turned into every class, by the method chosen above.",
    sheet.HOW_TO_READ,
)
sheet.show(bundle, asked)
