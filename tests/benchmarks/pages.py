"""How long a person waits for a page, and what it sends, in a real Chromium."""

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.browser.conftest import STEADY, chromium, served, settle

PAGES = {
    "Home": "",
    "Latent map": "latent_map",
    "Reconstructions": "reconstructions",
    "Clusters": "clusters",
}


def cold_start_seconds(browser, repeats):
    """Time from the command to a drawn Home, each with a server and a browser cache of its own."""
    return statistics.median(_cold_start(browser) for _ in range(repeats))


def warm_page_seconds(address, browser, repeats):
    """Time each page, opened by its address in a new tab and reached by a click on its name."""
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


def map_delivery(address, browser):
    """Count what a first visit of the latent map sends: bytes of data, of frontend, seconds."""
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


def _cold_start(browser):
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with served(Path(folder) / "log.txt") as address:
            with contextlib.closing(browser.new_context(viewport=VIEWPORT)) as context:
                page = context.new_page()
                page.goto(address)
                settle(page)
                return time.perf_counter() - started - STEADY


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
