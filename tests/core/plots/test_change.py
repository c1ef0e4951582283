import numpy as np
import pytest

from xai_core.plots.counterfactual import change, path_lines
from xai_core.plots.latent_map import path

NAMES, COLOURS = ["0", "1", "2"], ["#3f90da", "#ffa90e", "#bd1f01"]


def way(frames=9):
    """From class 0 by way of class 1 to class 2."""
    along = np.linspace(0, 1, frames)
    middle = 0.6 * np.exp(-((along - 0.5) ** 2) / 0.02)
    start = np.clip(1 - 1.6 * along, 0, 1) * (1 - middle)
    return np.stack([start, middle, 1 - start - middle], 1)


def lines(**changed):
    settings = {"source": 0, "target": 2, "at": 3, "stop": 0.99, "symbol": "p(class|x)"}
    return path_lines.probability_lines(way(), NAMES, COLOURS, False, **(settings | changed))


def test_the_target_is_the_thickest_line_and_drawn_last():
    traces = lines().data
    assert [t.name for t in traces] == ["1", "0", "2"]
    assert max(t.line.width for t in traces) == traces[-1].line.width
    assert traces[1].line.dash == "dash" and traces[-1].line.dash is None


def test_lines_are_named_where_they_stand_out():
    named = {a.text: (a.x, a.y) for a in lines().layout.annotations}
    assert named["<b>0</b>"][0] == 0 and named["<b>2</b>"][0] == 1
    assert named["1"][0] == 0.5


def test_a_class_that_never_shows_is_left_out_but_not_the_target():
    probs = np.tile([1.0, 0, 0], (5, 1))
    figure = path_lines.probability_lines(
        probs, NAMES, COLOURS, True, source=0, target=2, at=0, stop=0.99, symbol="p"
    )
    assert [t.name for t in figure.data] == ["0", "2"]


def test_the_marker_stands_at_the_frame():
    assert lines(at=8).layout.shapes[0].x0 == 1 and lines(at=0).layout.shapes[0].x0 == 0


@pytest.mark.parametrize("dark", [False, True])
def test_the_band_holds_the_usual_and_the_axis_holds_both(dark):
    density = np.linspace(-20, -60, 9)
    figure = path_lines.density_lines(density, (-30.0, -25.0, -19.0), dark, at=2)
    band = figure.layout.shapes[0]
    assert (band.y0, band.y1) == (-30, -19)
    low, high = figure.layout.yaxis.range
    assert low < -60 and high > -19


def test_the_backdrop_lies_under_the_points():
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    url, (left, bottom, side) = path.backdrop(xy, np.array([0, 1, 2]), COLOURS, False)
    assert url.startswith("data:image/png;base64,")
    assert left < 0 and bottom < 0 and left + side > 10 and bottom + side > 10
    figure = path.map_path(xy, (url, (left, bottom, side)), [("0", 1.0, 1.0)], False,
                               ends=("test:1", "as 2"), at=1)  # fmt: skip
    dots = figure.data[-1]
    assert list(dots.x) == [0, 0, 10] and list(dots.y) == [0, 10, 0]
    assert list(dots.text) == ["test:1", "as 2", "frame 2 of 3"]


def test_the_names_of_the_ends_on_the_map_stay_inside():
    ways = {((1, 5), (9, 5)): [("left", "bottom"), ("right", "bottom")],
            ((5, 0.1), (5, 9.9)): [("center", "bottom"), ("center", "top")],
            ((5, 3), (5, 7)): [("center", "top"), ("center", "bottom")]}  # fmt: skip
    for places, anchors in ways.items():
        figure = path.map_path(np.array(places, float), ("", (0.0, 0.0, 10.0)), [], False,
                                   ends=("test:1", "as 2"), at=0)  # fmt: skip
        assert [(a.xanchor, a.yanchor) for a in figure.layout.annotations] == anchors


def test_ink_is_summed_by_sign():
    values = np.array([[0.5, -0.25], [0.0, 1.0]])
    assert change.ink(values) == (1.5, 0.25)


@pytest.mark.parametrize("dark", [False, True])
def test_added_ink_is_warm_and_removed_ink_cold(dark):
    added, removed = change.coloured(np.array([[1.0, -1.0]]), dark)[0].astype(int)
    assert added[0] > added[2] and removed[2] > removed[0]


def test_the_four_pictures_lie_side_by_side():
    parts = np.random.default_rng(0).random((3, 28, 28)).astype(np.float32)
    assert change.side_by_side(*parts).shape == (28, 4 * 29 - 1, 3)


def test_reasons_are_counted_and_none_is_lost():
    stalled, real = "the ascent stalled (p = 0.120)", "the nearest real image is not that probable"
    said = change.why_not([stalled, "", "the ascent stalled (p = 0.930)", real])
    assert "2 did not reach the target: the ascent stalled." in said
    assert f"1 did not reach the target: {real}." in said
    assert change.why_not(["", ""]) == ""


def test_a_name_at_an_end_stays_inside_the_axes():
    probs = way()[::-1]
    found = path_lines.probability_lines(
        probs, NAMES, COLOURS, False, source=0, target=1, at=0, stop=0.99, symbol="p"
    ).layout.annotations
    sides = {a.text.strip("</b>"): a.xanchor for a in found}
    assert sides == {"0": "left", "1": "right", "2": "left"}
