"""What the server refuses before Streamlit sees it, and what it adds to every response."""

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.services import health

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'self'; object-src 'none'; frame-ancestors 'self'; "
        "form-action 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
        "font-src 'self' data:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; connect-src 'self' ws: wss:"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Scripts need `blob:` for Streamlit's components and `unsafe-eval` for Plotly's accessors."""
METRICS = "/_stcore/metrics"
LONGEST_NAME = 255
"""Longest name of a file, in bytes; a longer one is an error of the file system, not a 404."""


class RequestGuard:
    """Refuses foreign websockets and impossible paths, answers `/healthz`, and adds `HEADERS`.

    A websocket must come from a page of this server: its Origin must name the host and port of
    its Host header. Streamlit alone accepts pages of any port of this machine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request, or answer it."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["type"] == "websocket" and _is_foreign(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})  # 403 before it is accepted
        elif scope["type"] == "http" and _is_closed(scope["path"]):
            await PlainTextResponse("Not found", 404)(scope, receive, answer)
        elif scope["type"] == "http" and scope["path"] == health.ADDRESS:
            status, facts = await run_in_threadpool(health.health)
            await JSONResponse(facts, status)(scope, receive, answer)
        else:
            await self.app(scope, receive, answer if scope["type"] == "http" else send)


def _is_foreign(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _is_closed(path: str) -> bool:
    names = path.encode("utf-8", "surrogatepass").split(b"/")
    return path.rstrip("/") == METRICS or max(map(len, names)) > LONGEST_NAME
