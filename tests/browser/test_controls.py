"""Sliders are dragged, controls moved; `open_page` fails on any error in the console or 404."""

import re
import time
from itertools import cycle

import pytest

from .conftest import settle
from .test_pages import PAGES

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
WITH_CONTROLS = ("", "own_image", "latent_map", "reconstructions", "clusters", "heatmaps")
"""Pages whose controls are all walked over; the others are opened and dragged, not walked yet."""
MOST_OF_A_KIND = 4
"""Controls of one kind that are moved: a page may make new ones as it follows."""
LEFT_ALONE = re.compile("Measure|Start|Train|Stop|Resume|Delete|Play")
"""Buttons that start minutes of work or a process, or that keep a page moving."""


def in_main(page, *selectors):
    """Find what can be seen in the page's body, in shadow roots too."""
    where = ", ".join(f"[data-testid=stMain] {selector}" for selector in selectors)
    return page.locator(where).filter(visible=True)


def sliders(page):
    """Find the handles of the page's sliders, which only their role tells."""
    return page.get_by_test_id("stMain").get_by_role("slider")


def drag(page, handle, seconds=SECONDS):
    """Move a slider's handle to and fro by keyboard, as fast as a hand drags it."""
    handle.focus()
    until, keys = time.monotonic() + seconds, cycle(["ArrowLeft"] * 4 + ["ArrowRight"] * 5)
    while time.monotonic() < until:
        page.keyboard.press(next(keys), delay=EVERY)


def slide(page, handle):
    handle.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key, delay=EVERY)


def click(page, node):
    node.click()


def choose(page, box):
    """Choose the next option of a list."""
    box.locator("input").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")


def look(page, button):
    """Open what pops up and close it."""
    button.click()
    page.keyboard.press("Escape")


def write(page, field):
    field.fill("test:5")
    page.keyboard.press("Enter")


MOVES = (
    (click, ("[data-testid=stButtonGroup] button:last-of-type", "[data-testid=stCheckbox] label")),
    (click, ("[data-testid=stRadio] label:last-of-type", "[data-testid=stNumberInputStepUp]")),
    (choose, ("[data-testid=stSelectbox]", "[data-testid=stMultiSelect]")),
    (look, ("[data-testid=stPopoverButton]",)),
    (write, ("[data-testid=stTextInput] input[placeholder='test:123']",)),
    (click, ("[data-testid=stExpander] summary",)),
    (click, (".grid button:first-of-type", "[data-testid=stButton] button:enabled")),
)
"""How each kind of control is moved. Settings come first, what they lead to last."""


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


@pytest.mark.parametrize("path", WITH_CONTROLS, ids=lambda path: path or "home")
def test_no_control_of_a_page_leads_to_an_error(open_page, path):
    page = open_page(path)
    moved = 0
    for move, selectors in ((slide, ()), *MOVES):
        found = in_main(page, *selectors) if selectors else sliders(page)
        at = 0
        while at < min(found.count(), MOST_OF_A_KIND):
            node = found.nth(at)
            at += 1
            if LEFT_ALONE.search(node.inner_text()):
                continue
            move(page, node)
            settle(page)
            moved += 1
        assert page.get_by_test_id("stException").count() == 0, move
    assert moved
    assert page.locator("h1").inner_text() == PAGES[path]
