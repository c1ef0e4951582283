"""The Heatmaps page, on the tiny bundle: what is explained, drawn, scored and compared."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import streamlit as st

from dashboard.services import attributions as heatmaps
from dashboard.services import outputs
from dashboard.views.heatmaps import difference, settings, trust
from xai_core.attribution.of_bundle import attributions
from xai_core.data.preprocessing import to_float
from xai_core.evaluation import exemplars
from xai_core.evaluation.faithfulness.summary import FaithfulnessSummary

from ..parts import alts, drawings, linked, widget

FIGURES = {"train", "test", "large", "dots", "means", "difference", "decision"}


@pytest.fixture(scope="module")
def opened(tiny_bundle_path):
    """The page once, for what only reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_bundle_path.parents[1])
        from ..conftest import _open

        yield _open("heatmaps", bundle="bars", image="test:3", of="classifier")


def test_every_figure_is_there_and_says_what_it_shows(opened, text_of):
    assert set(alts(opened)) == FIGURES
    assert all(alts(opened).values())
    assert len(opened.subheader) == 6
    assert len(drawings(opened)["decision"]["rows"]) == 2
    assert re.search(
        r"Half of the map's weight for \S+ is on \*\*\d+ of 784\*\* pixels", text_of(opened)
    )
    assert re.search(r"test:3, label -, in cluster [-|] ", alts(opened)["large"])


def test_every_method_stands_around_the_image(opened, component, tiny_bundle):
    data, _ = component(opened, "heat-around")
    assert data["ids"] == heatmaps.methods(tiny_bundle, "classifier")
    assert all(" +0" in c.replace("\n", " ") or " +1" in c.replace("\n", " ")
               for c in data["captions"]), "insertion under each"  # fmt: skip


def test_a_click_makes_a_method_large(open_page, send, text_of):
    app = open_page("heatmaps", of="classifier")
    send(app, "heat-around", "pick", "lrp")
    assert "**Layer-wise relevance**, for " in text_of(app)


def test_an_incomplete_map_is_named_beside_it(open_page, send, monkeypatch, fresh_caches):
    def said():
        app = send(open_page("heatmaps"), "heat-around", "pick", "deep_lift")
        widget(app.multiselect, "Methods").set_value(["deep_lift"]).run()
        return [w for w in app.warning if "The shares of `deep_lift` do not sum" in w.value]

    assert not said()
    st.cache_data.clear()
    monkeypatch.setattr("xai_core.attribution.api.LARGEST_GAP", -1.0)
    assert len(said()) == 3


def test_maps_are_those_of_the_library(tiny_bundle):
    ids = ("test:3", "train:5")
    found = heatmaps.maps(tiny_bundle, ids, "integrated_gradients", "cluster", 1)
    images = tiny_bundle.dataset.images(list(ids))
    asked = attributions(tiny_bundle, images, "integrated_gradients", output="cluster", target=1)
    assert np.array_equal(found.values, asked.attributions.numpy())
    assert found.targets.tolist() == [1, 1]


def test_what_has_no_classes_offers_none(open_page, text_of):
    app = open_page("heatmaps")
    widget(app.selectbox, "Explain").set_value("elbo").run()
    assert not app.exception
    assert not [w for w in app.selectbox if w.label == "For the class"]
    assert "(its ELBO); its cluster is written above each image" in text_of(app)
    assert "How well the model explains the image" in text_of(app)
    widget(app.selectbox, "Explain").set_value("latent").run()
    widget(app.selectbox, "Latent").set_value("1").run()
    assert not app.exception
    assert "What latent 1 is" in text_of(app)


def test_a_contrast_begins_with_the_two_best_classes_of_the_image(open_page, text_of, tiny_bundle):
    for image_id in ("test:3", "test:4"):
        app = open_page("heatmaps", image=image_id, output="contrast", by="cluster")
        probs = tiny_bundle.model.cluster_probs(to_float(tiny_bundle.image(image_id)[None]))
        first, second = probs[0].argsort(descending=True).tolist()
        assert f"cluster {first} rather than {second}" in text_of(app)
        assert linked(app, "why") is None and linked(app, "rather") is None


def test_a_contrast_is_chosen_and_linked(open_page, text_of):
    app = open_page("heatmaps", image="test:3", output="contrast", by="cluster", why="1")
    assert not app.exception
    assert "for why the cluster model sees cluster 1 rather than 0" in text_of(app)
    assert linked(app, "output") == "contrast" and linked(app, "why") == "1"


def test_trust_is_measured_when_asked_for(open_page, text_of, monkeypatch):
    chosen = ["saliency", "integrated_gradients", "critic", "edges", "random"]
    monkeypatch.setattr(
        "xai_core.evaluation.faithfulness.table.methods_for", lambda bundle, of: chosen
    )
    app = open_page("heatmaps", of="classifier")
    assert not app.dataframe
    widget(app.selectbox, "Test images").set_value(8).run()
    widget(app.button, "Measure").click().run()
    assert not app.exception
    table = app.dataframe[0].value
    assert len(table) == len(chosen)
    verdicts = dict(zip(table["method"], table["verdict"], strict=True))
    assert all(
        verdicts[name].startswith("control (ignores the model)") for name in ("Random", "Edges")
    )
    assert "No check speaks against" in text_of(app)
    assert widget(app.button, "Measure").disabled
    shown = drawings(app)["checks"]["rows"]
    assert {row[0] for row in shown} == {heatmaps.title(name) for name in chosen}


def test_the_best_method_is_named_for_both_infills():
    table = pd.DataFrame({"method": ["a", "b", "random"], "trusted": [True, False, False],
                          "merit": [0.5, 0.6, 0.9], "neutral_merit": [0.7, 0.2, 0.0]})  # fmt: skip
    titles = {"a": "A", "b": "B", "random": "Random"}
    assert trust.finding(table, titles) == (
        "1 of 2 methods pass every check. B orders pixels best where the model fills removed "
        "pixels, A where the mean image does (rank correlation of both orders "
        "\N{MINUS SIGN}1.00)."
    )
    curves = {"a": np.array([0.0, 0.6, 1.0]), "random": np.array([0.0, 0.2, 1.0])}
    assert trust.halfway(curves, (0.0, 0.25, 1.0), titles, "insertion", "a") == (
        "Half of the decision with 25 % of the pixels shown by A, 100 % at random"
    )
    same = table.assign(neutral_merit=table["merit"])
    assert "B orders pixels best, whichever way removed pixels are filled" in trust.finding(
        same, titles
    )


def test_strategies_are_found_when_asked_for(open_page, text_of, component, subtests):
    app = open_page("heatmaps", of="classifier")
    assert "heat-strategies" not in "".join(alts(app))
    widget(app.button, "Find strategies").click().run()
    assert not app.exception
    with subtests.test("what was found"):
        assert re.search(r"\d+ images are decided as .* in (one|\d) ways?", text_of(app))
        assert "pixels off the object" in text_of(app)
        assert {"strategies", "means"} <= {*alts(app)}
    with subtests.test("its images can be selected and tagged"):
        data, _ = component(app, "strategy")
        assert data["ids"]
        assert [b for b in app.button if re.match(r"Tag these \d+ images", b.label)]
    with subtests.test("nothing is offered for one number"):
        widget(app.selectbox, "Explain").set_value("elbo").run()
        assert not app.exception and "Strategies are those of one class" in text_of(app)


def test_only_a_narrow_range_says_that_an_explanation_holds_for_new_images(subtests):
    for high, said in ((0.05, "holds for new images too"), (0.2, "too wide to tell"),
                       (0.81, "at most 81 % of the mean map's length. That is too wide"),
                       (1.7, "too wide to tell")):  # fmt: skip
        with subtests.test(high=high):
            found = SimpleNamespace(differs=False, high=high)
            assert said in difference._reading(found, new_images=True)
            assert "new images" not in difference._reading(found, new_images=False)


def test_the_difference_says_what_it_found(opened, text_of):
    said = text_of(opened)
    assert "difference beyond chance" in said or "more than chance gives" in said
    assert "by permutation" in said


def test_both_sets_are_chosen_by_one_rule(tiny_bundle, subtests):
    for how in list(exemplars.HOWS):
        for split in ["train", "test"]:
            with subtests.test(how=how, split=split):
                index = tiny_bundle.index
                rows = exemplars.choose_for_split(index, split, how, count=9, seed=0)
                assert (index["split"].to_numpy()[rows] == split).all()
                assert len(set(rows.tolist())) == len(rows) == (2 if how == "One a cluster" else 9)
                if how == "One a cluster":
                    assert index["cluster"].to_numpy()[rows].tolist() == [0, 1]
                if how == "Least sure":
                    confidence = index["confidence"].to_numpy()
                    others = np.setdiff1d(np.flatnonzero(index["split"] == split), rows)
                    assert confidence[rows].max() <= confidence[others].min()


@pytest.mark.parametrize(
    ("trusted", "said"),
    [
        ({"a": True, "b": False, "random": False}, "No check speaks against 1 of 2 methods: A."),
        ({"a": False, "b": False, "random": False}, "No check speaks against 0 of 2 methods."),
        ({"a": True, "b": True, "random": False}, "these checks do not tell them apart"),
        (
            {"a": True, "b": False, "random": True},
            "Controls, which ignore the model, fail no check either: Random.",
        ),
    ],
)
def test_the_verdict_says_how_much_passing_means(tiny_bundle, healthy, trusted, said):
    table = pd.DataFrame({"method": list(trusted), "trusted": list(trusted.values())})
    found = FaithfulnessSummary(table=table, insertion={}, deletion={}, shares=(), images=8)
    asked = settings.Request(
        outputs.explained(tiny_bundle, "classifier"), list(trusted), ["|", "-"], [0, 1]
    )
    titles = {name: name.capitalize() for name in trusted}
    assert said in trust.verdict(tiny_bundle, asked, found, titles)


def test_passing_says_nothing_where_the_classifier_guesses(tiny_bundle, failing):
    table = pd.DataFrame({"method": [], "trusted": []})
    found = FaithfulnessSummary(table=table, insertion={}, deletion={}, shares=(), images=8)
    asked = settings.Request(outputs.explained(tiny_bundle, "classifier"), [], ["|", "-"], [0, 1])
    assert "these checks means nothing" in trust.verdict(tiny_bundle, asked, found, {})
