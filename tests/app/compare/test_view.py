"""Two bundles side by side: the numbers of both, one selection, and honesty about other data."""

import pytest

from xai_core.bundle.writing import save_bundle
from xai_core.data.dataset import build_dataset
from xai_core.data.user_images import own_id
from xai_core.report import model_card

from ...conftest import bars
from ..parts import drawings, linked, unescaped, widget


@pytest.fixture(scope="module")
def beside(tiny_parts, tiny_bundle_path, tmp_path_factory):
    """Bundles beside `bars`: its clusters under other numbers but for one image, other data."""
    root = tmp_path_factory.mktemp("others")
    index = tiny_parts["index"].copy()
    index["cluster"] = 1 - index["cluster"]
    index.loc[index["id"] == "test:3", "cluster"] ^= 1
    metrics = tiny_parts["metrics"]
    metrics = {**metrics, "test": {**metrics["test"], "elbo": metrics["test"]["elbo"] - 2}}
    save_bundle(root / "swapped", **{**tiny_parts, "index": index, "metrics": metrics, "seed": 1})
    data = tiny_parts["dataset"]
    other = build_dataset(name="others", train=bars(40, seed=7), test=data.test,
                          class_names=data.class_names, source="tests")  # fmt: skip
    save_bundle(root / "unlike", **{**tiny_parts, "dataset": other})
    return root


@pytest.fixture
def open_compare(open_page, beside, monkeypatch):
    monkeypatch.setenv("XAI_BUNDLES", str(beside))

    def visit(second="swapped", **link):
        app = open_page("compare", bundle="bars")
        if linked(app, "with") != second:
            app.selectbox(key="widget.compare with").set_value(second).run()
        for name, value in link.items():
            app.query_params[name] = value
        return app.run()

    return visit


def test_without_a_second_bundle_the_page_says_how_to_make_one(open_page, text_of):
    text = text_of(open_page("compare"))
    assert "Only one model here" in text
    assert "xai train --data bars --preset pure_elbo --out checkpoints/bars-pure-elbo" in text


def test_the_numbers_stand_side_by_side_with_their_difference(open_compare, tiny_bundle):
    app = open_compare()
    measures = app.table[1].value.set_index("Measure")
    elbo = tiny_bundle.manifest.metrics["test"]["elbo"]
    assert measures.loc["ELBO"].tolist() == [
        model_card.number(elbo, "nats"),
        model_card.number(elbo - 2, "nats"),
        "\N{MINUS SIGN}2.00 nats",
    ]
    made = app.table[2].value.set_index("What")
    assert made.loc["Device, seed"].tolist() == ["cpu, seed 0", "cpu, seed 1"]
    same = {unescaped(what) for what in app.table[3].value["What"]}
    assert {"Data set", "model: latent_dim"} <= same and not same & set(made.index)


def test_agreement_is_found_under_other_numbers(open_compare, component, text_of):
    app = open_compare()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Same cluster"] == "95.0 %" and float(shown["NMI"]) < 1
    assert "**1** of 20 test images differ" in text_of(app)
    assert "`bars` and `swapped` put **95.0 %** of 20 test images into the same group" in text_of(
        app
    )
    data, _ = component(app, "differences")
    assert data["ids"] == ["test:3"]
    assert "both clusterings" in drawings(app)
    widget(app.segmented_control, "Images").set_value("train").run()
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Same cluster"] == "100 %" and shown["ARI"] == "1.000"
    assert "both sort all 40 train images in the same way" in text_of(app)


def test_a_click_on_either_selects_in_both(open_compare, component, send):
    app = open_compare()
    for key, row in (("map of bars", 45), ("map of swapped", 51)):
        send(app, key, "pick", row)
        image_id = f"test:{row - 40}"
        assert linked(app, "image") == image_id
        for name in ("bars", "swapped"):
            data, _ = component(app, f"map of {name}")
            assert data["selected"] == row and data["plain"]
    send(app, "differences", "pick", "test:3")
    assert linked(app, "image") == "test:3"
    first, second = (component(app, f"map of {n}")[0]["palette"] for n in ("bars", "swapped"))
    assert first == second[::-1]  # those that go together have one colour


def test_the_same_image_has_its_numbers_from_each_bundle(open_compare, tiny_bundle, component):
    app = open_compare(image="test:3")
    table = app.table[0].value.set_index("What")
    assert not table["bars"].str.startswith(">").any(), "a table would read it as a quotation"
    assert table.loc["Cluster", "bars"] != table.loc["Cluster", "swapped"], "of one number"
    elbo = float(tiny_bundle.row("test:3")["elbo"])
    assert table.loc["ELBO, nats", "bars"] == f"{elbo:.2f}".replace("-", "\N{MINUS SIGN}")
    assert table.loc["ELBO, nats", "Difference"].strip("\N{WORD JOINER}") == "0.00"
    assert component(app, "compare-image")[0]["count"] == 5


def test_both_explain_the_same_image(open_compare, component, text_of, tiny_bundle):
    app = open_compare(image="test:3", of="classifier")
    text = text_of(app)
    assert "Its heatmap in each" in text and "Its counterfactual in each" in text
    for name in ("bars", "swapped"):
        assert component(app, f"heat-beside-{name}-test:3")
        data, _ = component(app, f"beside {name} test:3")
        assert data["count"] == 3
    assert not app.error
    app = open_compare(image="test:3", of="cluster")  # its clusters have each other's name there
    assert "No other class has the same name in both." in text_of(app)


def test_ones_own_image_is_compared_too(open_compare, tiny_dataset, component):
    image = tiny_dataset.test.images[0].clone()
    image[0, 0] = 255
    app = open_compare(image=own_id(image))
    data, _ = component(app, "map of swapped")
    assert data["selected"] is None and len(data["mark"]) == 2
    assert not app.error


def test_the_link_holds_both_bundles_and_nonsense_is_cleaned(open_page, beside, monkeypatch):
    monkeypatch.setenv("XAI_BUNDLES", str(beside))
    app = open_page("compare", bundle="bars", **{"with": "unlike"})
    app.run()
    assert linked(app, "bundle") == "bars"
    app = open_page("compare", bundle="bars", **{"with": "nonesuch"})
    assert linked(app, "with") is None  # the default, which the URL leaves out
    widget(app.button, "Swap them").click().run()
    assert linked(app, "bundle") == "swapped"
    assert app.selectbox(key="widget.compare with").value == "bars"


def test_other_data_are_not_compared_image_by_image(open_compare, text_of):
    app = open_compare("unlike")
    assert "cannot be compared image by image" in text_of(app)
    assert "`bars` and `unlike` know different images" in text_of(app)
    titles = [heading.value for heading in app.subheader]
    assert titles == ["The numbers", "How they were made"]


def test_a_measure_that_one_lacks_is_a_dash():
    rows = model_card.differences({"test": {"elbo": -3.0, "nmi": 0.5}}, {"test": {"elbo": -1.0}})
    dash = model_card.number(None, "")
    assert [row[1:] for row in rows if row[0] == "NMI"] == [("0.500", dash, dash)]
    assert [row[3] for row in rows if row[0] == "ELBO"] == ["+2.00 nats"]
