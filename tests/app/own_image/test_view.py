"""The page Your image: what is drawn or uploaded becomes the selected image and is explained."""

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image, ImageColor

from dashboard.services import image_data
from dashboard.views.own_image import answers, loader
from dashboard.views.own_image.draw_pad import SIDE
from xai_core.data.digits import are_digits, normalise_digit
from xai_core.data.preprocessing import convert_array
from xai_core.data.preprocessing_config import Preprocessing
from xai_core.data.registry import load_dataset
from xai_core.data.user_images import own_id, own_image
from xai_core.errors import DataError
from xai_core.evaluation import conformal

from ..conftest import _open
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


@pytest.fixture
def short_answers(monkeypatch):
    """Say that there is an answer instead of computing it."""
    monkeypatch.setattr(answers, "verdict", lambda *_: st.markdown("Which cluster?"))
    monkeypatch.setattr(answers, "parts", lambda *_: None)
    monkeypatch.setattr(answers, "prepare", lambda *_: None)
    monkeypatch.setattr(answers, "invite", lambda *_: st.markdown("No image yet"))


def saved(strokes, kind="PNG", mode="L", **options):
    content = io.BytesIO()
    Image.fromarray(strokes).convert(mode).save(content, kind, **options)
    return content.getvalue()


UPLOADS = {
    "grey": lambda ink: saved(ink),
    "two levels": lambda ink: saved(ink, mode="1"),
    "palette": lambda ink: saved(ink, mode="P"),
    "colour": lambda ink: saved(ink, mode="RGB"),
    "with transparency": lambda ink: saved(ink, mode="RGBA"),
    "16 bits": lambda ink: png(ink.astype(np.uint16) * 257),
    "JPEG": lambda ink: saved(ink, "JPEG"),
    "CMYK": lambda ink: saved(ink, "JPEG", mode="CMYK"),
    "progressive": lambda ink: saved(ink, "JPEG", progressive=True),
    "wide": lambda ink: png(np.tile(ink, (1, 3))),
    "tall": lambda ink: png(np.tile(ink, (4, 1))),
    "with a resolution": lambda ink: saved(ink, dpi=(300, 300)),
}


def test_the_same_file_is_selected_each_time_it_is_uploaded(
    open_page, send, strokes, short_answers, subtests
):
    app = open_page("own_image")
    for name, write in UPLOADS.items():
        with subtests.test(name=name):
            found = []
            for _ in range(2):
                widget(app.segmented_control, "How").set_value("Upload").run()
                app.file_uploader[0].set_value([("up.png", write(strokes), "image/png")]).run()
                assert not app.error
                found.append(linked(app))
                widget(app.segmented_control, "How").set_value("Draw").run()
                app = send(app, "draw pad", "ink", encoded(strokes.T))
                assert linked(app) == own_id(as_the_bars(strokes.T))
                app = send(app, "draw pad", "ink", "")
                assert linked(app) == "test:0"
            assert found[0] == found[1] and found[0].startswith("own:")


@pytest.mark.parametrize("between", ["draw", "clear", "another file", "a refused file", "none"])
def test_a_file_is_selected_again_whatever_came_between(
    open_page, send, strokes, short_answers, between
):
    app, file = open_page("own_image"), ("up.png", png(strokes), "image/png")
    for _ in range(3):
        widget(app.segmented_control, "How").set_value("Upload").run()
        app.file_uploader[0].set_value([file]).run()
        assert linked(app) == own_id(as_the_bars(strokes))
        if between in ("draw", "clear"):
            widget(app.segmented_control, "How").set_value("Draw").run()
            app = send(app, "draw pad", "ink", encoded(strokes.T))
        if between == "clear":
            app = send(app, "draw pad", "ink", "")
        if between == "another file":
            app.file_uploader[0].set_value([("b.png", png(strokes.T), "image/png")]).run()
        if between == "a refused file":
            app.file_uploader[0].set_value([("b.png", b"", "image/png")]).run()
        if between == "none":
            app.file_uploader[0].set_value([]).run()


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


REFUSED = {
    "words": b"no image",
    "nothing": b"",
    "cut short": saved(np.eye(80, dtype=np.uint8) * 255)[:60],
    "a damaged byte": saved(np.eye(80, dtype=np.uint8) * 255).replace(b"IHDR", b"IHDX"),
    "GIF": saved(np.eye(80, dtype=np.uint8) * 255, "GIF"),
    "BMP": saved(np.eye(80, dtype=np.uint8) * 255, "BMP"),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "PDF": b"%PDF-1.7 \n1 0 obj",
    "an array": b"\x93NUMPY\x01\x00",
    "black": saved(np.zeros((30, 30), np.uint8)),
    "white": saved(np.full((30, 30), 255, np.uint8)),
    "one colour": saved(np.full((30, 30), 90, np.uint8), mode="RGB"),
}


VERDICTS = {
    "white on black": (255, 0),
    "black on white": (0, 255),
    "white on grey 150": (255, 150),
    "grey 150 on white": (150, 255),
    "black on grey 100": (0, 100),
    "one grey on the next": (128, 120),
    "dim on black": (9, 0),
    "yellow on orange": ("yellow", "orange"),
    "orange on yellow": ("orange", "yellow"),
    "white on yellow": ("white", "yellow"),
    "navy on black": ("navy", "black"),
    "red on white": ("red", "white"),
    "pink on grey": ("pink", "grey"),
    "light on dark green": ("lightgreen", "darkgreen"),
}
"""Ink and ground of a seven that is none the less a seven."""
EQUALLY_LIGHT = {
    "red and green": ((255, 0, 0), (0, 130, 0)),
    "red and blue": ((76, 0, 0), (0, 0, 200)),
    "green and blue": ((0, 38, 0), (0, 0, 196)),
    "red and grey": ((255, 0, 0), (76, 76, 76)),
    "grey and blue": ((29, 29, 29), (0, 0, 255)),
}


def painted(ink, ground):
    """A seven, as PNG."""
    shape = np.zeros((56, 56), bool)
    shape[10:16, 12:44] = True
    for row in range(16, 48):
        shape[row, 38 - (row - 16) // 2 :][:6] = True
    colours = [
        ImageColor.getrgb(c) if isinstance(c, str) else c if isinstance(c, tuple) else (c, c, c)
        for c in (ink, ground)
    ]
    return png(np.where(shape[..., None], *np.array(colours)).astype(np.uint8))


def seen(content, **form):
    """What a model is shown of an upload; the cache and the bundle's other parts play no part."""
    bundle = SimpleNamespace(preprocessing=Preprocessing(**form))
    return own_image(loader.upload.__wrapped__(bundle, content, "seven.png").image_id)[0].int()


@pytest.mark.parametrize("strategy", ["digits", "glyphs"])
def test_a_seven_is_one_in_any_ink_on_any_ground(strategy, subtests):
    wanted = seen(painted(255, 0), strategy=strategy, by_border=True)
    for name, (ink, ground) in VERDICTS.items():
        with subtests.test(name=name):
            found = seen(painted(ink, ground), strategy=strategy, by_border=True)
            if strategy == "digits":
                assert (found - wanted).abs().max() <= 12
            else:  # light on dark, with the contrast that it has
                alike = torch.corrcoef(torch.stack([found.flatten(), wanted.flatten()]).float())
                assert alike[0, 1] > 0.97
    for name, (ink, ground) in EQUALLY_LIGHT.items():
        with subtests.test(name=name):
            with pytest.raises(DataError, match="blank once it is grey: its colours are equally"):
                seen(painted(ink, ground), strategy=strategy, by_border=True)
    for level in (0, 1, 90, 128, 150, 254, 255, "orange", "navy", "white"):
        with subtests.test(blank=level):
            with pytest.raises(DataError, match=r"is blank: nothing stands out from its border"):
                seen(painted(level, level), strategy=strategy, by_border=True)


def test_a_photo_of_empty_paper_is_blank():
    grain = np.random.default_rng(5).normal(0, 1, (300, 240))
    paper = np.clip(225 + grain, 0, 255).astype(np.uint8)
    with pytest.raises(DataError, match=r"`seven.png` is blank: nothing stands out from its bord"):
        seen(saved(paper, "JPEG"), strategy="digits", by_border=True)


def test_a_refused_upload_leaves_no_older_verdict_beside_it(
    open_page, text_of, strokes, short_answers, subtests
):
    app, good = open_page("own_image"), ("up.png", png(strokes), "image/png")
    widget(app.segmented_control, "How").set_value("Upload").run()
    for name, content in REFUSED.items():
        with subtests.test(name=name):
            app.file_uploader[0].set_value([good]).run()
            assert "Which cluster?" in text_of(app) and not app.error
            app.file_uploader[0].set_value([("bad.png", content, "image/png")]).run()
            assert len(app.error) == 1 and "No answer" in text_of(app)
            assert "Which cluster?" not in text_of(app)


def test_noise_is_called_unlike_on_the_page_and_in_the_bar(
    open_page, text_of, tiny_bundle, healthy
):
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    app = open_page("own_image", image=own_id(noise))
    assert image_data.typicality(tiny_bundle, own_id(noise)).unlike
    assert "Out of distribution" in app.warning[0].value
    assert "Out of distribution" in " ".join(e.value for e in app.caption)
    assert "do not trust these answers" in text_of(app)


@pytest.fixture
def only_the_set(monkeypatch):
    for name in ("verdict", "parts"):
        monkeypatch.setattr(answers, name, lambda *_: None)


def test_the_answer_is_a_set_at_a_level_to_choose(open_page, tiny_bundle, only_the_set, text_of):
    image_id = own_id(tiny_bundle.image("test:0"))
    app = open_page("own_image", image=image_id, level="0-9")
    said = text_of(app)
    probs = conformal.label_probs(tiny_bundle, "cluster", tiny_bundle.image("test:0")[None])
    p_values = conformal.hold_out(tiny_bundle, "cluster").calibration.p_values(probs)
    members = conformal.prediction_sets(p_values, 0.9)[0]
    names = [f"a {name}" for name, held in zip("|-", members, strict=True) if held]
    assert names and any(
        f"{' or '.join(order).capitalize()}, at 90 %" in said for order in (names, names[::-1])
    )
    found = conformal.hold_out(tiny_bundle, "cluster").coverage(0.9)
    assert "Measured on 20 test images" in said
    assert f"with {found.mean_size:.2f} classes on average" in said
    widget(app.segmented_control, "At which level?").set_value(0.99).run()
    said = text_of(app)
    assert "A | or a -, at 99 %" in said or "A - or a |, at 99 %" in said
    assert "too few test images to exclude |, - at 99 %" in said and "A class needs 99" in said


@pytest.mark.parametrize("name", ["no_labels", "no_test_images", "one_test_image", "one_class"])
def test_what_a_set_lacks_is_said(
    name, degenerate_bundles, tiny_bundle, monkeypatch, text_of, only_the_set
):
    monkeypatch.chdir(degenerate_bundles)
    app = _open("own_image", bundle=name, image=own_id(tiny_bundle.image("test:0")))
    assert not app.exception
    assert re.search("no labelled test images|too few test images", text_of(app))
