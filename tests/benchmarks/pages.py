"""Measure how long a visitor waits for a page, and what it sends, in a real Chromium."""

import contextlib
import math
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from ..browser.conftest import STEADY, chromium, served, settle

PAGES = {
    "Home": "",
    "Latent map": "latent_map",
    "Reconstructions": "reconstructions",
    "Clusters": "clusters",
}


def cold_start_seconds(browser, repeats):
    """Return the median time from the command to a drawn Home, each on a new server and cache."""
    return statistics.median(_cold_start(browser) for _ in range(repeats))


def warm_page_seconds(address, browser, repeats):
    """Return the times of each page: opened by its address in a new tab, and by a click."""
    with contextlib.closing(browser.new_context(viewport=VIEWPORT)) as context:
        opened = {name: [_open(context, address, name)] for name in PAGES}
        opened = {name: [_open(context, address, name) for _ in range(repeats)] for name in PAGES}
        page = context.new_page()
        page.goto(address)
        settle(page)
        clicked = {name: [] for name in PAGES}
        for _ in range(repeats + 1):
            for name in [*list(PAGES)[1:], "Home"]:
                clicked[name].append(_click(page, name))
    return {
        name: (statistics.median(opened[name]), statistics.median(clicked[name][1:]))
        for name in PAGES
    }


def stroke_seconds(browser, repeats):
    """Time from the end of a stroke to its full explanation: the first on a server, and later.

    Returns:
        Seconds of the first stroke on each of `repeats` servers, and of as many on the last.
    """
    first = []
    for k in range(repeats):
        with _fresh_page(browser, "own_image") as page:
            page.evaluate(RELEASED)
            first.append(_stroke(page, 0))
            if k == repeats - 1:
                later = [_stroke(page, 1 + j) for j in range(repeats)]
    return first, later


def map_delivery(address, browser):
    """Return what a first visit of the latent map takes: bytes of data, of frontend, seconds."""
    with contextlib.closing(browser.new_context(viewport=VIEWPORT)) as context:
        page = context.new_page()
        sizes, sent, messages = {}, {}, []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.responseReceived", lambda e: sent.update({e["requestId"]: e}))
        network.on(
            "Network.loadingFinished",
            lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}),
        )
        page.on(
            "websocket",
            lambda ws: ws.on("framereceived", lambda payload: messages.append(len(payload))),
        )
        started = time.perf_counter()
        page.goto(f"{address}/latent_map")
        settle(page)
        seconds = time.perf_counter() - started - STEADY
        urls = {key: urlsplit(event["response"]["url"]).path for key, event in sent.items()}
        data = sum(size for key, size in sizes.items() if "/app/static/" in urls.get(key, ""))
        return data + sum(messages), sum(sizes.values()) - data, seconds


@contextlib.contextmanager
def dashboard():
    """Start a server and a browser; yields the address and the browser."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        with served(Path(folder) / "log.txt") as address:
            yield address, browser


VIEWPORT = {"width": 1400, "height": 900}
RELEASED = "addEventListener('pointerup', (e) => { window.released = e.timeStamp; }, true)"
EXPLAINED = "[class*=st-key-picture-own-counterfactual] img"


def _cold_start(browser):
    started = time.perf_counter()
    with _fresh_page(browser, ""):
        return time.perf_counter() - started - STEADY


@contextlib.contextmanager
def _fresh_page(browser, path):
    """Open a page on a new server with a new browser cache."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "log.txt") as address:
        with contextlib.closing(browser.new_context(viewport=VIEWPORT)) as context:
            page = context.new_page()
            page.goto(f"{address}/{path}")
            settle(page)
            yield page


def _stroke(page, k):
    """Draw the k-th spoke of a wheel, and wait for its full explanation."""
    before, sheet = page.url, page.locator("canvas.ink")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    start, end = (
        (
            box["x"] + box["width"] * (0.5 + reach * math.cos(k)),
            box["y"] + box["height"] * (0.5 + reach * math.sin(k)),
        )
        for reach in (0.1, 0.35)
    )
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
    page.wait_for_url(lambda url: url != before)
    page.locator(EXPLAINED).wait_for()
    settle(page)
    return page.evaluate("(window.finishedAt - window.released) / 1000")


def _open(context, address, name):
    with contextlib.closing(context.new_page()) as page:
        started = time.perf_counter()
        page.goto(f"{address}/{PAGES[name]}")
        settle(page)
        return time.perf_counter() - started - STEADY


def _click(page, name):
    started = time.perf_counter()
    page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
    page.wait_for_url(lambda url: urlsplit(url).path == f"/{PAGES[name]}")
    settle(page)
    return time.perf_counter() - started - STEADY
