"""Compare: two bundles side by side, on the same image and on all of them."""

import streamlit as st

from dashboard import state
from dashboard.ui import messages, naming
from dashboard.ui.frame import layout
from dashboard.views.compare import clusters, explanations, image, maps, numbers, settings

bundle = layout.page(
    "Compare",
    "Two models side by side: how do their answers and their scores differ?",
)
point = st.container()
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    pair = settings.ask(bundle)
    split = clusters.ask_split() if pair.alike else clusters.SPLITS[0]
settings.warn(pair)
image_id = state.selected_id()
with point:
    layout.claim(clusters.finding(pair, split))

if pair.alike:
    layout.section(
        "Where they differ",
        "Images that the two put into different groups. Click one to select it.",
        "Sorted by the confidence of both: in the first ones, two confident answers differ. "
        "Further down, at least one of the two was in doubt.",
    )
    clusters.differences(pair, image_id, split)

    layout.section(
        "The same image in both",
        f"{messages.literal(naming.describe(bundle, image_id))}. Its reconstruction and numbers "
        "in each.",
        "**Warm is ink that was lost, cold is ink that was added.** "
        "The bound's terms are in nats for the whole image; a gain in one term often costs "
        "another, so compare the ELBO first.",
    )
    image.show(pair, image_id)
    explanations.heatmaps(pair, image_id)
    explanations.changes(pair, image_id)

    layout.section(
        "Its place on each map",
        "Click a point on either map: its image is selected in both.",
        "Each map is a UMAP projection of its own model's codes. **Only neighbourhoods can be "
        "compared**: rotation, order and gaps of the groups mean nothing, and differ between "
        "two runs of one setting as well. Clusters that hold mostly the same images have the "
        "same colour in both; a cluster of the second without such a partner is grey.",
    )
    maps.show(pair)

    layout.section(
        "Do the clusters agree?",
        "How many images of each cluster of the first lie in each cluster of the second.",
        "Clusters are matched one to one so that as many images as possible agree, and ordered "
        "so that matched ones lie on the diagonal. Colour is the share of the row. NMI and ARI "
        "need no matching. Labels play no part in this.",
    )
    clusters.agreement(pair, split)

layout.section(
    "The numbers",
    "What was measured on the test images of each.",
    "The difference is the second minus the first. Differences of shares are in points, of the "
    "bound and its terms in nats per image. Two seeds of one setting differ too: a difference "
    "smaller than that says nothing about the settings.",
)
numbers.measures(pair)

layout.section(
    "How they were made",
    "The differences in data, model, training and versions.",
    "A difference above can come from any of these lines, and from chance: two seeds of one "
    "setting differ too. The names are those of the settings in the model's files.",
)
numbers.making(pair)
