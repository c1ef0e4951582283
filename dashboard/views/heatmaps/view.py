"""Heatmaps: which pixels decided, on train and on test images, and which maps to trust."""

from dashboard import state
from dashboard.ui import messages, naming
from dashboard.ui.frame import layout
from dashboard.views.heatmaps import cluster_means, difference, methods, sets, settings, trust

bundle = layout.page(
    "Heatmaps",
    "Which pixels made the model decide as it did? Two sets of images side by side, seventeen "
    "ways to ask, and numbers that say which answers to trust.",
)
asked = settings.ask(bundle)
image_id = state.selected_id()

layout.section(
    "Train and test, side by side",
    "Input, what the decoder draws of it, and the heatmap: nine images of each set.",
    "**Warm pixels speak for the decision, cold ones against it**; the page's own colour is 0. "
    "If the explanation generalises, the heatmaps of the test set look like those of the "
    "training set: the same parts of the same digits. Point at a pixel to read its value.",
)
sets.show(bundle, asked)

layout.section(
    "One image, every method",
    f"{messages.literal(naming.describe(bundle, image_id))}. Click a method to see its map large.",
    "Methods answer different questions, so they may differ and all be right: a *slope* says "
    "where a little ink would matter, a *share* how much of the output each pixel brought, a "
    "*mask* which pixels suffice. *Random* and *Edges* know nothing of the model: a map that "
    "looks like those says nothing either.",
)
methods.show(bundle, asked, image_id)

layout.section(
    "Which ones to believe",
    "Every method tested on this model, beside a random map and an edge detector.",
    "Pixels are taken away in the order of a map and filled in by the model, not by black, which "
    "would draw another digit. A method gets *do not trust* if it hardly notices that the model "
    "was replaced by a random one, answers the same for another class, misses what it promises "
    "to explain, or orders pixels no better than noise. Passing means that nothing speaks against "
    "it, not that it is the truth.",
)
trust.show(bundle, asked)

layout.section(
    "What a cluster is recognised by",
    "Mean heatmap of each cluster's images, and the spread between them.",
    "Where the mean is strong and the spread small, every image of the cluster is decided by the "
    "same place. Where the spread is larger than the mean, the mean stands for no image.",
)
cluster_means.show(bundle, asked)

layout.section(
    "Do train and test differ?",
    "The difference of the mean heatmaps of both sets, tested against chance.",
    "Each map is divided by its total size first, so that every image weighs the same. The test "
    "shuffles the images between the sets: in 5 of 100 cases it calls a difference where there is "
    "none. Try it on two halves of the train set.",
)
difference.show(bundle, asked)
