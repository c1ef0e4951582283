"""Every page for everyone: figures drawn, named and uncrowded, axe-core content."""

from importlib.resources import files

import pytest

from .conftest import settle
from .test_pages import PAGES, figures, is_dark

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
FINDINGS = """async (rules) => {
    const {violations} = await axe.run(document, {...rules, resultTypes: ['violations']});
    return violations.filter(({impact}) => ['serious', 'critical'].includes(impact)).flatMap(
        ({id, nodes}) => nodes.map(({html}) => [id, html.slice(0, 300)]));
}"""
OF_COLOUR = ["color-contrast", "link-in-text-block"]
"""Rules about colours, of those that axe-core asks by default."""
OVERFLOW = """() => Math.max(...[document.documentElement, ...document.querySelectorAll(
    '[data-testid="stMain"], [data-testid="stMainBlockContainer"]')]
    .map((node) => node.scrollWidth - node.clientWidth))"""
NAMELESS = """nodes => nodes.filter((node) => node.checkVisibility()
    && !node.closest('[aria-hidden="true"], [data-testid="stDataFrame"]')
    && !(node.getAttribute('alt') || node.getAttribute('aria-label') || '').trim())
    .map((node) => node.outerHTML.slice(0, 200))"""
CROWDED = """() => [...document.querySelectorAll('.js-plotly-plot'),
    ...[...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')].flatMap((host) =>
        [...(host.shadowRoot?.querySelectorAll('.chart > svg') ?? [])])].flatMap((chart) => {
    const edge = chart.getBoundingClientRect();
    const words = [...chart.querySelectorAll('text')].map((text) =>
        [text.textContent.trim(), text.getBoundingClientRect()])
        .filter(([word, box]) => word && box.width);
    return words.flatMap(([word, a], k) => [
        ...(a.left < edge.left - 1 || a.right > edge.right + 1 ? [word] : []),
        ...words.slice(k + 1).filter(([other, b]) => other !== word
            && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
            .map(([other]) => [word, other])]);
})"""
"""Words in charts that are cut off, and pairs that overlap."""
IN_SIGHT = """node => {
    const box = node.getBoundingClientRect(), {innerWidth, innerHeight} = window;
    return box.height && box.top >= 0 && box.left >= 0
        && box.bottom <= innerHeight && box.right <= innerWidth;
}"""
UNEVEN = """() => {
    const deep = (root) => [...root.querySelectorAll('*')].flatMap((node) =>
        [node, ...(node.shadowRoot ? deep(node.shadowRoot) : [])]);
    const all = deep(document), left = (node) => node.getBoundingClientRect().left;
    const cut = all.filter((node) => node.matches('[data-testid="stDataFrame"] .dvn-scroller')
        && node.scrollWidth > node.clientWidth + 1).map(() => 'a table that is cut off');
    return cut.concat(all.filter((node) => node.matches('.grid')).flatMap((grid) => {
        const columns = getComputedStyle(grid).gridTemplateColumns.split(' ').length;
        const pictures = [...grid.querySelectorAll('.pic')];
        return pictures.filter((picture, i) =>
            Math.abs(left(picture) - left(pictures[i % columns])) > 1).map(() => 'a picture');
    }));
}"""
"""Tables that have to be scrolled, and pictures that do not stand below each other."""
LINKS = {"theory_plane": "theory_plane?bundle=mnist-2d"}
"""Links of pages that need another model than the default."""
PHONE, ZOOMED, LAPTOP, DESK = 390, 700, 1024, 1400
"""Widths in CSS pixels; a desk's page at 200 % zoom is 700 wide."""


@pytest.fixture(scope="module")
def walked(open_for_all):
    """A page that goes from link to link."""
    return open_for_all()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "home")
def test_page_shows_its_figures_to_everyone(walked, open_for_all, path):
    page = open_for_all(LINKS[path]) if path in LINKS else walked
    page.emulate_media(color_scheme="light")
    if path and path not in LINKS:
        link = page.get_by_test_id("stSidebarNavLink").and_(page.locator(f"[href$='/{path}']"))
        link.dispatch_event("click")
        page.locator("h1", has_text=PAGES[path]).wait_for()
        settle(page)
    assert page.locator("h1").inner_text() == PAGES[path]
    assert page.get_by_test_id("stException").count() == 0
    assert page.get_by_test_id("stAlertContentError").count() == 0
    assert figures(page) > 0
    assert page.locator("img, canvas, [role=img]").evaluate_all(NAMELESS) == []
    page.evaluate(f"window.axe ?? (() => {{{AXE}}})()")
    assert findings(page) == [] and not is_dark(page)
    page.emulate_media(color_scheme="dark")
    settle(page)
    assert findings(page, runOnly=OF_COLOUR) == [] and is_dark(page) and figures(page) > 0
    for width in (PHONE, ZOOMED, LAPTOP, DESK):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"({OVERFLOW})() <= 0 && !({CROWDED})().length")
    page.wait_for_function(f"!({UNEVEN})().length")


def findings(page, **rules):
    """List what axe-core calls serious or critical: rule and element.

    A theme changes colours alone, so the second one is asked by the rules about them.
    """
    return page.evaluate(FINDINGS, rules)


def test_the_tour_of_a_first_visit_is_taken_by_keyboard_and_not_shown_again(open_page):
    page = open_page()
    page.set_viewport_size({"width": 1400, "height": 800})
    tour, again = page.get_by_role("region", name="First steps"), page.locator(".again")
    for step in range(1, 6):
        tour.get_by_text(f"{step} of 5").wait_for()
        assert tour.evaluate(IN_SIGHT)
        tour.get_by_role("button", name="Continue" if step < 5 else "Done").press("Enter")
    tour.wait_for(state="hidden")
    page.reload()
    settle(page)
    assert not tour.is_visible()
    again.press("Enter")
    tour.get_by_text("1 of 5").wait_for()
    tour.get_by_role("button", name="Continue").press("Escape")
    tour.wait_for(state="hidden")


def test_the_tour_can_be_skipped(open_page):
    page = open_page()
    page.get_by_role("button", name="Skip the tour").click()
    page.reload()
    settle(page)
    assert not page.get_by_role("region", name="First steps").is_visible()
    page.get_by_role("button", name="Take the tour").wait_for()
