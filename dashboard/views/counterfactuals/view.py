"""Counterfactuals: how an image would have to change to belong to another class."""

import streamlit as st

from dashboard import state
from dashboard.ui import health, messages
from dashboard.ui.frame import layout
from dashboard.views.counterfactuals import (
    alternatives,
    beside,
    certificate,
    constrained,
    film,
    methods,
    pictures,
    reconstruction,
    settings,
    sheet,
    targets,
)

bundle = layout.page("Counterfactuals", "", "decode")
point = st.container()
request = settings.ask(bundle)
health.show(bundle, *health.needs(bundle, request.output), "reconstruction", "steps")
target = messages.literal(request.names[request.target])

with point:
    how = settings.sentence(bundle, request)
    layout.claim(pictures.finding(bundle, request), how, pictures.HOW_TO_READ)
pictures.show(bundle, request)
beside.show(bundle, request)

layout.section("Into every class: click one to see it above", "", targets.HOW_TO_READ)
targets.show(bundle, request)

layout.section(
    "Along the path",
    "Move the frame, or click one of the strip; the figures below follow.",
    film.HOW_TO_READ,
)
film.show(bundle, request)

# What is shown one at a time; only the open tab is computed.
MORE = {
    "Reconstruction": (
        reconstruction,
        "What the model can draw of the input, between the input and its counterfactual.",
    ),
    "Other methods": (
        methods,
        "Every method for the same image and target. Click one to see it above.",
    ),
    "What speaks for it": (
        certificate,
        "Measured for the counterfactual shown above, which "
        f"*{settings.METHODS[request.method][0].lower()}* found.",
    ),
    "Other answers": (
        alternatives,
        f"Different counterfactuals for {target}, found through latent space from different "
        "starts, the smallest first.",
    ),
    "Only a part": (constrained, f"A counterfactual for {target} that changes a part."),
    "Every class": (
        sheet,
        "One real image of each class, turned into every class, by the method chosen above.",
    ),
}

names = list(MORE)
tabs = st.tabs(names, **state.bind("cf tab", names[0], names, link="tab"))
for tab, name in zip(tabs, names, strict=True):
    if tab.open:
        with tab:
            part, shows = MORE[name]
            layout.section(name, shows, part.HOW_TO_READ)
            part.show(bundle, request)
