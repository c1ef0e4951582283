import numpy as np
import pytest

from xai_core.plots import pixel_map, theme


def draw(seed=0):
    return np.random.default_rng(seed).uniform(-0.6, 0.4, (28, 28)).astype(np.float32)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("limit", [1.0, 0.35])
def test_errors_are_coloured_symmetrically_about_zero(dark, limit):
    trace = pixel_map.signed_map(draw(), dark, limit=limit).data[0]
    assert trace.zmin == -trace.zmax == -limit
    positions = [position for position, _ in trace.colorscale]
    assert positions[0] == 0 and positions[-1] == 1 and 0.5 in [round(p, 2) for p in positions]
    assert list(trace.colorbar.tickvals) == [-limit, 0, limit]


def test_the_colour_bar_says_its_numbers():
    ticks = pixel_map.signed_map(draw(), False, limit=0.35).data[0].colorbar.ticktext
    assert list(ticks) == ["\N{MINUS SIGN}0.35", "0", "+0.35"]
    assert list(pixel_map.ink_map(draw(), False).data[0].colorbar.ticktext) == ["0", "0.5", "1"]


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
    figure = pixel_map.signed_map(values, False)
    np.testing.assert_array_equal(figure.data[0].z, values)
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.scaleanchor == "x"


@pytest.mark.parametrize("dark", [False, True])
def test_a_mask_leaves_the_image_in_sight_and_has_no_cold_side(dark):
    mask, ink = np.abs(draw()), np.abs(draw(1))
    ground, kept, contour = pixel_map.mask_map(mask, ink, dark, limit=0.5, words="weight").data
    np.testing.assert_array_equal(ground.z, ink)
    np.testing.assert_array_equal(kept.z, mask)
    assert (kept.zmin, kept.zmax) == (0, 0.5) and kept.colorscale[0][1].endswith(", 0)")
    assert contour.type == "contour"


def test_concentration_is_counted_by_hand():
    values = np.array([[4.0, -2.0], [1.0, 1.0]])
    ink = np.array([[False, True], [False, True]])
    assert pixel_map.concentration(values, ink) == (1, 3 / 8)
    assert pixel_map.concentration(np.ones((2, 2)), ink) == (2, 0.5)
    assert pixel_map.concentration(np.zeros((2, 2)), ink) == (0, 0.0)
