"""What a page says when there is nothing to show or something was refused."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import streamlit as st

from xai_core.errors import XaiError

log = logging.getLogger(__name__)


@contextmanager
def errors_as_text() -> Iterator[None]:
    """Show an `XaiError` as its own words; anything else is a bug and goes on up."""
    try:
        yield
    except XaiError as error:
        log.info("shown to the person: %s", error)
        st.error(str(error), icon=":material/error:")


def empty(title: str, what_to_do: str, command: str | None = None) -> NoReturn:
    """Say that there is nothing to show yet and how to change that, then stop the page."""
    with st.container(border=True):
        st.markdown(f"#### {title}")
        st.markdown(what_to_do)
        if command:
            st.code(command, language="bash")
    st.stop()


def note(text: str) -> None:
    """Say something that limits what the figures mean."""
    st.info(text, icon=":material/info:")
