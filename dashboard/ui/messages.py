"""Messages on pages, and the escaping of text shown as Markdown."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import pandas as pd
import streamlit as st

from xai_core.errors import XaiError
from xai_core.plots.style import one_line

log = logging.getLogger(__name__)

_MARKUP = re.compile(r"[\\`*\[\]<|$~@]|[:&](?=\S)|^[-+#>=]|(?<![^\W_])_|_(?![^\W_])")
"""Characters that Markdown interprets, some only at the start of a line."""
_BETWEEN = re.compile(
    r"^(?=\d+[.)])|(?<=[:@])(?=\S)|(?<=www)(?=\.)|(?<=[<>~-])(?=[>=-])", re.IGNORECASE
)
"""Lists, addresses, icons and arrows that Streamlit finds despite a backslash."""
ROW = 30
"""Height of a table's row of one line, in screen pixels."""
_WORD_JOINER = "\N{WORD JOINER}"
_CODE, _WORDS = re.compile(r"`([^`]+)`"), re.compile(r"\S+(?:\s+\S+)*")


def literal(text: object) -> str:
    """Return Markdown that shows a text exactly as it is, on one line.

    Every string from a bundle, an upload or an address is escaped here before it is shown:
    Streamlit interprets Markdown nearly everywhere, also in labels and tables.
    """
    return _BETWEEN.sub(_WORD_JOINER, _MARKUP.sub(r"\\\g<0>", one_line(str(text))))


def code(text: object) -> str:
    """Return Markdown that shows a text as code, including its backticks."""
    shown = one_line(str(text))
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def plain_message(text: str) -> str:
    """Return Markdown for a plain-text message with `names` as code."""
    return "".join(
        code(part) if k % 2 else _WORDS.sub(lambda words: literal(words[0]), part)
        for k, part in enumerate(_CODE.split(text))
    )


def text_table(table: pd.DataFrame, *, key: str) -> None:
    """Show a table of plain text, each cell exactly as it is.

    Its place is kept until the browser has it: one line per row, to which longer rows add.
    """
    shown = table.map(literal).rename(columns=literal)
    with st.container(key=f"place-of-{key}"):
        st.space(ROW * (len(shown) + 1))
        st.table(shown, hide_index=True, border="horizontal")


@contextmanager
def errors_as_text() -> Iterator[None]:
    """Show an `XaiError` as text; any other exception is a bug and is raised."""
    try:
        yield
    except XaiError as error:
        log.info("shown on the page: %s", error)
        st.error(plain_message(str(error)), icon=":material/error:")


def empty(
    title: str, what_to_do: str, command: str | None = None, links: Mapping[str, str] | None = None
) -> NoReturn:
    """Explain that there is nothing to show yet and what to do, then stop the page.

    Args:
        title: What is missing.
        what_to_do: Instructions as Markdown.
        command: Command that does it.
        links: Pages where it can be done, or that show something meanwhile: title and path.
    """
    with st.container(border=True):
        st.markdown(f"#### {title}")
        st.markdown(what_to_do)
        for name, path in (links or {}).items():
            st.page_link(path, label=name, icon=":material/arrow_forward:")
        if command:
            st.code(command, language="bash")
    st.stop()


def note(text: str) -> None:
    """Show a note that limits what the figures mean."""
    st.info(text, icon=":material/info:")
