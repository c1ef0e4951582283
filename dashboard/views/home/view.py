"""Home: what the model did, an image to start from, and the questions that the pages answer."""

from dashboard.links import LISTED, PAGES, QUESTIONS
from dashboard.ui import health, image_strip, naming, next_pages
from dashboard.ui.frame import layout, presentation
from dashboard.views.home import first_visit, hero, report_button

# The question that each page answers, and how.
ASKS = {
    "latent_map": (
        "Where is it?", "Its place among all images, and what is near it. *Latent map*"),
    "reconstructions": (
        "What did the model keep?",
        "What the model can redraw from a few numbers. *Reconstructions*"),
    "heatmaps": (
        "Why?", "Which pixels decided, and which map to believe. *Heatmaps*"),
    "counterfactuals": (
        "What if?",
        "What it would have to look like to be something else. *Counterfactuals*"),
    "model_card": (
        "Can I trust it?", "Every score with its meaning, and what did not work. *Model card*"),
}  # fmt: skip
MORE = (
    (PAGES["clusters"], "Clusters", ":material/category:",
     "What does each cluster stand for, and where do two meet?"),
    (PAGES["compare"], "Compare", ":material/balance:",
     "What does another model see in it, and where do two models differ?"),
    (PAGES["train"], "Train", ":material/model_training:",
     "Train a model of your own, and compare it with this one."),
)  # fmt: skip

bundle = layout.page(
    "Explore a cluster VAE",
    "A neural network that sorts images into groups and draws them, with explanations.",
)
first_visit.show()
health.show(bundle)
hero.show(bundle)

layout.section("Pick an image", "Click one: it is then selected on every page.")
image_strip.strip(bundle)

layout.section("Explore this image", "Five questions about it, one page each.")
next_pages.page_cards(
    [
        (PAGES[page], f"{k}. {ASKS[page][0]}", LISTED[page].icon, ASKS[page][1])
        for k, page in enumerate(QUESTIONS, 1)
    ],
    key="questions",
)
layout.section("More", "Other images, other models, and the mathematics with controls to try it.")
own = (
    *(PAGES["own_image"], "Your image", ":material/draw:"),
    f"{naming.ways_to_bring(bundle)}: what does the model see in it?",
)
next_pages.page_cards([own, *MORE])
next_pages.offer_all()

layout.section("Take it with you", "What the model says about the selected image, in one file.")
report_button.show(bundle)
presentation.offer()
