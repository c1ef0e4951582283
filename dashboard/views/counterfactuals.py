"""Counterfactuals: what an image would have to look like to be something else."""

from dashboard.components import (
    change_alternatives,
    change_certificate,
    change_film,
    change_methods,
    change_pictures,
    change_settings,
    change_sheet,
    change_targets,
    find_image,
    layout,
)

bundle = layout.page(
    "Counterfactuals",
    "What would this image have to look like to be something else? The smallest change that the "
    "model itself would draw, how it gets there, and how far to trust it.",
)
find_image.choose(bundle, "cf find")
asked = change_settings.ask(bundle)
source, target = asked.names[asked.source], asked.names[asked.target]

layout.section(
    "Into every class",
    "The selected image, changed as little as possible towards each other class. Click one to "
    "look into it below.",
    change_targets.HOW_TO_READ,
)
change_targets.show(bundle, asked)

layout.section(
    f"From {source} to {target}",
    "Input, what the decoder knows of it, the counterfactual, and what was changed.",
    change_pictures.HOW_TO_READ,
)
change_pictures.show(bundle, asked)

layout.section(
    "On the way",
    "Move the frame, or click one of the strip; the figures below follow.",
    change_film.HOW_TO_READ,
)
change_film.show(bundle, asked)

layout.section(
    "Beside the baselines",
    "The same question put to every method. Click one to look into it above.",
    change_methods.HOW_TO_READ,
)
change_methods.show(bundle, asked)

layout.section(
    "Other ways there",
    f"Different counterfactuals for {target}, from different starts, by *near search*.",
    change_alternatives.HOW_TO_READ,
)
change_alternatives.show(bundle, asked)

layout.section(
    "Does it keep to the manifold?",
    "The law behind latent steps, checked at this image in double precision.",
    change_certificate.HOW_TO_READ,
)
change_certificate.show(bundle, asked)

layout.section(
    "Every class to every class",
    "One real image of each class, turned into every class, by the method chosen above.",
    change_sheet.HOW_TO_READ,
)
change_sheet.show(bundle, asked)
