import xml.etree.ElementTree as ET

import numpy as np
import pytest

from xai_core.plots.counterfactual import change, path_lines
from xai_core.plots.latent_map import path

SVG = "{http://www.w3.org/2000/svg}"
NAMES, COLOURS = ["0", "1", "2"], ["#3f90da", "#ffa90e", "#bd1f01"]


def way(frames=9):
    """From class 0 by way of class 1 to class 2."""
    along = np.linspace(0, 1, frames)
    middle = 0.6 * np.exp(-((along - 0.5) ** 2) / 0.02)
    start = np.clip(1 - 1.6 * along, 0, 1) * (1 - middle)
    return np.stack([start, middle, 1 - start - middle], 1)


def lines(probs=None, **changed):
    settings = {"source": 0, "target": 2, "at": 3, "stop": 0.99, "symbol": "p(class|x)"}
    probs = way() if probs is None else probs
    return path_lines.probability_lines(probs, NAMES, COLOURS, **(settings | changed))


def strokes(drawn):
    """Lines in the classes' colours, in the order in which they are drawn."""
    paths = ET.fromstring(drawn.svg).findall(f"{SVG}path")
    return [path for path in paths if path.get("stroke") in COLOURS]


def words(drawn):
    """Each text: its anchor's place, its anchor, and whether it is bold."""
    found = ET.fromstring(drawn.svg).iter(f"{SVG}text")
    return {
        t.text: (float(t.get("x")), float(t.get("y")), t.get("text-anchor"), t.get("font-weight"))
        for t in found
    }


def test_the_target_is_the_thickest_line_and_drawn_last():
    traces = strokes(lines())
    assert [COLOURS.index(t.get("stroke")) for t in traces] == [1, 0, 2]
    assert max(float(t.get("stroke-width")) for t in traces) == float(
        traces[-1].get("stroke-width")
    )
    assert "dasharray" in str(traces[1].attrib) and "dasharray" not in str(traces[-1].attrib)


def test_lines_are_named_where_they_stand_out():
    named = words(lines())
    (first, *_), (middle, *_), (last, *_) = (named[name] for name in NAMES)
    assert first < middle < last and middle == pytest.approx((first + last) / 2, abs=1)
    assert [named[name][3] for name in NAMES] == ["bold", None, "bold"]


def test_a_class_that_never_shows_is_left_out_but_not_the_target():
    drawn = lines(np.tile([1.0, 0, 0], (5, 1)), at=0)
    assert [COLOURS.index(t.get("stroke")) for t in strokes(drawn)] == [0, 2]
    assert drawn.columns == ("frame", "0", "2") and len(drawn.rows) == 5


def test_the_marker_stands_at_the_frame():
    ends = [strokes(lines())[0].get("d")[1:].split("L")[k].split()[0] for k in (0, -1)]
    for at, x in zip((0, 8), ends, strict=True):
        assert f'd="M{x} 268.0L{x} 18.0"' in lines(at=at).svg


def test_the_band_holds_the_usual_and_the_axis_holds_both():
    drawn = path_lines.density_lines(np.linspace(-20, -60, 9), (-30.0, -25.0, -19.0), at=2)
    band = ET.fromstring(drawn.svg).find(f"{SVG}rect")
    places = {name: y for name, (_, y, *_) in words(drawn).items()}
    top, low = float(band.get("y")), float(band.get("y")) + float(band.get("height"))
    per_nat = (places["\N{MINUS SIGN}60"] - places["\N{MINUS SIGN}20"]) / 40
    assert top == pytest.approx(places["\N{MINUS SIGN}20"] - per_nat, abs=0.2)
    assert low == pytest.approx(places["\N{MINUS SIGN}20"] + 10 * per_nat, abs=0.2)
    assert drawn.rows[-1] == ("9", "\N{MINUS SIGN}60.0")


def test_the_backdrop_lies_under_the_points():
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    url, (left, bottom, side) = path.backdrop(xy, np.array([0, 1, 2]), COLOURS, False)
    assert url.startswith("data:image/png;base64,")
    assert left < 0 and bottom < 0 and left + side > 10 and bottom + side > 10
    drawn = path.map_path(xy, (url, (left, bottom, side)), [("0", 1.0, 1.0)], False,
                              ends=("test:1", "as 2"), at=1)  # fmt: skip
    root = ET.fromstring(drawn.svg)
    assert next(iter(root)).find(f"{SVG}image") is not None
    marks = [p for p in root.findall(f"{SVG}path") if p.find(f"{SVG}title") is not None]
    assert [m.find(f"{SVG}title").text for m in marks] == ["test:1", "as 2", "frame 2 of 3"]
    (x0, y0), (x1, y1), (x2, y2) = (
        map(float, m.get("transform").split(")")[0].removeprefix("translate(").split())
        for m in marks
    )
    assert x0 == x1 < x2 and y0 == y2 > y1, "upwards on the map is up"


def test_the_names_of_the_ends_on_the_map_stay_inside():
    ways = {((1, 5), (9, 5)): [("start", -1), ("end", -1)],
            ((5, 0.1), (5, 9.9)): [("middle", -1), ("middle", 1)],
            ((5, 3), (5, 7)): [("middle", 1), ("middle", -1)]}  # fmt: skip
    for places, wanted in ways.items():
        drawn = path.map_path(np.array(places, float), ("", (0.0, 0.0, 10.0)), [], False,
                                  ends=("test:1", "as 2"), at=0)  # fmt: skip
        found = words(drawn)
        for k, (name, (anchor, side)) in enumerate(zip(("test:1", "as 2"), wanted, strict=True)):
            assert found[name][2] == anchor
            here = path.WIDTH * (1 - (places[k][1] - 0) / 10)
            assert np.sign(found[name][1] - here) == side


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
    found = words(lines(way()[::-1], target=1, at=0))
    assert [found[name][2] for name in NAMES] == ["start", "end", "start"]
