"""Entry point: `streamlit run dashboard/Home.py`."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from dashboard.services.request_guard import RequestGuard
from dashboard.ui.frame import index_page


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
    middleware=[Middleware(RequestGuard), Middleware(index_page.IndexPage)],
)
