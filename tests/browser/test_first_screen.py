"""What a person sees before scrolling, on a screen of 1400 x 900: each page's point."""

import pytest

from .conftest import settle

PICTURES = {
    "heatmaps?image=test:18": ("picture-heat-input", "heat-large"),
    "counterfactuals?image=test:18": (
        *("picture-input", "picture-counterfactual", "picture-change"),
        *("picture-adversarial-example", "targets"),
    ),
    "reconstructions?image=test:18": ("input", "reconstruction", "error"),
}
MAP_SHARE = 0.7
"""Least share of the room beside the list of pages that the latent map takes."""


@pytest.mark.parametrize("path", PICTURES)
def test_what_a_page_is_about_needs_no_scrolling(open_page, path):
    page = open_page(path)
    for key in PICTURES[path]:
        box = page.locator(f".st-key-{key}").first.bounding_box()
        assert box and box["y"] + box["height"] <= 900, (key, box)


def test_the_map_fills_the_first_screen(open_page):
    page = open_page("latent_map")
    room = page.get_by_test_id("stMain").bounding_box()
    box = page.locator(".box").bounding_box()
    assert box["y"] + box["height"] <= 900
    assert box["width"] * box["height"] >= MAP_SHARE * room["width"] * room["height"]


def test_arrow_keys_walk_a_talk_and_escape_ends_it(open_page):
    page = open_page("?present=1")
    assert not page.get_by_test_id("stSidebar").is_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "24px"
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: "/latent_map" in url and "present=1" in url)
    settle(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(lambda url: "/latent_map" not in url)
    settle(page)
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "present" not in url)
    page.get_by_test_id("stSidebar").wait_for()
