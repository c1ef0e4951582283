"""What a bundle failed to learn is said on the pages that need it, and nothing is claimed then."""

import numpy as np
import pytest

from dashboard.services import decoder_images
from dashboard.ui import health
from xai_core.bundle.writing import save_bundle
from xai_core.data.user_images import own_id

from ..parts import widget

ALL = {"classifier", "reconstruction", "collapse", "steps", "images"}
SHOWN = {
    "home": ALL,
    "heatmaps": {"collapse", "steps"},
    "counterfactuals": {"collapse", "reconstruction", "steps"},
    "reconstructions": {"reconstruction", "steps"},
    "clusters": {"collapse", "steps", "reconstruction"},
    "own_image": {"images", "collapse", "steps", "reconstruction"},
}


@pytest.mark.parametrize("page", SHOWN)
def test_a_page_says_what_failed_of_what_it_needs(open_page, failing, page):
    app = open_page(page)
    said = [w.value for w in app.warning]
    assert {kind for kind in ALL if f"Of {kind}, nothing was learned." in said} == SHOWN[page]
    commands = {c.value for c in app.code}
    assert {f"xai train --{kind}" for kind in SHOWN[page]} <= commands


@pytest.mark.parametrize("page", SHOWN)
def test_a_page_says_nothing_of_health_where_all_is_well(open_page, healthy, page):
    assert not open_page(page).warning


def test_home_says_it_before_anything_else(open_page, failing):
    app = open_page("home")
    order = [element.type for element in app.main if element.type != "html"]
    assert order.index("warning") < order.index("subheader")


@pytest.mark.parametrize(
    ("of", "kinds"),
    [("classifier", {"classifier"}), ("cluster", {"collapse", "steps"}),
     ("elbo", {"reconstruction", "steps"}), ("latent:1", {"reconstruction", "steps"}),
     ("cluster:0-1", {"collapse", "steps"})],
)  # fmt: skip
def test_what_an_explanation_needs_follows_what_is_explained(of, kinds, tiny_bundle):
    assert set(health.needs(tiny_bundle, of)) == kinds


@pytest.mark.parametrize("state", ["failing", "healthy"])
def test_the_explanation_carries_over_only_where_what_is_explained_works(
    open_page, text_of, request, state
):
    request.getfixturevalue(state)
    app = open_page("heatmaps", image="test:3")
    said = text_of(app)
    assert ("difference beyond chance" in said) or ("more than chance gives" in said)
    assert ("holds for new images" in said) == (
        state == "healthy" and "difference beyond chance" in said
    )


def test_two_halves_of_one_set_say_nothing_of_new_images(open_page, text_of, healthy):
    app = open_page("heatmaps", image="test:3")
    widget(app.segmented_control, "Compare").set_value("two halves of train").run()
    assert "holds for new images" not in text_of(app)


def test_a_decoder_that_draws_nothing_gives_no_verdict(open_page, text_of, failing, tiny_bundle):
    app = open_page("counterfactuals", image="test:3", tab="what-speaks-for-it")
    assert decoder_images.usual_distance(tiny_bundle).images == 20
    said = text_of(app)
    assert "pixels' worth of ink from the nearest image" in said
    assert "test images keep" not in said


def test_an_image_is_not_judged_by_limits_from_too_few(open_page, text_of, failing):
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    app = open_page("own_image", image=own_id(noise))
    assert "Out of distribution" not in text_of(app)
    assert "do not trust these answers" not in text_of(app)


def test_a_bundle_that_did_not_learn_says_so_with_its_own_numbers(
    tiny_parts, tmp_path, monkeypatch, open_page_without_bundle, text_of
):
    """A real bundle: its classifier guesses, its clusters are one."""
    metrics = dict(tiny_parts["metrics"])
    metrics["test"] = metrics["test"] | {"classifier_accuracy": 0.5, "cluster_information": 0.0}
    save_bundle(tmp_path / "checkpoints" / "dull", **{**tiny_parts, "metrics": metrics})
    said = text_of(open_page_without_bundle("home"))
    assert "The classifier decides 50 % of the test images correctly" in said
    assert "The clusters have collapsed" in said
    assert "xai train --data" in said
