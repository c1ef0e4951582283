import re

import numpy as np
import pytest

from dashboard.services import generation, image_data
from dashboard.views.reconstructions import loader
from xai_core.plots import elbo_terms
from xai_core.plots.probabilities import percent

from ..parts import alts, drawings, widget


def test_every_figure_is_there_and_says_what_it_shows(open_page, text_of):
    app = open_page("reconstructions", image="test:3")
    titles = [e.value for e in app.subheader]
    assert len(titles) == 6
    drawn = drawings(app)
    pixels = {"input", "reconstruction", "error"}
    assert set(drawn) == {"terms", "clusters", "edited clusters"} | pixels
    assert all(alts(app).values())
    assert {key for key, data in drawn.items() if "values" in data} == pixels
    assert re.search(
        r"the model redraws \*\*[\d.]+ %\*\* of the ink of `test:3` and adds", text_of(app)
    )
    assert "test:3, label" in text_of(app)
    assert re.search(r"Prediction set at 95 %: \*\*(a [|-]|no class)", text_of(app))


def test_terms_are_those_of_the_index_and_add_up(open_page, tiny_bundle):
    app = open_page("reconstructions", image="test:3")
    row = tiny_bundle.index.set_index("id").loc["test:3"]
    for key in elbo_terms.ORDER:
        added = elbo_terms.TERMS[key].sign * row[key]
        assert f"{elbo_terms.TERMS[key].name} {added:+.1f} nats" in alts(app)["terms"]


def test_error_colours_can_be_fitted(open_page):
    app = open_page("reconstructions", image="test:3")
    before = drawings(app)["error"]["svg"]
    widget(app.segmented_control, "Colours of the error").set_value("Fitted to this image").run()
    assert drawings(app)["error"]["svg"] != before
    assert not app.exception


@pytest.mark.parametrize("split", ["train", "test"])
def test_best_and_worst_are_the_ends_of_the_term(open_page, component, tiny_bundle, split):
    app = open_page("reconstructions")
    widget(app.selectbox, "By").set_value("reconstruction")
    widget(app.segmented_control, "Images").set_value(split).run()
    index = tiny_bundle.index[tiny_bundle.index["split"] == split]
    order = index.sort_values("reconstruction", kind="stable")["id"].tolist()
    assert component(app, "extreme least")[0]["ids"][:5] == order[:5]
    assert component(app, "extreme most")[0]["ids"][0] == order[-1]


def test_a_click_selects_an_image_and_the_whole_page_follows(open_page, component, send, text_of):
    app = open_page("reconstructions", image="test:3")
    picked = component(app, "extreme least")[0]["ids"][1]
    assert picked != "test:3"
    send(app, "extreme least", "pick", picked)
    assert f"{picked}, label" in text_of(app)
    assert f"`{picked}`" in text_of(app)


def test_the_page_says_that_the_decoder_reads_no_cluster(open_page, component, text_of):
    app = open_page("reconstructions")
    assert "reads z alone" in text_of(app)
    assert component(app, "under clusters")[0]["count"] == 2
    app.toggle[0].set_value(True).run()
    assert not app.exception


def test_under_its_own_cluster_an_image_is_its_reconstruction(open_page, tiny_bundle):
    open_page("reconstructions", image="test:3")
    seen = image_data.inferred(tiny_bundle, "test:3")
    for rescale in (False, True):
        made = generation.under_clusters(tiny_bundle, "test:3", rescale)
        own = made.images[seen.probs.argmax()]
        np.testing.assert_allclose(own, seen.reconstruction, atol=1e-5)


def test_the_middle_of_a_traversal_is_the_reconstruction(open_page, tiny_bundle):
    open_page("reconstructions", image="test:3")
    images = generation.traversal(tiny_bundle, "test:3", 3.0, 13, (1, 0))
    assert images.shape == (2, 13, 28, 28)
    middle = image_data.inferred(tiny_bundle, "test:3").reconstruction
    np.testing.assert_allclose(images[:, 6], [middle, middle], atol=1e-5)
    assert np.abs(images[:, 0] - images[:, -1]).max() > 0.01
    films = loader.films(tiny_bundle, "test:3", 1.0, 13, 4)
    assert films.images.shape == (2, 13, 28, 28) and films.typical.shape == (2, 13)
    np.testing.assert_allclose(films.images[:, 6], [middle, middle], atol=1e-5)


def test_local_directions_say_what_they_hold_or_what_is_missing(
    open_page, text_of, tiny_bundle, subtests, monkeypatch
):
    with subtests.test("the share of the first direction"):
        app = open_page("reconstructions", image="test:3")
        share = loader.directions(tiny_bundle, "test:3").shares[0]
        assert f"strongest of 2 directions holds {percent(share)}" in text_of(app)
    with subtests.test("no gradient"):
        loader.directions.clear()

        def failing(*args):
            raise ValueError("`decode` must have a gradient")

        monkeypatch.setattr("xai_core.latent_space.local_directions.local_directions", failing)
        app = open_page("reconstructions", image="test:3")
        assert any("need the decoder's gradient" in e.value for e in app.error)
        assert "Edit this image" in [e.value for e in app.subheader]


def test_editing_changes_the_image_and_reset_undoes_it(open_page, text_of):
    app = open_page("reconstructions", image="test:3")
    unchanged = "Changed: 0.0 of 784"
    assert unchanged in text_of(app)
    sliders = [s for s in app.slider if s.label in ("z0", "z1")]
    assert len(sliders) == 2
    for slider in sliders:
        slider.set_value(3.0)
    app.run()
    assert unchanged not in text_of(app)
    assert drawings(app)["edited clusters"]["columns"][-1] == "before"
    widget(app.button, "Reset").click().run()
    assert unchanged in text_of(app)
    rows = drawings(app)["edited clusters"]["rows"]
    assert all(now == before for _, now, before in rows)


def test_an_edit_belongs_to_its_image(open_page, text_of):
    app = open_page("reconstructions", image="test:3")
    app.slider[2].set_value(2.0).run()
    assert "Changed: 0.0" not in text_of(app)
    widget(app.button, "Next").click().run()
    assert "Changed: 0.0" in text_of(app)
    widget(app.button, "Previous").click().run()
    assert "Changed: 0.0" not in text_of(app)
