"""The colours can be told apart by people with any of the three kinds of colour blindness."""

from itertools import combinations, pairwise

import pytest

from xai_core.plots import theme

BLINDNESS = ["none", "protan", "deutan", "tritan"]
APART = 10.0
"""CIEDE2000; 2.3 is just noticeable; two of Plotly's own ten are 0.4 apart under protanopia."""


def seen(colours, blindness):
    from coloraide import Color

    known = [Color(colour) for colour in colours]
    return known if blindness == "none" else [colour.filter(blindness) for colour in known]


def closest(colours, blindness):
    pairs = combinations(seen(colours, blindness), 2)
    return min(a.delta_e(b, method="2000") for a, b in pairs)


def lightness(colours, blindness="none"):
    return [colour.convert("lab-d65")["lightness"] for colour in seen(colours, blindness)]


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_ten_categories_differ_for_everyone(blindness):
    assert closest(theme.categorical(10), blindness) > APART


@pytest.mark.parametrize("blindness", BLINDNESS[1:])
def test_this_test_can_tell_a_palette_that_is_not_safe(blindness):
    plotly = ["#636efa", "#EF553B", "#00cc96", "#ab63fa", "#FFA15A",
              "#19d3f3", "#FF6692", "#B6E880", "#FF97FF", "#FECB52"]  # fmt: skip
    assert closest(plotly, blindness) < APART


def test_warm_and_cold_of_a_signed_map_differ_for_everyone(subtests):
    for dark in [False, True]:
        for blindness in BLINDNESS:
            with subtests.test(dark=dark, blindness=blindness):
                colours = theme.hex_colours(theme.diverging(dark))
                for step in (48, 96, 127):
                    assert closest([colours[128 - step], colours[128 + step]], blindness) > APART


def test_an_ordered_map_is_ordered_by_lightness_alone(subtests):
    for dark in [False, True]:
        for blindness in BLINDNESS:
            with subtests.test(dark=dark, blindness=blindness):
                found = lightness(theme.hex_colours(theme.sequential(dark))[::16], blindness)
                rising = found if dark else found[::-1]
                assert all(low < high for low, high in pairwise(rising))
                assert rising[-1] - rising[0] > 50
