import numpy as np
import pytest

from xai_core.plots import image_sheet, sprites, theme
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


def test_scales_that_differ_have_no_common_bar():
    maps = np.zeros((1, 28, 28), np.float32)
    rows = [Row(name="a", values=maps, limit=1.0), Row(name="b", values=maps, limit=2.0)]
    sheet = image_sheet.compose(rows, ["1"], False)
    assert len(image_sheet.figure(sheet, False, unit="", height=100).data) == 2


def test_a_group_without_images_leaves_the_others_as_they_are():
    maps = np.stack([np.full((4, 4), np.nan), np.linspace(-2, 2, 16).reshape(4, 4)])
    limit = shared_limit([maps], 1.0)
    assert limit == 2
    coloured = theme.colourise(maps, theme.diverging(False), limit)
    assert (coloured[0] == theme.diverging(False)[128]).all()
    assert np.array_equal(coloured[1], theme.colourise(maps[1], theme.diverging(False), 2))
    assert (sprites.as_bytes(maps)[0] == 0).all()
