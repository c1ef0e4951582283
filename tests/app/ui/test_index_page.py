"""The first HTML of a page: the layout is in it, its scripts are asked for early."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import streamlit
from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse

from dashboard.ui.frame import index_page

INDEX = Path(streamlit.__file__).parent / "static" / "index.html"
PAGE = {"accept": "text/html"}


def get(app, **headers):
    """The headers and the body that the middleware sends for an app's answer."""
    sent = []
    raw = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw, "query_string": b""}

    async def receive():
        await asyncio.Event().wait()  # the visitor stays

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as apart:  # a browser of other tests runs a loop in this thread
        apart.submit(asyncio.run, index_page.IndexPage(app)(scope, receive, send)).result()
    return Headers(raw=sent[0]["headers"]), b"".join(m.get("body", b"") for m in sent[1:])


def test_the_layout_comes_last_and_the_scripts_of_elements_come_first():
    headers, body = get(FileResponse(INDEX), **PAGE)
    html = body.decode()
    assert html.index("</head>") < html.index(".stMainBlockContainer") < html.index("</body>")
    hints = html[: html.index("</head>")]
    for stem in index_page.EVERYWHERE:
        assert f'href="./static/js/{stem}.' in hints, stem
    assert "js/PlotlyChart" not in html, "no chunk that few pages show"
    assert int(headers["content-length"]) == len(body)


def test_a_page_is_never_taken_from_a_cache_of_the_bare_one():
    seen = []

    async def app(scope, receive, send):
        seen.append(Headers(scope=scope))
        await FileResponse(INDEX)(scope, receive, send)

    headers, _ = get(app, **PAGE, if_none_match="*", accept_encoding="gzip")
    assert not {"etag", "last-modified"} & set(headers)
    assert not {"if-none-match", "accept-encoding"} & set(seen[0])


def test_anything_else_passes_as_it_is():
    assert get(PlainTextResponse("1,2"), **PAGE)[1] == b"1,2"
    headers, body = get(FileResponse(INDEX), accept="*/*")
    assert body == INDEX.read_bytes() and "etag" in headers
