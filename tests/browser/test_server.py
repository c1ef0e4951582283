"""What the running server lets in and gives out; started from another folder than its own."""

import http.client
import json
import re
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from dashboard.services.request_guard import HEADERS
from tests.benchmarks.session import Session

from .conftest import ROOT, served

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    with served(folder / "log.txt", cwd=folder) as at:
        yield at


def ask(address, path, method="GET", body=None, **headers):
    """Ask for a path exactly as written; gives status, headers and body."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request(
            method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def handshake(address, **options):
    """Try to open a session's websocket; gives the status."""
    stream = address.replace("http", "ws") + "/_stcore/stream"
    try:
        with connect(stream, subprotocols=["streamlit"], **options):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_it_listens_on_loopback_only(address):
    port = f"{urlsplit(address).port:04X}"
    listening = [
        line.split()[1].split(":")[0]
        for table in map(Path, ("/proc/net/tcp", "/proc/net/tcp6"))
        if table.exists()
        for line in table.read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port}")
    ]
    assert listening == ["0100007F"]


def test_pages_of_other_sites_open_no_session(address):
    assert handshake(address, origin=address) == 101
    assert handshake(address, origin="https://elsewhere.example") == 403
    for neighbour in ("http://127.0.0.1:1", "http://localhost:8501", "http://127.0.0.1", "null"):
        assert handshake(address, origin=neighbour) == 403
    rebound = {"Host": "elsewhere.example"}
    assert handshake(address, origin="http://elsewhere.example", additional_headers=rebound) >= 400
    _, headers, _ = ask(address, "/_stcore/health", Origin="https://elsewhere.example")
    assert headers.get("Access-Control-Allow-Origin") in (None, "null")


def test_it_says_whether_it_can_show_a_model(address):
    status, headers, body = ask(address, "/healthz")
    found = json.loads(body)
    assert status == 200 and found["status"] == "ok" and found["bundles"] >= 3
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_upload_needs_the_token_a_session_and_a_small_file(address):
    _, headers, _ = ask(address, "/_stcore/health")
    cookie = re.search(r"_streamlit_xsrf=([^;]+)", headers["Set-Cookie"] or "")[1]
    with_token = {"X_Xsrftoken": cookie, "Cookie": f"_streamlit_xsrf={cookie}"}
    session = Session(address)
    session.visit()
    url = session.upload_url()
    for size, headers, status in (
        (100, {}, 403),
        (100, with_token, 204),
        (5 * MEGABYTE + MEGABYTE // 2, with_token, 413),
    ):
        body, kind = form(size)
        assert ask(address, url, "PUT", body, Content_Type=kind, **headers)[0] == status
    elsewhere = re.sub(r"upload_file/[^/]+", "upload_file/nobody", url)
    body, kind = form(100)
    assert ask(address, elsewhere, "PUT", body, Content_Type=kind, **with_token)[0] == 400
    session.close()


def form(size):
    """Wrap zeros as a browser wraps a file; gives the body and its type."""
    head = 'Content-Disposition: form-data; name="file"; filename="a.png"'
    body = f"--x\r\n{head}\r\nContent-Type: image/png\r\n\r\n".encode() + bytes(size)
    return body + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    "path",
    [
        "/app/static/",
        "/app/static/../Home.py",
        "/app/static/..%2fHome.py",
        "/app/static/%2e%2e/Home.py",
        "/app/static/....//Home.py",
        "/app/static//etc/passwd",
        "/app/static/..\\Home.py",
        "/app/static/Home.py",
        "/app/static/%00",
        f"/app/static/{'x' * 9000}",
        f"/app/static/{'x' * 256}/y.bin",
        f"/app/static/{'%C3%BC' * 128}",
    ],
)
def test_static_serving_stays_in_its_folder(address, path):
    status, _, body = ask(address, path)
    assert status in (400, 403, 404) and b"import streamlit" not in body and b"root:" not in body


@pytest.mark.parametrize("path", ["/_stcore/metrics", "/_stcore/metrics/"])
def test_its_metrics_are_closed(address, path):
    status, _, body = ask(address, path)
    assert status == 404 and b"cache" not in body


def test_its_use_is_not_reported(address):
    session = Session(address)
    told = [m.new_session for m in session.visit().messages if m.HasField("new_session")]
    session.close()
    config = told[0].config
    assert not config.gather_usage_stats
    assert config.show_error_links == config.SHOW_ERROR_LINKS_FALSE


def test_the_browser_keeps_what_a_quick_slider_leaves_behind(address):
    session = Session(address)
    told = [m.new_session for m in session.visit().messages if m.HasField("new_session")]
    session.close()
    assert told[0].config.max_cached_message_age == 100


def test_every_answer_carries_the_security_headers(address):
    for path in ("/", "/_stcore/health", "/nowhere", "/app/static/nothing"):
        _, headers, _ = ask(address, path)
        assert {name: headers[name] for name in HEADERS} == HEADERS, path


def test_a_page_of_another_site_cannot_frame_it(address, browser):
    page = browser.new_page()
    page.set_content(f'<iframe src="{address}"></iframe>')
    frame = page.locator("iframe").element_handle().content_frame()
    assert "/" not in frame.url.removeprefix("chrome-error://chromewebdata/")
    page.close()


def test_an_error_shows_no_inside_of_the_server(tmp_path):
    """A page that breaks in an unforeseen way, under the dashboard's own settings."""
    (tmp_path / "Home.py").write_text("raise RuntimeError('the secret of this server')")
    shutil.copytree(ROOT / "dashboard" / ".streamlit", tmp_path / ".streamlit")
    with served(tmp_path / "log.txt", script=tmp_path / "Home.py", cwd=tmp_path) as address:
        session = Session(address)
        answer = session.visit()
        session.close()
    raised = [m.delta.new_element.exception for m in answer.messages if m.HasField("delta")]
    assert [list(e.stack_trace) for e in raised if e.message] == [[]]
    assert "redacted" in answer.problems[0] and "the secret" not in answer.text
    assert "the secret of this server" in (tmp_path / "log.txt").read_text()


def test_the_machine_is_not_reached_by_its_own_address(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: asks which address would
        except OSError:
            pytest.skip("this machine has no address but the loopback, so there is none to try")
        own = probe.getsockname()[0]
    with socket.socket() as client:
        client.settimeout(5)
        assert client.connect_ex((own, urlsplit(address).port)) != 0
