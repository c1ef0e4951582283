"""Parts of a page that a test asks for."""

import json
import re


def charts(app):
    """Plotly's charts, by the end of their keys."""
    return {e.proto.id.rpartition("-")[2]: e.proto for e in app.get("plotly_chart")}


def alts(app):
    """The descriptions of all charts, by the end of their keys."""
    return {key: chart.alt for key, chart in charts(app).items()} | {
        key: data["alt"] for key, data in drawings(app).items()
    }


def drawings(app):
    """The data of static charts, by the end of their keys."""
    found = {e.proto.id: json.loads(e.proto.json or "{}") for e in app.get("bidi_component")}
    return {key.rpartition("-")[2]: data for key, data in found.items() if "svg" in data}


def widget(kind, label):
    """The first widget of a kind with a label."""
    return next(w for w in kind if w.label == label)


def linked(app, name):
    """What the URL says of a setting; None for its default."""
    value = app.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def unescaped(text):
    """A text as the browser shows it, without the marks that keep it from being Markdown."""
    return re.sub(r"\\(?=[^a-zA-Z0-9\s])|\N{WORD JOINER}", "", text)
