"""Measure how fast the latent map reacts in a real Chromium, from the event to the result."""

import contextlib
import math
import re

from tests.benchmarks.pages import VIEWPORT, dashboard, map_delivery

from ..browser.conftest import settle

WATCH = """box => {
    const map = box.latentMap, draw = map.picture.bind(map);
    window.hovers = [];
    addEventListener('pointermove', (event) => { window.moved = event.timeStamp; }, true);
    addEventListener('pointerup', (event) => { window.released = event.timeStamp; }, true);
    map.picture = async (context, i, a, b, size, wait) => {
        const known = Boolean(window.__latentMap.sheets.get(map.cell(i).url)?.image);
        const moved = window.moved;
        await draw(context, i, a, b, size, wait);
        if (!wait && map.hover === i) window.hovers.push([known, performance.now() - moved]);
    };
}"""
SPREAD = """(box, count) => {
    const map = box.latentMap, r = box.getBoundingClientRect(), step = Math.floor(map.n / count);
    return Array.from({length: count}, (_, k) => map.screen(k * step + 11)).map(([a, b]) =>
        [r.x + (a * r.width) / map.W, r.y + (b * r.height) / map.H]);
}"""
CIRCLE = """(box, wanted) => {
    const map = box.latentMap, middle = map.screen(map.n >> 1), far = [];
    for (let i = 0; i < map.n; i++) {
        const [a, b] = map.screen(i);
        far.push(Math.hypot(a - middle[0], b - middle[1]));
    }
    const r = box.getBoundingClientRect(), scale = r.width / map.W;
    return [r.x + middle[0] * scale, r.y + middle[1] * scale, far.sort((u, v) => u - v)[wanted] * scale];
}"""  # noqa: E501
DRAWN = """() => {
    const canvas = [...document.querySelectorAll('*')].map((node) => node.shadowRoot)
        .filter(Boolean).map((root) => root.querySelector('canvas.points')).find(Boolean);
    const drawn = canvas?.width && canvas.closest('.box').dataset.ready
        && canvas.getContext('2d').getImageData(0, 0, 1, 1).data[3];
    return drawn ? performance.now() : false;
}"""
PLAYED = """(button) => new Promise((resolve) => {
    const stamps = [], tick = (now) => {
        stamps.push(now);
        if (button.textContent === 'Pause') requestAnimationFrame(tick);
        else resolve((stamps.length - 1) / (stamps.at(-1) - stamps[0]) * 1000);
    };
    button.click();
    requestAnimationFrame(tick);
})"""
CLICKED = """() => addEventListener('click', (e) => { window.clicked = e.timeStamp; }, true)"""


def seconds(repeats):
    """Return times of each interaction, bytes of a first visit, and frames a second of Play."""
    with dashboard() as (address, browser):
        map_delivery(address, browser)  # the server makes its files once
        visits = [map_delivery(address, browser) for _ in range(repeats)]
        with contextlib.closing(browser.new_context(viewport=VIEWPORT)) as context:
            page = context.new_page()
            page.goto(f"{address}/latent_map")
            settle(page)
            found = {"coming back": [_back(page) for _ in range(repeats)]}
            box = page.locator(".box")
            box.scroll_into_view_if_needed()
            box.evaluate(WATCH)
            found |= _hovers(page, box, repeats)
            found["a click"] = [_click(page, where) for where in _places(box, repeats)]
            found["a lasso"] = [_lasso(page, box) for _ in range(repeats)]
            play = page.locator(".replay button")
            play.scroll_into_view_if_needed()
            frames = play.evaluate(PLAYED)
    return {"the first load": [visit[2] for visit in visits]} | found, visits[-1][0], frames


def _back(page):
    """Return the time from the click on the page's name to the drawn map."""
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Home").click()
    page.wait_for_url(lambda url: "latent_map" not in url)
    settle(page)
    page.evaluate(CLICKED)
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Latent map").click()
    drawn = page.wait_for_function(DRAWN).json_value()
    settle(page)
    return (drawn - page.evaluate("window.clicked")) / 1000


def _hovers(page, box, repeats):
    """Return the times from a pointer move to the picture beside it, cached and fetched."""
    cached, fetched = [], []
    network = page.context.new_cdp_session(page)
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    for where in _places(box, 10 * repeats):
        page.evaluate("window.__latentMap.sheets.clear(); window.hovers.length = 0")
        page.mouse.move(*where)
        fetched.append(_shown(page, known=False))
        page.evaluate("window.hovers.length = 0")
        page.mouse.move(where[0] + 40, where[1] - 200)
        page.mouse.move(*where)
        cached.append(_shown(page, known=True))
    return {
        "hovering, cached": [t for t in cached if t is not None],
        "hovering, fetched": [t for t in fetched if t is not None],
    }


def _shown(page, *, known):
    """Return the time of the last hover of a kind; None if the pointer met no point."""
    page.wait_for_timeout(150)
    times = [ms for was_known, ms in page.evaluate("window.hovers") if was_known == known]
    return times[-1] / 1000 if times else None


def _click(page, where):
    """Return the time from the button's release until all panels show the clicked image."""
    page.mouse.move(*where)
    page.mouse.click(*where)
    return _answered(page)


def _lasso(page, box):
    """Return the time from the release of a lasso round 5,000 points to its grid."""
    page.locator("button[data-mode=lasso]").click()
    x, y, radius = box.evaluate(CIRCLE, 5000)
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for k in range(1, 65):
        turn = k * math.tau / 64
        page.mouse.move(x + radius * math.cos(turn), y + radius * math.sin(turn))
    page.mouse.up()
    taken = _answered(page)
    held = re.search(r"([\d,]+) images, 60 shown", page.get_by_test_id("stMain").inner_text())
    assert held and 4000 < int(held[1].replace(",", "")) < 6000
    page.locator("button[data-do=clear]").click()
    page.locator("button[data-mode=pan]").click()
    settle(page)
    return taken


def _answered(page):
    settle(page)
    return page.evaluate("(window.finishedAt - window.released) / 1000")


def _places(box, count):
    box.scroll_into_view_if_needed()
    return box.evaluate(SPREAD, count)
