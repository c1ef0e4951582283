"""What follows a person across pages: bundle, selected image, settings and theme.

The only module that names keys of `st.session_state` and parameters of the URL.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

LINKED = {"bundle": "setting.bundle", "image": "image"}
"""What the URL holds, and where the session keeps it."""


def read_link() -> None:
    """Let a link that was just opened win over the session.

    A parameter counts as new when it is not the one this session wrote last, so a
    click is never undone by the URL that it is about to replace.
    """
    for name, key in LINKED.items():
        linked = st.query_params.get(name)
        if linked and linked != st.session_state.get(f"url.{name}"):
            st.session_state[key] = st.session_state[f"url.{name}"] = linked


def write_link() -> None:
    """Write bundle and image into the URL, so that a copied link opens the same."""
    for name, key in LINKED.items():
        value = st.session_state.get(key)
        if value is not None and st.query_params.get(name) != value:
            st.query_params[name] = value
        st.session_state[f"url.{name}"] = value


def bundle_name() -> str:
    """Name the chosen bundle; empty until one is chosen."""
    return str(setting("bundle", ""))


def select_bundle(name: str) -> None:
    """Choose a bundle, on every page."""
    put_setting("bundle", name)


def selected_id() -> str:
    """Give the id of the selected image, such as `test:123`; empty until one is selected."""
    return str(st.session_state.get("image", ""))


def select_image(image_id: str) -> None:
    """Select an image, on every page."""
    st.session_state["image"] = image_id


def lasso() -> list[list[float]] | None:
    """Give the corners of the lasso on this bundle's map; None without one."""
    drawn_on, corners = st.session_state.get("lasso", (None, None))
    return corners if drawn_on == bundle_name() else None


def set_lasso(corners: list[list[float]] | None) -> None:
    """Keep the lasso until another is drawn or it is cleared."""
    st.session_state["lasso"] = (bundle_name(), corners or None)


def bind(name: str, default: Any, options: Sequence[Any] | None = None) -> dict[str, Any]:  # noqa: ANN401
    """Give a widget its key and remember its value across pages.

    Args:
        name: Setting, unique over the pages that share it.
        default: Value before the person changes it.
        options: Values that the widget offers; a remembered value outside them is dropped.

    Returns:
        Arguments for the widget: `st.slider("Steps", 1, 500, **state.bind("max_steps", 200))`.
    """
    kept, key = f"setting.{name}", f"widget.{name}"
    value = st.session_state.get(kept, default)
    if options is not None and not _offered(value, options):
        value = default
    st.session_state[kept] = st.session_state[key] = value
    return {"key": key, "on_change": _keep, "args": (name,)}


def setting(name: str, default: Any = None) -> Any:  # noqa: ANN401
    """Read a setting that a widget on some page keeps."""
    return st.session_state.get(f"setting.{name}", default)


def put_setting(name: str, value: Any) -> None:  # noqa: ANN401
    """Change a setting from a callback."""
    st.session_state[f"setting.{name}"] = value


def from_component(key: str, event: str, use: Callable[[Any], None]) -> Callable[[], None]:
    """Make the callback of a component's event: hands its value to `use`, if there is one."""

    def callback() -> None:
        value = getattr(st.session_state.get(key), event, None)
        if value is not None:
            use(value)

    return callback


def act(name: str, use: Callable[[Any], None]) -> dict[str, Any]:
    """Give a widget its key and hand its value to `use` when the person changes it."""
    key = f"widget.{name}"
    return {"key": key, "on_change": lambda: use(st.session_state[key])}


def act_on_row(name: str, use: Callable[[int], None]) -> dict[str, Any]:
    """Give a table its key and hand the row that the person selects to `use`."""
    key = f"widget.{name}"

    def callback() -> None:
        for row in st.session_state[key].selection.rows[:1]:
            use(row)

    return {"key": key, "on_select": callback, "selection_mode": "single-row"}


def dark() -> bool:
    """Tell whether the page is drawn light on dark."""
    return st.context.theme.type == "dark"


def _keep(name: str) -> None:
    st.session_state[f"setting.{name}"] = st.session_state[f"widget.{name}"]


def _offered(value: object, options: Sequence[Any]) -> bool:
    return all(v in options for v in value) if isinstance(value, list) else value in options
