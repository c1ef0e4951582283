"""Heatmaps: which pixels decided, on train and on test images, and which maps to trust."""

import streamlit as st

from dashboard import state
from dashboard.ui import health
from dashboard.ui.frame import layout
from dashboard.views.heatmaps import (
    cluster_means,
    difference,
    methods,
    sets,
    settings,
    strategies,
    trust,
)

bundle = layout.page("Heatmaps", "Which pixels made the model decide as it did?")
point = st.empty()
request = settings.ask(bundle)
image_id = state.selected_id()
health.show(bundle, *health.needs(bundle, request.output))
methods.show(bundle, request, image_id, point)

layout.section(
    "Which ones fail a check",
    "Each method tested on many images, beside a random map and an edge detector.",
    "Pixels are removed in the order of a map and filled in by the model, not with black, which "
    "would draw another image. A method gets *do not trust* if its map hardly changes when the "
    "model is replaced by a random one or another class is explained, if its values do not sum "
    "to the output's change as promised, or if it orders pixels no better than noise. Passing is "
    "no proof that a map is right.",
)
trust.show(bundle, request)

layout.section(
    "Train and test, side by side",
    "Figures 2 and 3 of the report: VAE output, reconstruction and heatmap in the training and "
    "the testing set.",
    "The output of a VAE for a given image is its reconstruction; the first row is the input. "
    "**Warm pixels speak for the decision, cold ones against it**; the page's own colour is 0. "
    "If the explanation generalises, the heatmaps of the test set look like those of the "
    "training set. Point at a pixel to read its value.",
)
sets.show(bundle, request)

layout.section(
    "What a cluster is recognised by",
    "Mean heatmap of each cluster's images, and the spread between them.",
    "Where the mean is strong and the spread small, the maps of the cluster's images agree. Where "
    "the spread is larger than the mean, single images differ from the mean map.",
)
cluster_means.show(bundle, request)

layout.section(
    "Do train and test differ?",
    "The difference of the mean heatmaps of both sets, tested against chance.",
    "Each map is divided by its total size first, so that every image weighs the same. The test "
    "shuffles the images between the sets. Its level is 5 %: in 5 of 100 cases it reports a "
    "difference where there is none. Finding none does not prove that there is none. Try it on "
    "two halves of the train set.",
)
difference.show(bundle, request)

layout.section(
    "Strategies",
    "Is one class decided in several ways, and does one of them rest on a mark off the object?",
    strategies.HOW_TO_READ,
)
strategies.show(bundle, request)
