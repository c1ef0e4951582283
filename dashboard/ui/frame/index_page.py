"""The first HTML of every page: layout and common scripts known before anything is drawn.

Streamlit's own index page knows neither, so that the page would be laid out twice, and would ask
for the script of each element only when it meets the first one.
"""

from functools import cache
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPTS = Path(streamlit.__file__).parent / "static" / "static" / "js"
EVERYWHERE = (
    *("BidiComponent", "Button", "ButtonGroup", "DynamicIcon", "Html", "ImageList"),
    *("PageLink", "Selectbox", "StreamlitMarkdown", "DownloadButton"),
)
"""Streamlit's scripts for elements that nearly every page shows."""

SHORTCUTS = (b"accept-encoding", b"if-none-match", b"if-modified-since")
"""Request headers that are dropped, so that the server returns the full, uncompressed page."""


class IndexPage:
    """Adds the layout and hints for the browser to Streamlit's index page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request; complete its response if that is the index page."""
        if not _asks_for_a_page(scope):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def answer(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _send_whole(start, completed(body), send)

        wanted = [(name, value) for name, value in scope["headers"] if name not in SHORTCUTS]
        await self.app({**scope, "headers": wanted}, receive, answer)


def _asks_for_a_page(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    return "text/html" in Headers(scope=scope).get("accept", "")


def _is_html(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] == 200 and kind.startswith("text/html")


async def _send_whole(start: Message, body: bytes, send: Send) -> None:
    headers = MutableHeaders(scope=start)
    for name in ("etag", "last-modified"):  # those of the file, which lacks what was added
        del headers[name]
    headers["content-length"] = str(len(body))
    await send(start)
    await send({"type": "http.response.body", "body": body})


def completed(html: bytes) -> bytes:
    """Return Streamlit's index page with hints in its head and the layout after its body."""
    head, body = _hints(), f"<style>{_layout()}</style>"
    return html.replace(b"</head>", head.encode() + b"</head>", 1).replace(
        b"</body>", body.encode() + b"</body>", 1
    )


@cache
def _layout() -> str:
    return Path(__file__).with_name("layout.css").read_text(encoding="utf-8")


@cache
def _hints() -> str:
    found = [path.name for stem in EVERYWHERE for path in SCRIPTS.glob(f"{stem}.*.js")]
    return "".join(
        f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in found
    )
