"""Figures for paper: the sheet's own pixels, readable names, and a scale."""

import base64
import dataclasses
import io
import re
import xml.etree.ElementTree as ElementTree
import zlib

import numpy as np
import pytest
from PIL import Image

from xai_core.errors import ConfigError
from xai_core.plots import image_sheet, paper
from xai_core.plots.image_sheet import Row
from xai_core.plots.paper import PrintConfig

SCALE = 3  # printed pixels per pixel of an image of 28
PLAIN = PrintConfig()
JOURNAL = PrintConfig(width=84, font="Times", font_size=8, dpi=600, title=False)


def sheet(limits=(0.5, 0.5)):
    rng = np.random.default_rng(0)
    ink = Row(name="input", values=rng.random((3, 28, 28)), kind="ink")
    maps = [Row(name=f"map {i}", values=rng.normal(size=(3, 28, 28)), limit=limit)
            for i, limit in enumerate(limits)]  # fmt: skip
    return image_sheet.compose([ink, *maps], ["seven", "a long name of a class", "<9>"], False)


def drawn(config=PLAIN, **options):
    about = {"bundle": "bars", "method": "saliency & edges"}
    return paper.lay_out(
        sheet(**options), title="Train & test", unit="logits", about=about, config=config
    )


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
    figure = drawn(PrintConfig(dpi=96))
    with Image.open(io.BytesIO(paper.png(figure))) as image:
        assert image.size == (figure.width, figure.height)
        assert image.text["bundle"] == "bars" and image.text["Title"] == "Train & test"
        pixels, picture = np.asarray(image), figure.pictures[0]
    x, y, width, height = (round(v) for v in (picture.x, picture.y, picture.width, picture.height))
    part = pixels[y : y + height, x : x + width]
    assert np.array_equal(part[1::SCALE, 1::SCALE], sheet().pixels)


@pytest.mark.parametrize("width", [None, 60, 84])
@pytest.mark.parametrize("limits", [(0.5, 0.5), (0.5, 2.0)])
def test_nothing_leaves_the_figure(width, limits):
    figure = drawn(PrintConfig(width=width, font_size=8), limits=limits)
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


def test_a_figure_has_the_width_and_the_font_of_the_journal():
    figure = drawn(JOURNAL)
    root = ElementTree.fromstring(paper.svg(figure).decode())
    assert root.get("width") == "84mm" and root.get("font-family").startswith("'Times', ")
    sizes = [float(t.get("font-size")) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert max(sizes) == pytest.approx(8 / 0.75, abs=1e-3)
    assert "Train & test" not in [text.words for text in figure.texts]
    unnamed = drawn(dataclasses.replace(JOURNAL, font=""))  # none of a journal may be installed
    with Image.open(io.BytesIO(paper.png(unnamed))) as image:
        assert image.width == round(84 / 25.4 * 600)
        assert image.info["dpi"] == pytest.approx((600, 600), abs=0.1)


def test_a_pdf_has_letters_and_the_width():
    content = paper.pdf(drawn(JOURNAL))
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert float(box.group(1)) == pytest.approx(84 / 25.4 * 72, abs=0.01)
    streams = re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)
    drawings = [zlib.decompress(s) for s in streams if s.startswith(b"x\x9c")]
    assert any(b"BT" in s and b"Tj" in s for s in drawings)
    assert b"/Subtype /Image" in content and b"/BaseFont" in content


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 12}, "`width` must be at least"),
        ({"font": "No Such Font"}, "No font 'No Such Font' is installed"),
        ({"font": "missing.ttf"}, "There is no font file"),
        ({"dpi": 5}, "`dpi` must be 36 to 2400, got 5"),
    ],
)
def test_what_cannot_be_printed_says_why(options, message):
    with pytest.raises(ConfigError, match=message):
        paper.pdf(drawn(PrintConfig(**options)))
