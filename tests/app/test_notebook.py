"""The figures from Python, and the example script, without a page."""

import dataclasses
import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from dashboard import notebook
from dashboard.services import cache
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data.user_images import own_id
from xai_core.errors import ConfigError, DataError
from xai_core.plots.latent_map import colouring, picture


def test_a_figure_is_one_call(tiny_bundle, subtests):
    for draw in [
        lambda b, i: notebook.reconstruction(b, [i, "train:0"]),
        lambda b, i: notebook.bound_terms(b, i),
        lambda b, i: notebook.heatmap(b, [i], "saliency"),
        lambda b, i: notebook.counterfactual(b, i, 1),
        lambda b, i: notebook.walk(b, 0, 1),
        lambda b, i: notebook.prototypes(b),
        lambda b, i: notebook.traversals(b, i, 0),
        lambda b, i: notebook.labels_in_clusters(b),
    ]:
        with subtests.test(draw=draw):
            figure = draw(tiny_bundle, "test:0")
            assert figure.data if isinstance(figure, go.Figure) else ET.fromstring(figure.svg)


HOSTILE = ("<script>alert(1)</script>$x$", "<a href='http://evil'>x</a>%{x}")


def test_a_figure_shows_hostile_names_as_they_are(tiny_parts, tmp_path):
    dataset = dataclasses.replace(tiny_parts["dataset"], class_names=HOSTILE)
    parts = tiny_parts | {"dataset": dataset}
    bundle = load_bundle(save_bundle(tmp_path / "hostile", **parts))
    drawn = {
        "heatmap": notebook.heatmap(bundle, ["test:0"], "saliency"),
        "prototypes": notebook.prototypes(bundle),
    }
    for name, figure in drawn.items():
        text = figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")
        assert not re.search(r"<script|<a |\$x\$|%\{x\}</?", text), name
    for drawing in (
        notebook.latent_map(bundle, "test:0"),
        notebook.counterfactual(bundle, "test:0", 1),
        notebook.walk(bundle, 0, 1),
        notebook.labels_in_clusters(bundle),
        notebook.clusters(bundle, "test:0"),
    ):
        svg = ET.fromstring(drawing.svg)
        assert not [node for node in svg.iter() if node.tag.endswith(("script", "}a"))]
    assert HOSTILE[0] in "".join(svg.itertext())


def test_a_figure_of_ones_own_image_is_one_call_too(tiny_bundle, tiny_dataset):
    image = own_id(tiny_dataset.test.images[0] // 2)
    assert "ELBO" in notebook.bound_terms(tiny_bundle, image)._repr_svg_()
    drawn = ET.fromstring(notebook.latent_map(tiny_bundle, image).svg)
    assert "your" not in " ".join(drawn.itertext())


def test_the_map_is_a_drawing_with_a_ring_where_the_image_lies(tiny_bundle, tmp_path):
    drawn = notebook.latent_map(tiny_bundle, "test:3", colour="elbo")
    drawn.save(tmp_path / "map.svg")
    root = ET.parse(tmp_path / "map.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    said = root.find(f"{space}desc").text
    assert "test:3" in said and cache.fingerprint(tiny_bundle) in said
    ring = root.findall(f"{space}circle")[-1]
    xy = tiny_bundle.index[["umap_x", "umap_y"]].to_numpy()
    left = float(ring.get("cx")) - picture.SIDE / 2
    middle = (xy.min(0) + xy.max(0)) / 2
    here = tiny_bundle.row("test:3")
    assert np.sign(left) == np.sign(here["umap_x"] - middle[0])
    assert "nats" in drawn._repr_svg_()
    with pytest.raises(ValueError, match="`colour` must be one of cluster, label"):
        notebook.latent_map(tiny_bundle, "test:3", colour="taste")


def test_images_left_out_of_the_map_are_grey(tiny_bundle):
    column = colouring.COLUMNS[0]
    names = picture.Names(["a", "b"], [0, 1], ["|", "-"], [0, 1])
    said = {"title": "t", "about": {}}
    shown = np.zeros(len(tiny_bundle.index), bool)
    drawn = [
        picture.draw(tiny_bundle.index, column, names, (0, 0), shown=part, **said)
        for part in (None, ~shown, shown)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def told(widget, **state):
    """Let the browser tell a widget what it has changed."""
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget._handle_msg({"content": {"data": data}, "buffers": []})


def asked(widget, **content):
    """Let the browser ask a widget, and return the pictures that it sends."""
    sent = []
    widget.send = lambda what, buffers: sent.append((what, buffers))
    widget._handle_custom_msg(content, [])
    return [Image.open(io.BytesIO(png)).size for what, (png,) in sent if what == content]


def test_a_live_map_shares_selection_and_colour(tiny_bundle, monkeypatch, subtests):
    index, first = tiny_bundle.index, ["test:3", "train:0"]
    widget = notebook.explore(tiny_bundle, first, colour="label")
    assert widget.selection == first and widget._pictures["ids"] == first
    assert widget._colouring["levels"] == index["label"].astype("u1").to_numpy().tobytes()
    state = widget.get_state()
    assert len(state["_map"]["points"]) == 8 * len(index)  # bytes, not a list of numbers
    widget.selection = index["id"]
    assert widget.selection == index["id"].tolist()
    widget.selection = ["test:1", "test:1"]
    told(widget, selection=["test:2"], colour="elbo")
    assert widget.selection == widget._pictures["ids"] == ["test:2"]
    assert widget._colouring["title"] == "ELBO"

    for wrong, error, words in (
        (["test:1", "test:20"], DataError, "no image 'test:20'.* test:0 to test:19"),
        (["digit 3"], DataError, "such as 'test:123'; got 'digit 3'"),
        (3, TypeError, "`selection` must be a list, got 3"),
    ):
        with subtests.test(wrong=wrong), pytest.raises(error, match=words):
            widget.selection = wrong
        with pytest.raises(error, match=words):
            notebook.explore(tiny_bundle, wrong)
        assert widget.selection == widget._pictures["ids"] == ["test:2"]
    with pytest.raises(ValueError, match="`colour` must be one of cluster, label"):
        widget.colour = "taste"
    assert widget.colour == "elbo"

    places = index[["umap_x", "umap_y"]].to_numpy(float)
    (left, low), (right, high) = places.min(0) - 1, places.max(0) + 1
    corners = [[left, low], [right, low], [right, high], [left, high]]
    widget.colour = "cluster"
    asked(widget, lasso=corners, only=[1], range=[0, 254])
    assert widget.selection == index["id"][index["cluster"] == 1].tolist()
    assert asked(widget, sheet=0) == [(280, 28 * 6)]
    assert asked(widget, image=3) == [(56, 28)]
    monkeypatch.setattr(type(tiny_bundle.model), "parts", ("encode",))
    assert asked(widget, image=3) == [(28, 28)]
    monkeypatch.delitem(sys.modules, "dashboard.ui.components.explorer.widget")
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ConfigError, match=re.escape('pip install "cluster-vae-xai[notebook]"')):
        notebook.explore(tiny_bundle)


def test_the_example_runs(tiny_bundle_path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dashboard.examples.explain_a_digit", tiny_bundle_path, "test:1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("test:1: cluster") and not done.stderr
    assert (tmp_path / "map.svg").read_text().startswith("<svg")
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
