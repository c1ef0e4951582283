"""Your image: draw one or upload some, and see the model's answers about it."""

import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import health
from dashboard.ui.frame import layout
from dashboard.views.own_image import answers, input, loader, prediction_set

bundle = layout.page(
    "Your image",
    "The model answers after each stroke. Your image then goes with you through the pages.",
)
image_id = state.selected_id()
health.show(bundle, "images", "collapse", "steps", "reconstruction")

sheet, answer = st.columns([35, 65], gap="large")
with sheet:
    layout.section("Bring an image", *loader.becomes(bundle.preprocessing))
    input.show(bundle, image_id)
refused = input.was_refused(image_id)
with answer:
    if refused:
        answers.refuse()
    elif image_data.is_own(image_id):
        answers.verdict(bundle, image_id)
        prediction_set.show(bundle, image_id)
    else:
        answers.invite(bundle, image_id)
if not refused:
    show = answers.parts if image_data.is_own(image_id) else answers.prepare
    show(bundle, image_id)
