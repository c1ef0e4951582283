"""Browser components, whose html, css and js lie beside the module that draws them."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer


def component(
    script: str, name: str, *, html: str | None = None, css: bool = True
) -> ComponentRenderer:
    """Register a browser component.

    Args:
        script: `__file__` of the module that draws it.
        name: Name of the component, and of its files.
        html: Initial HTML, instead of a file.
        css: Whether it has its own style sheet.
    """
    folder = Path(script).parent

    def read(kind: str) -> str:
        return (folder / f"{name}.{kind}").read_text(encoding="utf-8")

    return st.components.v2.component(
        name,
        html=read("html") if html is None else html,
        css=read("css") if css else None,
        js=read("js"),
    )
