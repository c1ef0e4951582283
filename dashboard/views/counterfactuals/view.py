"""Counterfactuals: what an image would have to look like to be something else."""

from dashboard.ui import find_image, health, messages
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
    "What would this image have to look like to be something else? Small changes that a search "
    "found for the model, how they come about, and what speaks for them.",
)
find_image.choose(bundle, "cf find")
asked = settings.ask(bundle)
health.show(bundle, *health.needs(bundle, asked.output), "reconstruction", "steps")
source, target = (messages.literal(asked.names[c]) for c in (asked.source, asked.target))

layout.section(
    "Into every class",
    "One counterfactual of the selected image for each other class. Click one to look into it "
    "below.",
    targets.HOW_TO_READ,
)
targets.show(bundle, asked)

layout.section(
    f"From {source} to {target}",
    "Input, its reconstruction, the counterfactual, and what was changed.",
    pictures.HOW_TO_READ,
)
pictures.show(bundle, asked)

layout.section(
    "Along the path",
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
    "Other answers, the smallest first",
    f"Different counterfactuals for {target}, found through latent space from different starts.",
    alternatives.HOW_TO_READ,
)
alternatives.show(bundle, asked)

layout.section(
    "What speaks for it",
    f"Measured for the counterfactual shown above, which *{settings.METHODS[asked.method][0]}* "
    "found.",
    certificate.HOW_TO_READ,
)
certificate.show(bundle, asked)

layout.section(
    "Every class to every class",
    "One real image of each class, turned into every class, by the method chosen above.",
    sheet.HOW_TO_READ,
)
sheet.show(bundle, asked)
