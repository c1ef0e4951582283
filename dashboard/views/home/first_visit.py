"""A tour of Home in five steps for a first visit; the browser remembers that it was seen."""

from dashboard.ui import frontend

_tour = frontend.component(__file__, "first_visit")

STEPS = (
    ("Pick an image", ".st-key-gallery, [class*='st-key-section-Pick']",
     "Click any image, or draw your own on the page Your image. From then on "
     "every page is about it."),
    ("It goes with you", ".st-key-bar",
     "The bar at the top shows the selected image with its cluster, how sure the model is, and "
     "its true label; its buttons select another image, and *Explaining* who is asked why."),
    ("See where it lies", "[class*='st-key-way-views-latent']",
     "The latent map holds all images as points: point at one to see it, click to select it, "
     "draw a lasso to see many, or decode any place."),
    ("Ask why, and what if", "[class*='st-key-way-views-heatmaps']",
     "Heatmaps show which pixels decided, and how far to trust that; counterfactuals show what "
     "the image would have to look like to be something else."),
    ("Send it on", "[class*='st-key-section-Take']",
     "The address in the browser holds page, image and settings: copy it, and a colleague sees "
     "the same. Tables and figures have buttons that save them, and a report holds everything."),
)  # fmt: skip
"""Title, the part of the page to frame, and the text."""


def show() -> None:
    """Show the tour if this browser has not shown it, else a button that starts it."""
    steps = [{"title": title, "where": where, "text": text} for title, where, text in STEPS]
    _tour(key="first visit", data={"steps": steps})
