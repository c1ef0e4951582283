"""Entry point: `streamlit run dashboard/Home.py`. Every response carries security headers."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.ui.frame import index_page

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


class SecurityHeaders:
    """Adds each of `HEADERS` to responses that lack it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request and add headers to its response."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, answer if scope["type"] == "http" else send)


@asynccontextmanager
async def ready(_app: st.App) -> AsyncIterator[None]:
    """Prepare for the first visitor while the browser loads Streamlit's frontend."""
    threading.Thread(target=_get_ready, daemon=True).start()
    yield


def _get_ready() -> None:
    from dashboard.services import bundles

    bundles.get_ready()


with suppress(OSError):  # Streamlit warns if it is missing; the map warns if it cannot be written
    Path(__file__).with_name("static").mkdir(exist_ok=True)

app = st.App(
    "navigation.py",
    lifespan=ready,
    middleware=[Middleware(SecurityHeaders), Middleware(index_page.IndexPage)],
)
