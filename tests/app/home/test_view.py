import base64
import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from dashboard.links import PAGES
from dashboard.ui.components.image_grid import SHEET_COLUMNS
from xai_core.bundle.manifest import sealed
from xai_core.evaluation import exemplars
from xai_core.evaluation.label_errors import doubtful_labels
from xai_core.evaluation.near_duplicates import find_copies
from xai_core.plots import sprites
from xai_core.plots.probabilities import share
from xai_core.report import model_card

from ..conftest import _open
from ..parts import widget

VIEWS = set(PAGES)


def test_home_says_in_one_sentence_what_the_model_did(open_page, tiny_bundle, text_of):
    accuracy = tiny_bundle.manifest.metrics["test"]["accuracy"]
    assert (
        "This model sorted 40 images into two groups without labels; "
        f"**{share(accuracy)}** of 20 unseen images land in the right one." in text_of(open_page())
    )


def test_the_model_card_shows_labels_that_may_be_wrong(
    open_page, tiny_bundle, component, text_of, monkeypatch
):
    found, row = doubtful_labels(tiny_bundle), 45
    suggested = found.suggested.copy()
    suggested[:] = tiny_bundle.index["label"].to_numpy()[found.rows]
    suggested[found.rows == row] ^= 1
    changed = dataclasses.replace(found, suggested=suggested)
    monkeypatch.setattr("dashboard.views.model_card.loader.doubtful_labels", lambda _: changed)
    app = open_page("model_card")
    assert "1 of 20 test labels may be wrong" in text_of(app)
    assert component(app, "doubtful labels")[0]["ids"] == ["test:5"]


def test_the_model_card_looks_for_copies_when_asked(
    open_page, tiny_dataset, component, text_of, monkeypatch
):
    images = tiny_dataset.test.images.clone()
    images[4] = tiny_dataset.train.images[17]
    test = dataclasses.replace(tiny_dataset.test, images=images)
    changed = dataclasses.replace(tiny_dataset, test=test)
    monkeypatch.setattr("dashboard.views.model_card.loader.copies", lambda _: find_copies(changed))
    app = open_page("model_card")
    widget(app.button, "Look for copies").click().run()
    assert "of 20 test images may be copies" in text_of(app)
    shown = component(app, "copies")[0]["ids"]
    assert shown[shown.index("test:4") + 1] == "train:17"


def test_without_labels_the_model_card_says_so(degenerate_bundles, monkeypatch, text_of):
    monkeypatch.chdir(degenerate_bundles)
    app = _open("model_card", bundle="no_labels")
    assert not app.exception and "no labelled test images" in text_of(app)


def test_the_model_card_shows_the_numbers_of_the_manifest(open_page, tiny_bundle):
    app = open_page("model_card")
    scores = tiny_bundle.manifest.metrics["test"]
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Clustering accuracy"] == f"{100 * scores['accuracy']:.2f} %"
    assert shown["Cluster information"] == f"{scores['cluster_information']:.2f} nats"
    measures = app.table[0].value
    assert list(measures.columns[:2]) == ["Measure", "Test"]
    assert {"ELBO", "NMI", "Cluster kept", "Classifier accuracy"} <= set(measures["Measure"])
    made = dict(app.table[1].value.to_numpy())
    assert made["Data SHA-256"] == tiny_bundle.manifest.dataset.sha256
    files = app.table[2].value
    assert set(files["File"]) == set(tiny_bundle.manifest.files)


def test_home_leads_to_every_page(open_page):
    app = open_page()
    pages = {link.proto.page for link in app.get("page_link")}
    assert pages == VIEWS - {"home"}


def test_the_gallery_s_pictures_are_those_of_its_ids(open_page, component, text_of, tiny_bundle):
    app = open_page()
    for choice in exemplars.CHOICES:
        widget(app.segmented_control, "Which images").set_value(choice).run()
        if "There are no such images here." in text_of(app):
            continue
        data, _ = component(app, "gallery")
        cells = _cells(data)
        for image_id, alt, cell in zip(data["ids"], data["alt"], cells, strict=True):
            assert np.array_equal(cell, tiny_bundle.image(image_id)[0].numpy())
            assert alt.startswith(f"{image_id}, label ")


def test_picking_an_image_selects_it_everywhere(open_page, send, component, text_of):
    app = open_page()
    data, _ = component(app, "gallery")
    send(app, "gallery", "pick", data["ids"][3])
    assert f"`{data['ids'][3]}`" in text_of(app)
    assert component(app, "gallery")[0]["selected"] == data["ids"][3]
    app.switch_page(PAGES["latent_map"]).run()
    assert f"`{data['ids'][3]}`" in text_of(app)


@pytest.mark.parametrize("page", sorted(VIEWS - {"train"}))
def test_without_a_bundle_a_page_says_what_to_do(open_page_without_bundle, text_of, page):
    text = text_of(open_page_without_bundle(page))
    assert "No model" in text and "xai train" in text


@pytest.mark.parametrize("page", ["home", "latent_map"])
def test_a_damaged_bundle_is_explained_and_not_a_traceback(
    open_page_without_bundle, tiny_bundle_path, tmp_path, text_of, page
):
    copy = tmp_path / "checkpoints" / "bars"
    shutil.copytree(tiny_bundle_path, copy)
    (copy / "model.safetensors").write_bytes(b"half")
    text = text_of(open_page_without_bundle(page))
    assert "model.safetensors" in text


def test_a_tampered_bundle_is_an_error_in_words(
    open_page_without_bundle, tiny_bundle_path, tmp_path, text_of
):
    copy = tmp_path / "checkpoints" / "bars"
    shutil.copytree(tiny_bundle_path, copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    app = open_page_without_bundle()
    assert "model.safetensors" in app.error[0].value


def test_a_bundle_s_manifest_that_changes_is_opened_anew(
    open_page_without_bundle, tiny_bundle_path, tmp_path
):
    copy = tmp_path / "checkpoints" / "bars"
    shutil.copytree(tiny_bundle_path, copy)
    app = open_page_without_bundle("model_card")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["metrics"]["test"]["accuracy"] = 0.123
    (copy / "manifest.json").write_text(json.dumps(sealed(manifest)))
    app.run()
    assert app.metric[0].value == "12.30 %"


def test_numbers_have_units_and_a_true_minus():
    assert model_card.number(0.98765, "%") == "98.77 %"
    assert model_card.number(-91.234, "nats") == "\N{MINUS SIGN}91.23 nats"
    assert model_card.number(0.9631, "") == "0.963"
    assert model_card.number(None, "%") == model_card.number(float("nan"), "") == "\N{EN DASH}"


def test_what_was_not_measured_is_left_out():
    scores = {"test": {"elbo": -90.0, "accuracy": None, "nmi": float("nan")}}
    assert [row.name for row in model_card.measures(scores, 10)] == ["ELBO"]
    assert model_card.headlines(scores, 10) == []
    assert "not measured" in model_card.map_words({})


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.4, "1 s"), (59, "59 s"), (740, "12 min"), (5000, "1 h 23 min")]
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert model_card.duration(seconds) == words


@pytest.mark.parametrize("choice", exemplars.CHOICES)
def test_the_gallery_never_repeats_an_image(tiny_bundle, choice):
    for seed in range(5):
        rows = exemplars.pick(
            tiny_bundle.index, choice, count=8, seed=seed,
            cluster_labels=list(tiny_bundle.cluster_labels),
        )  # fmt: skip
        assert len(set(rows.tolist())) == len(rows) <= 8
        assert (tiny_bundle.index["split"].iloc[rows] == "test").all()


def test_the_least_sure_are_the_least_sure(tiny_bundle):
    confidence = tiny_bundle.index["confidence"].to_numpy()[40:]
    rows = exemplars.pick(tiny_bundle.index, "Least sure", count=5, seed=0, cluster_labels=[])
    assert np.allclose(np.sort(confidence)[:5], tiny_bundle.index["confidence"].iloc[rows])


def test_a_sheet_holds_each_image_once(subtests):
    for count, columns in [(1, 1), (5, 3), (6, 3), (7, 20)]:
        for depth in [(), (3,)]:
            with subtests.test(count=count, columns=columns, depth=depth):
                images = np.random.default_rng(0).integers(
                    0, 256, (count, 4, 5, *depth), dtype=np.uint8
                )
                whole = sprites.sheet(images, columns, gap=2, fill=9)
                for i, image in enumerate(images):
                    y, x = i // columns * 6, i % columns * 7
                    assert np.array_equal(whole[y : y + 4, x : x + 5], image)


def _cells(data):
    png = base64.b64decode(data["png"].split(",")[1])
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    spots = [divmod(i, SHEET_COLUMNS) for i in range(data["count"])]
    return [pixels[28 * y : 28 * y + 28, 28 * x : 28 * x + 28] for y, x in spots]


@pytest.mark.parametrize("missing", ["trustworthiness", "continuity", "n_neighbors", "sample"])
def test_a_map_that_was_measured_in_part_is_not_said_to_be_measured(missing):
    whole = {"trustworthiness": 0.9, "continuity": 0.9, "n_neighbors": 15, "sample": 5000}
    assert "0.900" in model_card.map_words({"map": whole})
    assert "was not measured" in model_card.map_words({"map": {**whole, missing: None}})


@pytest.mark.parametrize(
    ("strategy", "names", "accuracy", "said"),
    [
        ("digits", ("1", "7"), 0.987, "**98.7 %** of 20 unseen digits"),
        ("digits", ("one", "seven"), 1.0, "**100 %** of 20 unseen digits"),
        ("glyphs", ("0", "1"), 0.99996, "**over 99.9 %** of 20 unseen images"),  # X-rays
        ("glyphs", ("a", "b"), 0.5, "**50.0 %** of 20 unseen images"),
        ("natural", ("0", "1"), 0.0, "**0 %** of 20 unseen images"),
    ],
)
def test_the_summary_says_what_the_images_are_and_rounds_nothing_to_all(
    tiny_bundle, strategy, names, accuracy, said
):
    made = tiny_bundle.manifest
    reading = {**made.dataset.preprocessing, "strategy": strategy, "invariances": None}
    data = dataclasses.replace(made.dataset, class_names=names, preprocessing=reading)
    changed = dataclasses.replace(made, dataset=data, metrics={"test": {"accuracy": accuracy}})
    assert said in model_card.summary(changed, 2)
    collapsed = model_card.summary(changed, 1)
    assert "into one group" in collapsed and "unseen" not in collapsed
