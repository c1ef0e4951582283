"""Sliders are dragged; `open_page` fails on any error in the console or 404."""

import re
import time
from itertools import cycle

import pytest

from .conftest import settle

SECONDS = 10
EVERY = 150
"""Milliseconds between two moves of a slider: less than a page takes to follow."""
WITH_SLIDERS = (
    "reconstructions",
    "heatmaps",
    "counterfactuals",
    "theory_collapse",
    "theory_mixtures",
)


def sliders(page):
    """Find the handles of the page's sliders, which only their role tells."""
    return page.get_by_test_id("stMain").get_by_role("slider")


def drag(page, handle, seconds=SECONDS):
    """Move a slider's handle to and fro by keyboard, as fast as a hand drags it."""
    handle.focus()
    until, keys = time.monotonic() + seconds, cycle(["ArrowLeft"] * 4 + ["ArrowRight"] * 5)
    while time.monotonic() < until:
        page.keyboard.press(next(keys), delay=EVERY)


@pytest.mark.parametrize("path", WITH_SLIDERS)
def test_a_slider_moved_quickly_for_ten_seconds_keeps_its_page(open_page, path):
    page = open_page(path)
    kinds = {}
    for handle in sliders(page).all():
        name = re.sub(r"\d+", "#", handle.get_attribute("aria-label") or "")
        kinds.setdefault(name, handle)
    assert kinds
    for handle in kinds.values():
        drag(page, handle)
        settle(page)
    assert page.get_by_test_id("stApp").get_attribute("data-test-connection-state") == "CONNECTED"
    assert page.get_by_test_id("stException").count() == 0
