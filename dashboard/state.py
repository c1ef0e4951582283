"""The state that is kept across pages: bundle, selected image, settings and theme.

The only module that names keys of `st.session_state` and parameters of the URL. The URL holds
the page, the bundle, the image and each linked setting that is not at its default, so that a
copied link restores the page.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from dashboard import links

T = TypeVar("T")
LINKED = {"bundle": "setting.bundle", "image": "image"}
"""Parameters in every page's URL, with their session keys."""
LASSO, PLACE, REGION = "lasso", "place", "line"
STALE_FOR = 1.5
"""Seconds during which the browser may still report a replaced URL."""
Span = tuple[float, float, float]
"""Lowest value, highest value, step."""
SEEDS: Span = (0, 10**9, 1)


def read_link() -> None:
    """Apply the settings of a newly opened link; called first on every page.

    A URL is a newly opened link unless this session wrote it last or replaced it a moment ago.
    A click is therefore never undone by the URL that it is about to replace. A link that names
    a bundle is complete: settings that it leaves out are at their defaults. The bare URL of a
    page, to which the navigation leads, changes nothing.
    """
    found, session = st.query_params.to_dict(), st.session_state
    session["link.now"], session["link.done"] = {}, False
    if found == session.get("link.url") or found in _just_replaced():
        return
    session["link.url"], session["link.read"] = found, set()
    session["link"], session["link.whole"] = found, "bundle" in found
    for name, key in LINKED.items():
        if found.get(name):
            session[key] = found[name]


def write_link() -> None:
    """Write the state of the page into the URL; called last on every page."""
    session = st.session_state
    if "link.now" not in session:
        return
    seen = {name: session[key] for name, key in LINKED.items() if session.get(key)}
    wanted = seen | session["link.now"]
    if st.query_params.to_dict() != wanted:
        _replaced(session.get("link.url", {}))
        st.query_params.from_dict(wanted)
    session["link.url"], session["link.done"] = wanted, True


def bundle_name() -> str:
    """Return the name of the chosen bundle; empty until one is chosen."""
    return str(setting("bundle", ""))


def select_bundle(name: str) -> None:
    """Choose a bundle, on every page."""
    put_setting("bundle", name)


def selected_id() -> str:
    """Return the id of the selected image, such as `test:123`; empty until one is selected."""
    return str(st.session_state.get("image", ""))


def select_image(image_id: str) -> None:
    """Select an image, on every page."""
    st.session_state["image"] = image_id


def lasso() -> list[list[float]] | None:
    """Return the corners of the lasso on this bundle's map, and link them; None without one."""
    return _on_map(LASSO, links.read_corners)


def set_lasso(corners: list[list[float]] | None) -> None:
    """Keep a lasso until another is drawn or it is cleared."""
    _put_on_map(LASSO, corners)


def region() -> list[list[float]] | None:
    """Return the corners of the line on the image, and link them; None without one."""
    return _on_map(REGION, links.read_corners)


def set_region(corners: list[list[float]] | None) -> None:
    """Keep a line until another is drawn."""
    _put_on_map(REGION, corners)


def place() -> tuple[float, float] | None:
    """Return the marked place on this bundle's map, and link it; None without one."""
    found = _on_map(PLACE, links.read_place)
    return None if found is None else (found[0][0], found[0][1])


def set_place(place: list[float] | None) -> None:
    """Keep a marked place until another is marked or it is cleared."""
    _put_on_map(PLACE, [place] if place else None)


def bind(
    name: str,
    default: Any,  # noqa: ANN401
    options: Sequence[Any] | None = None,
    *,
    link: str = "",
    span: Span | None = None,
) -> dict[str, Any]:
    """Return a widget's key and callback, which keep its value across pages, and in links.

    Args:
        name: Name of the setting; pages that use the same name share it.
        default: Value before the visitor changes it.
        options: Values that the widget offers; a kept value outside them is dropped.
        link: Parameter of the URL that holds the value, unique on its page. Needs `options`
            or `span`, by which a URL is checked; a yes-or-no setting needs neither.
        span: Lowest value, highest value and step of a number.

    Returns:
        Arguments for the widget: `st.slider("Steps", 1, 500, **state.bind("max_steps", 200))`.
    """
    st.session_state[f"widget.{name}"] = keep(name, default, options, link=link, span=span)
    return {"key": f"widget.{name}", "on_change": _keep, "args": (name,)}


def keep(
    name: str,
    default: Any,  # noqa: ANN401
    options: Sequence[Any] | None = None,
    *,
    link: str = "",
    span: Span | None = None,
) -> Any:  # noqa: ANN401
    """Return the value of a setting that has no widget, such as a seed.

    Arguments and checks are those of `bind`; `put_setting` changes the value.
    """
    if isinstance(default, bool):
        options = (False, True)
    allowed = None if options is None else tuple(options)
    known = links.Setting(default=default, options=allowed, span=span)
    value = setting(name, default)
    if link:
        value = _of_link(link, value, default=default, read=known.read)
    if not known.allows(value):
        value = default
    put_setting(name, value)
    if link:
        _show(link, known.write(value))
    return value


def setting(name: str, default: Any = None) -> Any:  # noqa: ANN401
    """Read a setting that a widget on some page keeps."""
    return st.session_state.get(f"setting.{name}", default)


def put_setting(name: str, value: Any) -> None:  # noqa: ANN401
    """Change a setting from a callback."""
    st.session_state[f"setting.{name}"] = value


def from_component(key: str, event: str, use: Callable[[Any], None]) -> Callable[[], None]:
    """Return a callback that passes the value of a component's event to `use`, if there is one."""

    def callback() -> None:
        value = getattr(st.session_state.get(key), event, None)
        if value is not None:
            use(value)

    return callback


def act(name: str, use: Callable[[Any], None]) -> dict[str, Any]:
    """Return a widget's key and callback, which passes a changed value to `use`."""
    key = f"widget.{name}"
    return {"key": key, "on_change": lambda: use(st.session_state[key])}


def shown(name: str, value: Any, use: Callable[[Any], None]) -> dict[str, Any]:  # noqa: ANN401
    """Return the key and callback of a widget that shows a value kept elsewhere, as in a file.

    Args:
        name: Name of the widget.
        value: The value as it is now.
        use: Called with the value that the visitor chose instead.
    """
    st.session_state[f"widget.{name}"] = value
    return act(name, use)


def act_on_row(name: str, use: Callable[[int], None]) -> dict[str, Any]:
    """Return a table's key and callback, which passes the selected row to `use`."""
    key = f"widget.{name}"

    def callback() -> None:
        for row in st.session_state[key].selection.rows[:1]:
            use(row)

    return {"key": key, "on_select": callback, "selection_mode": "single-row"}


def dark() -> bool:
    """Return whether the page has a dark theme."""
    return st.context.theme.type == "dark"


def _on_map(
    name: str, read: Callable[[str], list[list[float]] | None]
) -> list[list[float]] | None:
    """Return the line drawn on this bundle's map or images, and link it."""
    drawn_on, corners = st.session_state.get(name, (None, None))
    corners = corners if drawn_on == bundle_name() else None
    corners = _of_link(name, corners, default=None, read=read)
    _put_on_map(name, corners)
    _show(name, links.write_corners(corners))
    return corners


def _put_on_map(name: str, corners: list[list[float]] | None) -> None:
    st.session_state[name] = (bundle_name(), links.snapped(corners) if corners else None)


def _keep(name: str) -> None:
    st.session_state[f"setting.{name}"] = st.session_state[f"widget.{name}"]


def _of_link(parameter: str, value: T, *, default: T, read: Callable[[str], T]) -> T:
    """Return the value in a newly opened link, once; afterwards, the current value."""
    session = st.session_state
    found, taken = session.get("link", {}), session.get("link.read")
    if taken is None or parameter in taken:
        return value
    taken.add(parameter)
    if parameter in found:
        return read(found[parameter])
    return default if session["link.whole"] else value


def _show(parameter: str, text: str | None) -> None:
    """Record the URL's text for a setting; a fragment that runs alone writes it immediately."""
    session = st.session_state
    now = session.setdefault("link.now", {})
    now.pop(parameter, None)
    if text is not None:
        now[parameter] = text
    if session.get("link.done") and st.query_params.get(parameter) != text:
        write_link()


def _replaced(url: dict[str, str]) -> None:
    known = st.session_state.setdefault("link.replaced", [])
    known[:] = [*known[-20:], (time.monotonic(), url)]


def _just_replaced() -> list[dict[str, str]]:
    now, known = time.monotonic(), st.session_state.get("link.replaced", [])
    return [url for when, url in known if now - when < STALE_FOR]


def rerun_if_moved(shown: str) -> None:
    """Rerun the whole page if a click in this fragment selected another image.

    Args:
        shown: Id of the image that the rest of the page shows.
    """
    if selected_id() != shown:
        st.rerun()
