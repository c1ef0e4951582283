"""Sliders are dragged; `open_page` fails on any error in the console or 404."""

import re
import time
from itertools import count

from .conftest import settle

SECONDS = 10
EVERY = 150
"""Milliseconds between two moves of a slider: less than a page takes to follow."""
STROKES = ["ArrowLeft"] * 4 + ["ArrowRight"] * 5
"""Keys for one slider, before it is the next one's turn."""
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


def drag(pages, seconds=SECONDS):
    """Move the sliders of each page in turn to and fro by keyboard, as fast as a hand does.

    A key takes a millisecond and a page's answer more than `EVERY`, so that several pages are
    dragged in the time of one.

    Args:
        pages: The handles of each page's sliders.
        seconds: How long.
    """
    until, strokes = time.monotonic() + seconds, count()
    while time.monotonic() < until:
        turn, stroke = divmod(next(strokes), len(STROKES))
        due = time.monotonic() + EVERY / 1000
        for handles in pages:
            handle = handles[turn % len(handles)]
            if not stroke:
                handle.focus()
            handle.page.keyboard.press(STROKES[stroke])
        pages[0][0].page.wait_for_timeout(max(0.0, 1000 * (due - time.monotonic())))


def one_of_a_kind(page):
    """Find one slider of each kind: those of one name but for a number are one kind."""
    kinds = {}
    for handle in sliders(page).all():
        name = re.sub(r"\d+", "#", handle.get_attribute("aria-label") or "")
        kinds.setdefault(name, handle)
    return [*kinds.values()]


def test_sliders_moved_quickly_for_ten_seconds_keep_their_pages(open_page):
    pages = [open_page(path) for path in WITH_SLIDERS]
    kinds = [one_of_a_kind(page) for page in pages]
    assert all(kinds)
    drag(kinds)
    for page in pages:
        settle(page)
        state = page.get_by_test_id("stApp").get_attribute("data-test-connection-state")
        assert state == "CONNECTED"
        assert page.get_by_test_id("stException").count() == 0
