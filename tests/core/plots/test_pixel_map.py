import base64
import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from xai_core.plots import pixel_map, theme


def draw(seed=0):
    return np.random.default_rng(seed).uniform(-0.6, 0.4, (28, 28)).astype(np.float32)


def pictures(drawn):
    """The pixels of a drawing's images: the colour bar, then the map."""
    images = ET.fromstring(drawn.svg).findall("{http://www.w3.org/2000/svg}image")
    files = (base64.b64decode(image.get("href").split(",")[1]) for image in images)
    return [np.asarray(Image.open(io.BytesIO(file))) for file in files]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("limit", [1.0, 0.35])
def test_errors_are_coloured_symmetrically_about_zero(dark, limit):
    values = np.array([[-limit, 0, limit]], np.float32)
    bar, pixels = pictures(pixel_map.signed_map(values, dark, limit=limit))
    np.testing.assert_array_equal(bar[0], theme.diverging(dark))
    np.testing.assert_array_equal(pixels[0], theme.diverging(dark)[[1, 128, 255]])


def test_the_colour_bar_says_its_numbers():
    words = list(ET.fromstring(pixel_map.signed_map(draw(), False, limit=0.35).svg).itertext())
    assert words == ["\N{MINUS SIGN}0.35", "0", "+0.35", pixel_map.ERROR]
    assert list(ET.fromstring(pixel_map.ink_map(draw()).svg).itertext())[:3] == ["0", "0.5", "1"]


@pytest.mark.parametrize("dark", [False, True])
def test_the_middle_recedes_and_both_sides_grow_alike(dark):
    lut = theme.diverging(dark).astype(float)
    light = lut @ [0.2126, 0.7152, 0.0722]
    away = np.abs(light - light[128])
    assert np.all(np.diff(away[128:]) > -1.5) and np.all(np.diff(away[:128]) < 1.5)
    assert abs(away[0] - away[255]) < 40
    page = 16 if dark else 255
    assert abs(lut[128] - page).max() < 40


def test_a_fitted_limit_holds_every_value_and_is_never_zero():
    error = draw()
    limit = pixel_map.error_limit(error)
    assert np.abs(error).max() <= limit < np.abs(error).max() + 0.051
    assert pixel_map.error_limit(np.zeros((28, 28), np.float32)) > 0


def test_the_pixels_are_the_values_top_row_first():
    values = draw()
    drawn = pixel_map.signed_map(values, False)
    np.testing.assert_array_equal(drawn.values.numbers, values)
    coloured = theme.colourise(values, theme.diverging(False), 1.0)
    np.testing.assert_array_equal(pictures(drawn)[1], coloured)


@pytest.mark.parametrize("dark", [False, True])
def test_a_mask_leaves_the_image_in_sight_and_has_no_cold_side(dark):
    mask, ink = np.array([[0, 0, 0.5, 0.25]]), np.array([[0, 1.0, 0, 0]])
    drawn = pixel_map.mask_map(mask, ink, dark, limit=0.5, words="weight")
    bar, ((ground, image, kept, half),) = pictures(drawn)
    nothing, warm = theme.diverging(dark)[[128, 255]].astype(int)
    assert ground.tolist() == nothing.tolist() and image.tolist() == theme.rgb(theme.muted(dark))
    assert kept.tolist() == warm.tolist() and bar[0, [0, -1]].tolist() == [
        ground.tolist(),
        kept.tolist(),
    ]
    np.testing.assert_allclose(half, (nothing + warm) / 2, atol=0.5)


def test_the_contour_is_the_border_of_the_ink():
    ink = np.zeros((3, 3), np.float32)
    ink[1, 1:] = 1
    drawn = pixel_map.signed_map(ink, False, under=ink)
    way = ET.fromstring(drawn.svg).find("{http://www.w3.org/2000/svg}path").get("d")
    assert sorted(way[1:].split("M")) == sorted(
        ["1 1h1", "2 1h1", "1 2h1", "2 2h1", "1 1v1", "3 1v1"]
    )


def test_concentration_is_counted_by_hand():
    values = np.array([[4.0, -2.0], [1.0, 1.0]])
    ink = np.array([[False, True], [False, True]])
    assert pixel_map.concentration(values, ink) == (1, 3 / 8)
    assert pixel_map.concentration(np.ones((2, 2)), ink) == (2, 0.5)
    assert pixel_map.concentration(np.zeros((2, 2)), ink) == (0, 0.0)
