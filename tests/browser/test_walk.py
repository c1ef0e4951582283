"""The controls of every page are moved, on bundles whose names are hostile.

None leads to an error, and nothing in a name is read as Markdown, HTML or TeX: `open_page` fails
on any error in the console or 404.
"""

import dataclasses
import re

import pytest

from xai_core.bundle.writing import save_bundle

from .conftest import ROOT, _open, served, settle
from .test_controls import EVERY, sliders
from .test_pages import PAGES

NAMES = (
    "![x](http://evil.invalid/x.png)<script>alert(1)</script>`a $x$ :red[x] | b |",
    "# <img src=x onerror=alert(1)> **x** [x](http://evil.invalid) www.evil.invalid :smile: `",
)
FOUND = r"""names => {
    const deep = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
        [node, ...(node.shadowRoot ? deep(node.shadowRoot) : [])]);
    const all = deep(document);
    return all.filter((node) => /evil\.invalid|javascript:/i.test(node.src ?? '') ||
        /evil\.invalid|javascript:/i.test(String(node.href?.baseVal ?? node.href ?? '')) ||
        node.hasAttribute('onerror') ||
        (node.tagName === 'SCRIPT' && node.textContent === 'alert(1)') ||
        (node.matches('.katex, .stMarkdownColoredText') && node.textContent.includes('x')
            && names.some((name) => name.includes(node.textContent)))
    ).map((node) => node.outerHTML.slice(0, 200));
}"""
"""Elements that only a name can have made."""
MOST_OF_A_KIND = 2
"""Controls of one kind that are moved: more of them take minutes and have found nothing more."""
TRIES = 40
"""How often a key is pressed that closes what popped up."""
LEFT_ALONE = re.compile("Measure|Start|Train|Stop|Resume|Delete|Play")
"""Buttons that start minutes of work or a process, or that keep a page moving."""


@pytest.fixture(scope="module")
def server(tiny_parts, tmp_path_factory):
    """A dashboard whose only bundle has hostile names wherever a bundle may hold a text."""
    root = tmp_path_factory.mktemp("hostile")
    dataset = dataclasses.replace(
        tiny_parts["dataset"], class_names=NAMES, name=NAMES[0], source=NAMES[1], report=NAMES
    )
    configs = {"training": {"preset": NAMES[0]}}
    parts = tiny_parts | {"dataset": dataset, "configs": configs}
    for name in ("hostile", "hostile-too"):
        save_bundle(root / "checkpoints" / name, **parts)
    with served(root / "log.txt", cwd=root, PYTHONPATH=str(ROOT)) as address:
        yield address


open_page = pytest.fixture(_open)


def in_main(page, *selectors):
    """Find what can be seen in the page's body, in shadow roots too."""
    where = ", ".join(f"[data-testid=stMain] {selector}" for selector in selectors)
    return page.locator(where).filter(visible=True)


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
    """Open what pops up and close it; it hears the key a moment after it is seen."""
    button.click()
    shown = page.get_by_test_id("stPopoverBody")
    shown.wait_for()
    for _ in range(TRIES):
        page.keyboard.press("Escape")
        page.wait_for_timeout(EVERY)
        if not shown.count():
            return
    raise AssertionError(f"Escape does not close {button.inner_text()!r}")


def write(page, field):
    field.fill("test:5")
    page.keyboard.press("Enter")


OPENED = (
    (look, ("[data-testid=stPopoverButton]",)),
    (click, ("[data-testid=stExpander] summary",)),
)
"""What opens without the server: nothing is waited for between two of them."""
MOVES = (
    (click, ("[data-testid=stButtonGroup] button:last-of-type", "[data-testid=stCheckbox] label")),
    (
        click,
        ("[data-testid=stRadio] label:last-of-type", "[data-testid=stNumberInputStepUp]:enabled"),
    ),
    (choose, ("[data-testid=stSelectbox]", "[data-testid=stMultiSelect]")),
    OPENED[0],
    (write, ("[data-testid=stTextInput] input[placeholder='test:123']",)),
    OPENED[1],
    (click, (".grid button:first-of-type", "[data-testid=stButton] button:enabled")),
)
"""How each kind of control is moved. Settings come first, what they lead to last."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "home")
def test_every_control_of_a_page_can_be_moved_whatever_the_names(open_page, path):
    page = open_page(f"{path}?bundle=hostile&with=hostile-too&image=test:0")
    label = page.locator(".st-key-selection").get_by_text("test:0 in").inner_text()
    said = label.replace("\N{WORD JOINER}", "")
    assert any(f"label {name}" in said for name in NAMES)
    assert _moved(page)
    assert page.locator("h1").inner_text() == PAGES[path]
    assert page.evaluate(FOUND, list(NAMES)) == []


def _moved(page):
    """Move what the page has, one kind after another; return how many there were."""
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
            if (move, selectors) not in OPENED:
                settle(page)
            moved += 1
        settle(page)
        assert page.get_by_test_id("stException").count() == 0, move
    return moved
