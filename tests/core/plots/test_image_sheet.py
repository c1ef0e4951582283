import xml.etree.ElementTree as ET

import numpy as np
import pytest

from xai_core.plots import image_sheet, paper, pixel_map, sprites, theme
from xai_core.plots.clusters import film_strip
from xai_core.plots.counterfactual import change
from xai_core.plots.image_sheet import GAP, Row, shared_limit


@pytest.fixture
def sheet():
    ink = np.zeros((3, 28, 28), np.float32)
    ink[1, 4, 5] = 1
    maps = np.zeros((3, 28, 28), np.float32)
    maps[2, 0, 0], maps[2, 27, 27] = 0.5, -0.5
    rows = [Row(name="input", values=ink, kind="ink"), Row(name="map", values=maps, limit=0.5)]
    return image_sheet.compose(rows, ["a", "b", "c"], False)


def test_every_number_lies_under_its_pixel(sheet):
    assert sheet.pixels.shape[:2] == sheet.numbers.shape == (56 + GAP, 84 + 2 * GAP)
    assert sheet.numbers[4, 28 + GAP + 5] == 1
    assert sheet.pixels[4, 28 + GAP + 5].tolist() == [255, 255, 255]
    top, left = 28 + GAP, 2 * (28 + GAP)
    assert sheet.numbers[top, left] == 0.5 and sheet.numbers[top + 27, left + 27] == -0.5
    warm, cold = sheet.pixels[top, left], sheet.pixels[top + 27, left + 27]
    assert warm.tolist() == theme.diverging(False)[255].tolist()
    assert cold.tolist() == theme.diverging(False)[1].tolist()


def test_gaps_are_the_page_and_hold_no_number(sheet):
    assert np.isnan(sheet.numbers[:, 28 : 28 + GAP]).all()
    assert np.isnan(sheet.numbers[28 : 28 + GAP]).all()
    assert (sheet.pixels[:, 28 : 28 + GAP] == 255).all()
    assert np.isfinite(sheet.numbers).sum() == 6 * 28 * 28


def test_ink_shines_through_as_much_as_asked():
    ink, maps = np.ones((1, 28, 28), np.float32), np.zeros((1, 28, 28), np.float32)
    row = Row(name="map", values=maps, under=ink)
    zero = theme.diverging(True)[128].astype(float)
    for through in (0.0, 0.5, 1.0):
        pixels = image_sheet.compose([row], ["a"], True, through=through).pixels
        assert np.abs(pixels[0, 0] - (zero * (1 - through) + 255 * through)).max() <= 0.5


def test_one_scale_serves_all_that_is_compared():
    maps = [np.full((2, 28, 28), 0.25), np.full((1, 28, 28), -2.0)]
    assert image_sheet.shared_limit(maps) == 2.0
    assert image_sheet.shared_limit([np.zeros((1, 28, 28))]) > 0


def test_the_figure_names_rows_columns_and_scale(sheet):
    figure = image_sheet.figure(sheet, False, unit="logit", height=300)
    assert list(figure.layout.xaxis.ticktext) == ["a", "b", "c"]
    assert list(figure.layout.yaxis.ticktext) == ["input", "map"]
    bar = figure.data[-1].colorbar
    assert bar.title.text == "logit" and list(bar.tickvals) == [-0.5, 0, 0.5]
    assert figure.data[1].z.shape == sheet.numbers.shape, "numbers on pointing"
    drawn = image_sheet.drawing(sheet, False, unit="logit", width=600)
    words = list(ET.fromstring(drawn.svg).itertext())
    assert {"a", "b", "c", "input", "map", "logit", "+0.5"} <= set(words)
    left, _, width, height = drawn.values.box
    assert drawn.values.numbers is sheet.numbers and left + width == 600
    assert width / height == pytest.approx(sheet.numbers.shape[1] / sheet.numbers.shape[0])


def test_scales_that_differ_have_no_common_bar():
    maps = np.zeros((1, 28, 28), np.float32)
    rows = [Row(name="a", values=maps, limit=1.0), Row(name="b", values=maps, limit=2.0)]
    sheet = image_sheet.compose(rows, ["1"], False)
    assert len(image_sheet.figure(sheet, False, unit="", height=100).data) == 2
    assert "some unit" not in image_sheet.drawing(sheet, False, unit="some unit").svg


def test_a_group_without_images_leaves_the_others_as_they_are():
    maps = np.stack([np.full((4, 4), np.nan), np.linspace(-2, 2, 16).reshape(4, 4)])
    limit = shared_limit([maps], 1.0)
    assert limit == 2
    coloured = theme.colourise(maps, theme.diverging(False), limit)
    assert (coloured[0] == theme.diverging(False)[128]).all()
    assert np.array_equal(coloured[1], theme.colourise(maps[1], theme.diverging(False), 2))
    assert (sprites.as_bytes(maps)[0] == 0).all()


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 32, 48)])
def test_images_of_any_shape_are_drawn_as_they_are(shape):
    """Colour as colour, maps by the mean of their channels, names at the middle of images."""
    channels, height, width = shape
    images = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    rows = [
        Row(name="input", values=images, kind="ink"),
        Row(name="error", values=images - 0.5),
        Row(name="map", values=images[:, 0], under=images),
    ]
    sheet = image_sheet.compose(rows, ["a", "b"], False)
    second = sheet.pixels[:height, width + GAP : 2 * width + GAP]
    wanted = (images[1] * 255).round().astype(np.uint8)
    assert np.array_equal(second, np.moveaxis(wanted.repeat(3 // channels, 0), 0, -1))
    assert sheet.pixels.shape[:2] == sheet.numbers.shape == (3 * height + 2 * GAP, 2 * width + GAP)
    below = sheet.numbers[height + GAP : 2 * height + GAP, :width]
    np.testing.assert_allclose(below, images[0].mean(0) - 0.5, atol=1e-6)
    figure = image_sheet.figure(sheet, False, unit="logit", height=300)
    assert figure.layout.xaxis.tickvals[1] == width + GAP + (width - 1) / 2
    drawn = paper.lay_out(sheet, title="Any shape", unit="logit", about={})
    assert drawn.pictures[0].height % sheet.pixels.shape[0] == 0 and paper.png(drawn)
    first = images[0] if channels == 3 else images[0, 0]
    for one in (pixel_map.ink_map(first), pixel_map.signed_map(first, False)):
        np.testing.assert_allclose(one.values.numbers, images[0].mean(0), atol=1e-6)
        assert one.values.box[2] / one.values.box[3] == pytest.approx(width / height)
    strip = film_strip.film_strip(images, np.full((2, 2), 0.5), ["0", "1"])
    room = ET.fromstring(strip.svg).find("{http://www.w3.org/2000/svg}image")
    assert float(room.get("width")) / float(room.get("height")) == pytest.approx(
        2 * width / height, rel=0.01
    )
    parts = change.side_by_side(*images[[0, 1, 0]])
    assert parts.shape == (height, 4 * width + 3, 3)
    assert change.with_change(images, images - 0.5, False).shape == (2, height, 2 * width, 3)
    assert change.gif(images, {})[:3] == b"GIF"
