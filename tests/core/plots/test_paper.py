"""Figures for paper: the sheet's own pixels, readable names, and a scale."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
from PIL import Image

from xai_core.plots import image_sheet, paper
from xai_core.plots.image_sheet import Row

SCALE = 3  # printed pixels per pixel of an image of 28


def sheet(limits=(0.5, 0.5)):
    rng = np.random.default_rng(0)
    ink = Row(name="input", values=rng.random((3, 28, 28)), kind="ink")
    maps = [Row(name=f"map {i}", values=rng.normal(size=(3, 28, 28)), limit=limit)
            for i, limit in enumerate(limits)]  # fmt: skip
    return image_sheet.compose([ink, *maps], ["seven", "a long name of a class", "<9>"], False)


def drawn(**options):
    about = {"bundle": "bars", "method": "saliency & edges"}
    return paper.lay_out(sheet(**options), title="Train & test", unit="logits", about=about)


def test_svg_is_xml_with_letters_and_the_sheets_pixels():
    root = ElementTree.fromstring(paper.svg(drawn()).decode())
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Train & test", "input", "map 0", "map 1", "seven", "<9>", "logits", "0"} <= set(words)
    assert "\N{MINUS SIGN}0.5" in words and "+0.5" in words
    assert "bundle: bars; method: saliency & edges" in "".join(root.itertext())
    picture = next(iter(root.iter("{http://www.w3.org/2000/svg}image")))
    data = base64.b64decode(picture.get("href").partition(",")[2])
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), sheet().pixels)
    assert int(picture.get("width")) == SCALE * sheet().pixels.shape[1]


def test_png_shows_the_sheets_pixels_enlarged_and_says_where_it_is_from():
    figure = drawn()
    with Image.open(io.BytesIO(paper.png(figure, density=1))) as image:
        assert image.size == (figure.width, figure.height)
        assert image.text["bundle"] == "bars" and image.text["Title"] == "Train & test"
        pixels, picture = np.asarray(image), figure.pictures[0]
    part = pixels[picture.y : picture.y + picture.height, picture.x : picture.x + picture.width]
    assert np.array_equal(part[1::SCALE, 1::SCALE], sheet().pixels)


def test_nothing_leaves_the_figure():
    figure = drawn()
    for text in figure.texts:
        assert 0 <= text.x <= figure.width and 0 < text.y < figure.height
    for picture in figure.pictures:
        assert picture.x + picture.width <= figure.width
        assert picture.y + picture.height <= figure.height


def test_rows_of_different_scales_say_so():
    words = " ".join(text.words for text in drawn(limits=(0.5, 2.0)).texts)
    assert "each row has a scale of its own" in words and not re.search(r"0\.5", words)


def test_a_sheet_of_ink_has_no_scale():
    assert len(drawn(limits=()).pictures) == 1
