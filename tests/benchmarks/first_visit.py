"""`python -m tests.benchmarks.first_visit [REPEATS]`: what a link from a colleague costs.

Each page is opened by its address in a browser without a cache, in turns with a bare Streamlit
page of one title and one sentence on a server of its own, so that both meet the same load. Counted
are the bytes of the page itself (messages, pictures, points), those of Streamlit's own files, and
how far what was already drawn moved (cumulative layout shift, without shifts after an input).
"""

import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from dashboard.links import LISTED
from tests.benchmarks import results
from tests.benchmarks.pages import VIEWPORT

from ..browser.conftest import STEADY, chromium, served, settle

BARE = "import streamlit as st\nst.title('Bare')\nst.write('One sentence.')\n"
PAGES = {
    entry.title: "" if name == "home" else name
    for name, entry in LISTED.items()
    if entry.section != "Theory"
}
WATCH = """window.shift = 0;
new PerformanceObserver((list) => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
}).observe({type: 'layout-shift', buffered: true});"""
CHUNK = "/PlotlyChart."


def visit(browser, address, path=""):
    """Open a page in a fresh browser: seconds, own bytes, Streamlit's, shift, Plotly asked for."""
    with contextlib.closing(browser.new_context(viewport=VIEWPORT)) as context:
        context.add_init_script(WATCH)
        page, sizes, urls, messages = context.new_page(), {}, {}, []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on(
            "Network.responseReceived",
            lambda e: urls.update({e["requestId"]: urlsplit(e["response"]["url"]).path}),
        )
        network.on(
            "Network.loadingFinished",
            lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]}),
        )
        page.on("websocket", lambda ws: ws.on("framereceived", lambda m: messages.append(len(m))))
        started = time.perf_counter()
        page.goto(f"{address}/{path}")
        settle(page)
        seconds = time.perf_counter() - started - STEADY
        frontend = sum(n for key, n in sizes.items() if urls.get(key, "").startswith("/static/"))
        own = sum(sizes.values()) - frontend + sum(messages)
        plotly = any(CHUNK in path for path in urls.values())
        return seconds, own, frontend, page.evaluate("window.shift"), plotly


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        script = Path(folder) / "bare.py"
        script.write_text(BARE)
        logs = [Path(folder) / name for name in ("bare.txt", "log.txt")]
        with served(logs[0], script=script) as bare, served(logs[1]) as address:
            found = _visits(browser, bare, address, repeats)
    table = results.Table("first_visit", "seconds", "over a bare page", "own data",
                          "Streamlit's files", "layout shift", "Plotly")  # fmt: skip
    for name, visits in found.items():
        seconds, own, frontend, shift = (
            statistics.median(values) for values in list(zip(*visits, strict=True))[:4]
        )
        times = [v[0] / b[0] for v, b in zip(visits, found["A bare page"], strict=True)]
        table.row(
            name,
            ("{:.2f} s", seconds),
            ("{:.1f} times", statistics.median(times)),
            ("{:.2f} MB", own / 1e6),
            ("{:.2f} MB", frontend / 1e6),
            ("{:.3f}", shift),
            "asked for" if any(v[4] for v in visits) else "not asked for",
        )
    table.save()


def _visits(browser, bare, address, repeats):
    """Return what each visit measured, by page; the first round, on cold servers, is dropped."""
    found = {"A bare page": []} | {name: [] for name in PAGES}
    for _ in range(repeats + 1):
        found["A bare page"].append(visit(browser, bare))
        for name, path in PAGES.items():
            found[name].append(visit(browser, address, path))
    return {name: visits[1:] for name, visits in found.items()}


if __name__ == "__main__":
    main()
