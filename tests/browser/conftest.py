"""A real server and a real Chromium; also imported by the benchmarks and the screenshots."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import sync_playwright

from ..patience import PATIENCE

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--in-process-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=PreloadTopChromeWebUI",
)
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""Streamlit's frontend asks for these below a page's address first, which is a 404, then at /."""
STEADY = 0.3
"""Seconds for which a page must look finished: a rerun begins a moment after its cause."""
LOOK_EVERY = 0.1
"""Seconds between two looks, each of which goes through the whole page."""
SETTLED = """(steady) => {
    const app = document.querySelector('[data-testid="stApp"]');
    if (app?.dataset.testScriptState !== 'notRunning'
        || app.dataset.testConnectionState !== 'CONNECTED') {
        window.finishedAt = null;
        return false;
    }
    const roots = [document, ...[...document.querySelectorAll('*')]
        .map((node) => node.shadowRoot).filter(Boolean)];
    const all = (selector) => roots.flatMap((root) => [...root.querySelectorAll(selector)]);
    const named = (...names) => names.map((name) => `[data-testid="${name}"]`).join();
    const unfinished = named('stStatusWidget', 'stSkeleton', 'stSpinner', 'stAppSkeleton');
    const finished = all('[data-testid="stMain"] h1, [data-testid="stException"]').length
        && !all(unfinished + ', [data-stale="true"]').length
        && [...document.images].every((image) => image.complete)
        && all(named('stPlotlyChart')).every((chart) => chart.querySelector('svg.main-svg'))
        && all(named('stBidiComponentIsolated')).every((host) => host.shadowRoot?.children.length)
        && all('.grid').every((grid) => grid.children.length)
        && all('canvas.points').every((canvas) =>
            canvas.width && canvas.getContext('2d').getImageData(0, 0, 1, 1).data[3]);
    window.finishedAt = finished ? window.finishedAt ?? performance.now() : null;
    return finished && performance.now() - window.finishedAt >= steady;
}"""
"""The script has ended and all that it asked for is drawn, in shadow roots too."""


@contextlib.contextmanager
def served(log, *, script="Home.py", cwd=ROOT, inherited=os.environ, user=None, **env):
    """Serve the dashboard as `streamlit run` does, perhaps as another user; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / script)]
    options = ["--server.port", str(port), "--server.headless", "true"]
    with Path(log).open("wb") as output:
        process = subprocess.Popen(
            [*command, *options],
            cwd=cwd,
            env={**inherited, **env},
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(address, process, Path(log))
            yield address
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def chromium():
    """Start a headless Chromium."""
    with sync_playwright() as playwright:
        path = _chromium_path(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def settle(page):
    """Wait until the page's script has ended and its figures are drawn."""
    page.evaluate("window.finishedAt = null")
    page.wait_for_function(
        SETTLED, arg=1000 * STEADY, polling=1000 * LOOK_EVERY, timeout=PATIENCE * 1000
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with served(log) as address:
        yield address
    if "Traceback" in log.read_text():
        pytest.fail(f"The server raised:\n{log.read_text()[-4000:]}", pytrace=False)


@pytest.fixture(scope="session")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def visitor(browser):
    """One context for all pages, whose cache holds Streamlit's frontend."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def idle_tabs():
    """Tabs of the visitor that no test uses: they have Streamlit's frontend compiled."""
    return []


def _open(server, visitor, idle_tabs):
    """Open pages; at the end none may have raised, logged an error or left the machine."""
    watched, problems = [], []

    def visit(path="", *, theme="light", width=1400):
        page = idle_tabs.pop() if idle_tabs else visitor.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        watched.append((page, _watch(page, problems)))
        page.goto(f"{server}/{path}")
        settle(page)
        return page

    yield visit
    for page, listeners in watched:
        if not page.is_closed():
            page.evaluate("localStorage.clear(), sessionStorage.clear()")
            for event, listener in listeners.items():
                page.remove_listener(event, listener)
            page.goto(f"{server}/_stcore/health")
            idle_tabs.append(page)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


open_page = pytest.fixture(_open)
open_for_all = pytest.fixture(_open, scope="module")
"""The same for a page that the tests of a file share."""


@pytest.fixture
def wait_until_selected():
    """Wait until an image is the selected one, in the address and in the bar."""

    def wait(page, image_id):
        page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("image") == [image_id])
        page.locator(".st-key-selection").get_by_text(image_id).first.wait_for()
        settle(page)

    return wait


def _watch(page, problems):
    def console(message):
        source = message.location.get("url", "")
        if message.type == "error" and not source.endswith(PROBES):
            problems.append(f"console: {message.text} ({source})")

    def goes_to(request):
        url = urlsplit(request.url)
        if url.hostname not in (None, "127.0.0.1", "localhost"):
            problems.append(f"request off the machine: {request.url}")

    def raised(error):
        problems.append(f"page error: {error}")

    listeners = {"console": console, "pageerror": raised, "request": goes_to, "websocket": goes_to}
    for event, listener in listeners.items():
        page.on(event, listener)
    return listeners


def _wait_until_healthy(address, process, log):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.05)
    raise RuntimeError(f"The dashboard did not start:\n{log.read_text()}")


def _chromium_path(fetched_by_playwright):
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = [os.environ.get("CHROME"), *map(shutil.which, names), fetched_by_playwright]
    path = next((path for path in found if path and Path(path).exists()), None)
    if path is None:
        raise FileNotFoundError(
            "The browser tests need a Chromium. Install it with `playwright install chromium` "
            "or `apt-get install chromium`, or set CHROME to its path."
        )
    return path
