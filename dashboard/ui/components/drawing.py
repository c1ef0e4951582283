"""A small chart as an image, with its table and a button that saves it."""

from html import escape

from dashboard import state
from dashboard.ui import frontend, naming
from xai_core.plots import export
from xai_core.plots.drawing import Drawing

_drawing = frontend.component(__file__, "drawing", html="<figure></figure>\n")


def drawing(drawn: Drawing, *, key: str, alt: str, **about: object) -> None:
    """Show a chart at which nobody zooms or selects; a file saved from it has its provenance.

    Args:
        drawn: The chart.
        key: Unique on the page; part of the name of a saved file.
        alt: A description for screen readers.
        about: Further provenance besides bundle, image and version, such as settings.
    """
    image = {"image": state.selected_id()} if state.selected_id() else {}
    known = state.setting("about", {}) | {"what": key} | image | about
    origin = "; ".join(f"{name}: {value}" for name, value in known.items())
    parts = (state.bundle_name(), key, naming.display_name(state.selected_id()))
    data = {
        "svg": drawn.svg,
        "origin": f"<desc>{escape(origin)}</desc>",
        "columns": drawn.columns,
        "rows": drawn.rows,
        "alt": alt,
        "file": export.file_name(*filter(None, parts), suffix="svg"),
    }
    _drawing(key=key, data=data)
