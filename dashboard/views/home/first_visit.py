"""A tour of five steps round Home, for a first visit; the browser remembers that it was seen."""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__)

_tour = st.components.v2.component(
    "first_visit",
    html=_HERE.with_suffix(".html").read_text(encoding="utf-8"),
    css=_HERE.with_suffix(".css").read_text(encoding="utf-8"),
    js=_HERE.with_suffix(".js").read_text(encoding="utf-8"),
)

STEPS = (
    ("Pick an image", ".st-key-gallery, [class*='st-key-section-Pick']",
     "Click any digit under Pick an image, or draw your own on the page Your image. From then on "
     "every page is about it."),
    ("It goes with you", ".st-key-picture-selected",
     "The side bar shows the selected image with its cluster, how sure the model is, and its "
     "true label; the buttons below it walk on to others."),
    ("See where it lies", "[class*='st-key-way-views-latent']",
     "The latent map holds all images as points: point at one to see it, click to select it, "
     "draw a lasso to see many, or ask what any place would look like."),
    ("Ask why, and what if", "[class*='st-key-way-views-heatmaps']",
     "Heatmaps show which pixels decided and whether to believe it; counterfactuals show what "
     "the image would have to look like to be something else."),
    ("Send it on", "[class*='st-key-section-Take']",
     "The address in the browser holds page, image and settings: copy it, and a colleague sees "
     "the same. Tables and figures have buttons that save them, and a report holds it all."),
)  # fmt: skip
"""Title, what to frame on the page, and what to say."""


def show() -> None:
    """Show the tour where this browser has not seen it, else a button that starts it."""
    steps = [{"title": title, "where": where, "text": text} for title, where, text in STEPS]
    _tour(key="first visit", data={"steps": steps})
