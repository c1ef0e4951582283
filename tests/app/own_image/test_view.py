"""The page Your image: what is drawn or uploaded becomes the selected image and is explained."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from dashboard.services import image_data
from dashboard.views.own_image import loader
from dashboard.views.own_image.draw_pad import SIDE
from xai_core.data.digits import are_digits, normalise_digit
from xai_core.data.preprocessing import convert_array
from xai_core.data.preprocessing_config import Preprocessing
from xai_core.data.registry import load_dataset
from xai_core.data.user_images import own_id, own_image

from ..parts import widget


@pytest.fixture(scope="module")
def strokes():
    """An upright bar, small and in a corner."""
    ink = np.zeros((SIDE, SIDE), np.uint8)
    ink[8:60, 12:24] = 255
    return ink


@pytest.fixture
def page(open_page):
    return open_page("own_image")


def linked(app):
    value = app.query_params["image"]
    return value[0] if isinstance(value, list) else value


def encoded(ink):
    return "" if ink is None else base64.b64encode(ink.tobytes()).decode()


def png(pixels):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


def as_the_bars(pixels):
    """Bars have not the form of MNIST's digits, so an image is only scaled."""
    return convert_array(pixels[None], "image", Preprocessing()).images[0]


def test_it_invites_before_anything_is_drawn(page, text_of, component):
    assert "No image yet" in text_of(page)
    data, _ = component(page, "draw pad")
    assert data["seed"] == "" and not data["drawn"]


def test_a_drawing_becomes_the_selected_image_and_is_explained(
    page, send, component, strokes, text_of
):
    app = send(page, "draw pad", "ink", encoded(strokes))
    assert linked(app) == own_id(as_the_bars(strokes))
    text = text_of(app)
    for part in ("Which cluster?", "Where among all images?", "Reconstruction", "**As "):
        assert part in text, part
    assert not app.error and component(app, "draw pad")[0]["drawn"]
    app = send(app, "draw pad", "ink", "")
    assert linked(app) == "test:0" and "No image yet" in text_of(app)


@pytest.mark.parametrize("ink", ["%%%", "QUJD", encoded(np.zeros((SIDE, SIDE), np.uint8))])
def test_what_is_no_drawing_changes_nothing(page, send, ink):
    assert linked(send(page, "draw pad", "ink", ink)) == "test:0"


def test_the_selected_image_can_be_drawn_on(page, component, tiny_bundle):
    page.button[[b.label for b in page.button].index("Draw on test:0")].click().run()
    assert torch.equal(own_image(linked(page)), tiny_bundle.image("test:0"))
    data, _ = component(page, "draw pad")
    assert base64.b64decode(data["seed"]) == tiny_bundle.image("test:0").numpy().tobytes()


def test_uploads_are_converted_refused_by_name_and_chosen_from(
    open_page, component, send, text_of, strokes
):
    app = open_page("own_image")
    widget(app.segmented_control, "How").set_value("Upload").run()
    other = np.ascontiguousarray(255 - strokes.T)
    files = [("up.png", png(strokes), "image/png"), ("flat.png", png(other), "image/png"),
             ("bad.png", b"no image", "image/png"),
             ("blank.png", png(np.full((9, 9), 7, np.uint8)), "image/png")]  # fmt: skip
    app.file_uploader[0].set_value(files).run()
    assert not app.exception, app.exception[0].message
    first, second = (own_id(as_the_bars(p)) for p in (strokes, other))
    assert linked(app) == first
    said = " ".join(e.value for e in app.error)
    assert "`bad.png` cannot be read as a PNG or JPEG" in said and "`blank.png` is blank" in said
    assert component(app, "uploads")[0]["ids"] == [first, second]
    assert "`up.png` was scaled into 28 x 28, as the images of the data set were" in text_of(app)
    app = send(app, "uploads", "pick", second)
    assert linked(app) == second and "`flat.png` was scaled" in text_of(app)


def test_the_same_file_is_selected_each_time_it_is_uploaded(open_page, send, strokes):
    app, files = open_page("own_image"), [("up.png", png(strokes), "image/png")]
    for _ in range(2):
        widget(app.segmented_control, "How").set_value("Upload").run()
        app.file_uploader[0].set_value(files).run()
        assert linked(app) == own_id(as_the_bars(strokes))
        widget(app.segmented_control, "How").set_value("Draw").run()
        app = send(app, "draw pad", "ink", encoded(strokes.T))
        assert linked(app) == own_id(as_the_bars(strokes.T))
        app = send(app, "draw pad", "ink", "")
        assert linked(app) == "test:0"


def test_uploads_take_the_form_of_the_data_set(tiny_bundle, strokes, monkeypatch):
    dark = png(255 - strokes)
    digits = load_dataset("mnist").test.images
    assert are_digits(digits) and not are_digits(255 - digits)
    assert not are_digits(tiny_bundle.dataset.test.images)
    assert loader.upload(tiny_bundle, dark, "a").image_id == own_id(as_the_bars(255 - strokes))
    monkeypatch.setattr(type(tiny_bundle), "preprocessing", Preprocessing(strategy="digits"))
    loader.upload.clear()
    found = loader.upload(tiny_bundle, dark, "b")
    assert found.image_id == own_id(normalise_digit(strokes)) and "cropped" in found.notes[-1]


def test_a_refused_upload_leaves_no_older_verdict_beside_it(open_page, send, text_of, strokes):
    app = open_page("own_image")
    widget(app.segmented_control, "How").set_value("Upload").run()
    good = ("up.png", png(strokes), "image/png")
    app.file_uploader[0].set_value([good]).run()
    assert "Which cluster?" in text_of(app)
    app.file_uploader[0].set_value([("bad.png", b"no image", "image/png")]).run()
    text = text_of(app)
    assert app.error and "No answer" in text
    assert "Which cluster?" not in text and "**As " not in text
    app.file_uploader[0].set_value([good]).run()
    assert "Which cluster?" in text_of(app)


def test_noise_is_called_unlike_on_the_page_and_in_the_bar(
    open_page, text_of, tiny_bundle, healthy
):
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    app = open_page("own_image", image=own_id(noise))
    assert image_data.typicality(tiny_bundle, own_id(noise)).unlike
    assert "Out of distribution" in app.warning[0].value
    assert "Out of distribution" in " ".join(e.value for e in app.caption)
    assert "do not trust these answers" in text_of(app)
