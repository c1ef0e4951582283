"""The Counterfactuals page, on the tiny bundle: what is asked, found, shown and saved."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dashboard.services import bundles, decoder_images, outputs
from dashboard.services import counterfactuals as services_counterfactuals
from dashboard.views.counterfactuals import certificate, loader
from xai_core.plots.counterfactual import change

from ..parts import alts, drawings, linked, widget

FIGURES = {"probabilities", "path on the map", "density"}
EVIDENCE = {"tab": "what-speaks-for-it"}
LAW = {"first order law", "singular values"}


def test_every_figure_is_there_and_says_what_it_shows(open_page, text_of):
    app = open_page("counterfactuals", image="test:3", of="classifier", **EVIDENCE)
    assert set(alts(app)) == FIGURES | LAW
    assert all(alts(app).values())
    assert len(app.subheader) == 3
    assert "To the classifier, `test:3` is a -" in text_of(app)
    assert "From **-** to **|**" in text_of(app)
    said = r"Adding ink worth \*\*\d+\*\* pixels and removing .* turns this image from - into \|"
    assert re.search(said, text_of(app))


def test_the_numbers_are_those_of_the_library(open_page, tiny_bundle, text_of):
    from xai_core.counterfactual.of_bundle import counterfactuals

    app = open_page("counterfactuals", image="test:3", of="classifier")
    images = tiny_bundle.dataset.images(["test:3"])
    found = counterfactuals(tiny_bundle, images, 0, output="classifier")
    shown = services_counterfactuals.change(tiny_bundle, "test:3", "classifier", "default", 0)
    np.testing.assert_allclose(shown.counterfactual, found.counterfactuals[0, 0], atol=1e-6)
    assert f"(L1 {float(found.l1[0]):.1f}, L2 {float(found.l2[0]):.2f})" in text_of(app)


def test_the_frames_lead_from_the_image_to_the_counterfactual(open_page, tiny_bundle):
    open_page("counterfactuals", image="test:3", of="classifier")
    for method in ("default", "pixel", "nearest"):
        shown = services_counterfactuals.change(tiny_bundle, "test:3", "classifier", method, 0)
        np.testing.assert_allclose(shown.frames[0], shown.image, atol=1e-5)
        np.testing.assert_allclose(shown.frames[-1], shown.counterfactual, atol=1e-5)
        np.testing.assert_allclose(shown.frame_probs[-1], shown.after, atol=1e-4)
        np.testing.assert_allclose(shown.frame_probs.sum(1), 1, atol=1e-5)
        assert (
            len(shown.codes)
            == len(shown.places)
            == len(shown.density)
            == services_counterfactuals.FRAMES
        )


@pytest.mark.parametrize("of", ["classifier", "cluster"])
@pytest.mark.parametrize("method", ["default", "diffeomorphic", "pixel", "nearest"])
def test_each_method_answers_for_each_function(open_page, of, method):
    app = open_page("counterfactuals", image="test:3", **EVIDENCE)
    widget(app.segmented_control, "Explaining").set_value(of)
    widget(app.selectbox, "Method").set_value(method).run()
    assert not app.exception, app.exception[0].message
    figures = set(alts(app))
    assert figures >= FIGURES
    assert figures & LAW == (LAW if method in services_counterfactuals.LATENT_METHODS else set())
    assert linked(app, "of") == (None if of == "cluster" else of)
    assert linked(app, "method") == (None if method == "default" else method)


@pytest.mark.parametrize("method", ["default", "diffeomorphic", "pixel", "nearest"])
def test_what_speaks_for_it_is_measured_on_the_counterfactual_that_is_shown(
    open_page, tiny_bundle, text_of, method
):
    app = open_page("counterfactuals", image="test:3", of="classifier", method=method, **EVIDENCE)
    asked = (tiny_bundle, "test:3", "classifier", method, 0)
    shown, seen = services_counterfactuals.change(*asked), loader.evidence(*asked)
    assert seen.distance == pytest.approx(
        np.abs(shown.counterfactual - seen.drawn).sum(), abs=1e-3
    )
    assert f"lies {seen.distance:.1f} pixels' worth of ink from the nearest image" in text_of(app)
    limit = decoder_images.usual_distance(tiny_bundle).limit
    below = f"That is {'below' if seen.distance <= limit else 'above'} {limit:.1f}"
    assert below in text_of(app)
    has_path = method in services_counterfactuals.LATENT_METHODS
    assert ("has no path through latent space" in text_of(app)) != has_path
    assert ("frames are above it" in text_of(app)) == has_path


@pytest.mark.parametrize("distance", [3.6599, 3.6601, 3.0, 4.0])
def test_a_distance_is_told_apart_from_its_limit(distance):
    usual = decoder_images.UsualDistance(3.66, 100, "test")
    seen = loader.Evidence(np.zeros((1, 2, 2)), distance, 1.0, [])
    said = certificate._distance(seen, usual, works=True)
    shown, limit = re.findall(r"lies ([\d.]+) .* That is \w+ ([\d.]+),", said)[0]
    assert float(shown) != float(limit)
    assert ("That is below" in said) == (float(shown) <= float(limit))


def test_what_stands_beside_it_is_said_in_measured_numbers(open_page, tiny_bundle, text_of):
    app = open_page("counterfactuals", image="test:3", of="classifier", target="minus")
    one = services_counterfactuals.change(tiny_bundle, "test:3", "classifier", "pixel", 0)
    words = f"found without the decoder: {one.l1:.0f} px" if one.converged else "It does not reach"
    assert words in text_of(app)
    assert "decides alike" not in text_of(app) and "this also changes" not in text_of(app)


def test_the_smallest_counterfactual_found_comes_first(
    open_page, tiny_bundle, text_of, component, monkeypatch
):
    app = open_page("counterfactuals", image="test:3", of="classifier", tab="other-answers")
    found = services_counterfactuals.change

    def smaller(bundle, image_id, of, method, *asked):
        one = found(bundle, image_id, of, method, *asked)
        return one._replace(l1=0.5, converged=True) if method == "diffeomorphic" else one

    monkeypatch.setattr(services_counterfactuals, "change", smaller)
    app.run()
    assert "Smallest found: **0.5** pixels' worth of ink, by *latent ascent*" in text_of(app)
    captions = component(app, "alternatives")[0]["captions"]
    assert captions[0].startswith("latent ascent")
    assert "smallest change" not in text_of(app).lower()


def test_clusters_are_explained_first_and_named_as_everywhere(open_page, tiny_bundle, text_of):
    app = open_page("counterfactuals", image="test:3")
    assert "To the cluster model, `test:3` is in cluster" in text_of(app)
    options = widget(app.selectbox, "Turn it into").options
    assert len(options) == 2 and options[1] in tiny_bundle.clusters.names


def test_a_click_on_a_target_asks_for_it_and_the_url_holds_it(open_page, component, send):
    app = open_page("counterfactuals", image="test:3", of="classifier")
    assert linked(app, "to") is None
    assert component(app, "targets")[0]["ids"] == ["to 0"]
    send(app, "targets", "pick", "to 0")
    assert linked(app, "to") == "0"
    assert widget(app.selectbox, "Turn it into").value == 0


def test_the_targets_are_those_of_the_chosen_method(open_page, component, text_of):
    app = open_page("counterfactuals", image="test:3", of="classifier")
    near = component(app, "targets")[0]["png"]
    widget(app.selectbox, "Method").set_value("pixel").run()
    assert component(app, "targets")[0]["png"] != near
    assert "1 searches at once by *pixel ascent*" in text_of(app)


def test_a_target_that_is_the_images_own_class_gives_way(open_page):
    app = open_page("counterfactuals", image="test:3", of="classifier")
    app.query_params.update({"bundle": "bars", "image": "test:3", "of": "classifier", "to": "1"})
    app.run()
    assert widget(app.selectbox, "Turn it into").value == "runner-up"
    assert linked(app, "to") is None


def test_scrubbing_moves_the_frame_and_its_figures(open_page, component, send, text_of):
    app = open_page("counterfactuals", image="test:3", of="classifier")
    assert (
        f"Frame {services_counterfactuals.FRAMES} of {services_counterfactuals.FRAMES}"
        in text_of(app)
    )
    before = drawings(app)["probabilities"]["svg"]
    widget(app.slider, "Frame").set_value(4).run()
    assert f"Frame 4 of {services_counterfactuals.FRAMES}" in text_of(app)
    assert drawings(app)["probabilities"]["svg"] != before
    assert linked(app, "frame") == "4"
    send(app, "strip", "pick", "frame 9")
    assert widget(app.slider, "Frame").value == 9


def test_a_method_can_be_picked_beside_the_others(open_page, component, send):
    app = open_page("counterfactuals", image="test:3", of="classifier", tab="other-methods")
    assert component(app, "methods")[0]["ids"] == ["default", "diffeomorphic", "pixel", "nearest"]
    send(app, "methods", "pick", "pixel")
    assert widget(app.selectbox, "Method").value == "pixel"


def test_a_search_that_does_not_arrive_says_why(open_page, tiny_bundle, monkeypatch, text_of):
    app = open_page("counterfactuals", image="test:3", of="classifier", tab="other-methods")
    failed = services_counterfactuals.change(tiny_bundle, "test:3", "classifier", "default", 0)
    failed = failed._replace(converged=False, reason="the ascent stalled (p = 0.123)")
    monkeypatch.setattr(services_counterfactuals, "change", lambda *asked: failed)
    app.run()
    assert "The target was not reached: the ascent stalled (p = 0.123)" in app.warning[0].value
    assert "did not reach the target: the ascent stalled" in text_of(app)


def test_a_part_of_the_image_can_be_held_fixed(open_page, tiny_bundle, component, text_of):
    asked = {"image": "test:3", "of": "classifier", "tab": "only-a-part"}
    app = open_page("counterfactuals", **asked)
    height, width = tiny_bundle.spec.shape[-2:]
    widget(app.slider, "First row").set_value(0)
    widget(app.slider, "Last row").set_value(1)
    widget(app.slider, "First column").set_value(3)
    widget(app.slider, "Last column").set_value(2).run()
    assert not app.exception
    assert linked(app, "rowe") == "1" and linked(app, "cols") == "3" and linked(app, "cole") == "2"
    assert f"{height * width - 4} of {height * width} pixels were held fixed" in text_of(
        app
    ) + "".join(w.value for w in app.warning)
    usual = services_counterfactuals.USUAL
    kept = np.ones((height, width), bool)
    kept[0:2, 2:4] = False
    found = loader.constrained(tiny_bundle, "test:3", "classifier", "default", 0, usual, ~kept)
    np.testing.assert_array_equal(found.counterfactual[kept], found.image[kept])
    assert component(app, "constrained")[0]["captions"][0] == "input"
    warned = [w.value for w in app.warning if "No counterfactual for" in w.value]
    assert bool(warned) != found.converged
    app = open_page("counterfactuals", **asked, region="line")
    assert "Draw a line on the image" in text_of(app) and not app.exception
    app = open_page("counterfactuals", **asked, region="line", line="0.0_300.0_300.200_0.200")
    assert component(app, "counterfactual region")[0]["corners"] == [
        [0, 0],
        [3, 0],
        [3, 2],
        [0, 2],
    ]
    said = text_of(app) + "".join(w.value for w in app.warning)
    assert f"{height * width - 6} of {height * width} pixels were held fixed" in said
    widget(app.selectbox, "Method").set_value("nearest").run()
    assert "cannot keep a part of the input" in text_of(app)


def test_the_sheet_is_computed_a_row_at_a_time_and_can_be_closed(open_page, component, text_of):
    app = open_page("counterfactuals", image="test:3", of="classifier", tab="every-class")
    widget(app.button, "Compute the sheet").click().run()
    assert linked(app, "sheet") == "yes"
    for _ in range(3):
        app.run()
    assert not app.exception
    assert "2 of 2 reached" in text_of(app) or "1 of 2 reached" in text_of(app)
    widget(app.button, "Close").click().run()
    assert linked(app, "sheet") is None and "of 2 reached" not in text_of(app)


def test_one_of_each_class_agrees_with_its_label(tiny_bundle, open_page):
    open_page("counterfactuals")
    index = tiny_bundle.index.set_index("id")
    for of, column in (("classifier", "predicted"), ("cluster", "cluster")):
        ids = loader.one_of_each(tiny_bundle, of, seed=3)
        assert [index[column][i] for i in ids] == [0, 1]
        assert {i.partition(":")[0] for i in ids} == {"test"}
        assert ids == loader.one_of_each(tiny_bundle, of, seed=3)


def test_a_bundle_without_a_classifier_explains_clusters_alone(open_page, monkeypatch, text_of):
    monkeypatch.setattr(outputs, "deciding", lambda bundle: ["cluster"])
    app = open_page("counterfactuals", image="test:3", of="classifier")
    assert "To the cluster model" in text_of(app)


def test_a_bundle_with_nothing_to_tell_apart_says_so(open_page, monkeypatch, text_of):
    monkeypatch.setattr(outputs, "deciding", lambda bundle: [])
    app = open_page("counterfactuals")
    assert "Nothing to turn an image into" in text_of(app) and not app.exception


def test_files_say_where_they_come_from_and_hold_what_is_shown(open_page, tiny_bundle):
    open_page("counterfactuals", image="test:3", of="classifier")
    shown = services_counterfactuals.change(tiny_bundle, "test:3", "classifier", "default", 0)
    about = bundles.about(tiny_bundle, image="test:3", to="|")
    film = Image.open(io.BytesIO(change.gif(shown.frames, about)))
    assert (
        film.n_frames == 2 * services_counterfactuals.FRAMES - 2
        and b"test:3" in film.info["comment"]
    )
    film.seek(services_counterfactuals.FRAMES - 1)
    last = np.asarray(film.convert("L"))[::8, ::8]
    assert np.abs(last / 255 - shown.counterfactual).max() < 0.01
    saved = np.load(io.BytesIO(change.arrays({"frames": shown.frames}, about)), allow_pickle=False)
    np.testing.assert_array_equal(saved["frames"], shown.frames)
    assert "test:3" in str(saved["about"])
    table = change.table(shown.frame_probs, shown.density, ["|", "-"], "p")
    assert isinstance(table, pd.DataFrame) and len(table) == services_counterfactuals.FRAMES


def test_latent_ascent_has_a_step_length_a_limit_and_a_target_probability(
    open_page, tiny_bundle, text_of
):
    link = {"steps": "plain", "rate": "0-5", "most": "10", "stop": "0-9"}
    settings = dict(image="test:3", of="classifier", bundle="bars")
    app = open_page("counterfactuals", method="diffeomorphic", **settings)
    assert not app.exception and linked(app, "rate") is None
    for name, value in (("λ, length of a step", 0.5), ("Steps at most", 10),
                        ("Stop at p(target)", 0.9)):  # fmt: skip
        widget(app.select_slider, name).set_value(value)
    widget(app.segmented_control, "Steps").set_value("Plain").run()
    widget(app.select_slider, "λ, length of a step").set_value(0.5).run()
    assert {name: linked(app, name) for name in link} == link
    chosen = services_counterfactuals.LatentAscent("plain", 0.5, 10, 0.9)
    asked = (tiny_bundle, "test:3", "classifier", "diffeomorphic", 0)
    own = services_counterfactuals.change(*asked, chosen)
    assert own.steps <= 10
    usual = services_counterfactuals.change(*asked)
    assert own.steps != usual.steps or own.l1 != usual.l1
    other = open_page("counterfactuals")
    assert not [s for s in other.select_slider if s.label == "Steps at most"]
