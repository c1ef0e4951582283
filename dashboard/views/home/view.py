"""Home: what the bundle is, how good it is, an image to start from, and the other pages."""

from dashboard.links import PAGES
from dashboard.ui import health, image_strip, model_card, next_pages
from dashboard.ui.frame import layout
from dashboard.views.home import first_visit, report_button

WAYS = (
    (PAGES["latent_map"], "Latent map", ":material/scatter_plot:",
     "Where does it lie among all images, and what is near it?"),
    (PAGES["reconstructions"], "Reconstructions", ":material/compare:",
     "What did the model keep of it, and what did it lose?"),
    (PAGES["clusters"], "Clusters", ":material/category:",
     "What does each cluster stand for, and where do two meet?"),
    (PAGES["heatmaps"], "Heatmaps", ":material/gradient:",
     "Which pixels decided, and what speaks against each heatmap?"),
    (PAGES["counterfactuals"], "Counterfactuals", ":material/alt_route:",
     "What would it have to look like to be something else?"),
    (PAGES["compare"], "Compare", ":material/balance:",
     "What does another bundle see in it, and where do two bundles differ?"),
    (PAGES["own_image"], "Your image", ":material/draw:",
     "Draw a digit or upload a picture: what does the model see in it?"),
    (PAGES["train"], "Train", ":material/model_training:",
     "Train a model of your own, and compare it with this one."),
)  # fmt: skip

bundle = layout.page(
    "Look through a cluster VAE",
    "A neural network was trained to sort these images into clusters **without using a label**. "
    "Look at what it learned: pick an image, and it goes with you through the pages.",
)
health.show(bundle)
first_visit.show()
model_card.headlines(bundle)

layout.section(
    "Pick an image",
    "Click one; it is then selected on every page and shown in the side bar.",
    "Each picture is one image of the data set, 28 by 28 pixels, white ink on black. Below it is "
    "the cluster that the model puts it in and, after the arrow, the label that this cluster was "
    "matched with afterwards; the bar has the cluster's colour. "
    "**Odd one out** shows images whose cluster is named after another label.",
)
image_strip.strip(bundle)

layout.section("Look into it", "One question per page about the selected image.")
next_pages.page_cards(WAYS)
layout.section("Why it works", "The mathematics, with controls to try it out.")
next_pages.offer_all()

layout.section(
    "Take it with you",
    "What the bundle says about the selected image, in one file.",
)
report_button.show(bundle)

layout.section(
    "Model card",
    "What was trained, on what, and how good it is on test images, which were not used to train.",
    "The ELBO and its terms are in **nats per image**, summed over its pixels: one nat is a "
    "factor of e = 2.718 in probability. The ELBO is a lower bound on the log-likelihood. "
    "Training adds terms that keep clusters and are no part of the ELBO, "
    "except with the preset *pure_elbo*. The log-likelihood is that of binarised images.",
)
model_card.tables(bundle)
