"""The figures of the pages from Python, one call each, for a notebook or a script.

    import xai_core
    from dashboard import notebook

    digits = xai_core.load_bundle("mnist")
    notebook.counterfactual(digits, "test:18", target=8)

Sheets of images are Plotly figures, which show each pixel's value at the pointer. Drawings
(`Drawing`) and pages (`Page`) show themselves in a notebook and have a method `save`. They show
what the dashboard shows: the same functions compute the values, and the same functions of
`xai_core.plots` draw them. A figure that is missing here can be made from those, such as
`theory_bound.closing(*loader.closing(digits, "test:18"), dark=False)`.
An image is named by its id; `xai_core.data.user_images.own_id(pixels)` makes one for new pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from streamlit.logger import set_log_level

set_log_level("ERROR")  # before the caches are created: each would warn that there is no page

from dashboard.services import (
    attributions,
    bundles,
    counterfactuals,
    generation,
    image_data,
    outputs,
    reports,
)
from xai_core._moved import renamed
from xai_core._paths import expand_home
from xai_core.bundle.cluster_names import class_name
from xai_core.errors import ConfigError
from xai_core.plots import elbo_terms, image_sheet, probabilities, theme
from xai_core.plots.clusters import confusion, film_strip
from xai_core.plots.drawing import Drawing as SvgDrawing
from xai_core.plots.latent_map import colouring, picture
from xai_core.report import html as report_page

if TYPE_CHECKING:
    from dashboard.ui.components.explorer.widget import Explorer
    from xai_core.bundle.reading import Bundle
    from xai_core.counterfactual.task import Method


@dataclass(frozen=True)
class Drawing:
    """An SVG."""

    svg: bytes

    def save(self, path: str | Path) -> None:
        """Write it to a file."""
        expand_home(path).write_bytes(self.svg)

    def _repr_svg_(self) -> str:
        return self.svg.decode()


@dataclass(frozen=True)
class Page:
    """An HTML page that needs no other file."""

    html: bytes

    def save(self, path: str | Path) -> None:
        """Write it to a file."""
        expand_home(path).write_bytes(self.html)

    def _repr_html_(self) -> str:
        return self.html.decode()


def explore(
    bundle: "Bundle", selection: Sequence[str] = (), *, colour: str = "cluster"
) -> "Explorer":
    """Return a live map of all images beside the image under the pointer and the selected ones.

    A click selects an image, a lasso or a drag with Shift selects many. `selection` of the widget
    is the list of their ids in both directions: what is selected on the map stands there, and a
    list that is assigned to it is marked on the map. `colour` can be read and assigned too.
    Pictures and lassos wait until the notebook's kernel is idle.

        found = notebook.explore(bundle)
        found  # shows it
        found.selection = ["test:18", "test:247"]

    Args:
        bundle: The bundle whose map is drawn.
        selection: Ids of the images that are selected first.
        colour: What colours the points, as in `latent_map`.

    Raises:
        ConfigError: If anywidget is not installed.
        DataError: If an image is not in the index, then and when `selection` is assigned, which
            keeps its value.
        ValueError: If there is no such column, likewise.
    """
    try:
        from dashboard.ui.components.explorer.widget import Explorer
    except ModuleNotFoundError as error:
        raise ConfigError(
            "The live map needs the package anywidget. Install it with "
            f'pip install "cluster-vae-xai[notebook]" ({error}).'
        ) from error
    return Explorer(bundle, selection, colour)


def latent_map(bundle: "Bundle", image_id: str, *, colour: str = "cluster") -> Drawing:
    """Draw all images as points, with a ring around one.

    Args:
        bundle: The bundle whose map is drawn.
        image_id: The image with the ring.
        colour: A column of the index, such as "cluster", "label", "confidence" or "elbo", or the
            name of one of your own columns.

    Raises:
        ValueError: If there is no such column.
    """
    column = colouring.called(bundle.index, colour)
    here, classes = image_data.facts(bundle, image_id), bundle.manifest.dataset.class_names
    return Drawing(
        picture.draw(
            bundle.index,
            column,
            picture.Names(*_listed(bundle), classes, bundle.cluster_labels),
            (float(here["umap_x"]), float(here["umap_y"])),
            title=f"{len(bundle.index):,} images by {column.title.lower()}",
            about=bundles.about(bundle, what="map", image=image_id),
        )
    )


def reconstruction(bundle: "Bundle", image_ids: Sequence[str], *, dark: bool = False) -> go.Figure:
    """Draw images, their reconstructions, and the errors."""
    x = image_data.images(bundle, image_ids) / np.float32(255)
    drawn = np.stack([image_data.inferred(bundle, i).reconstruction for i in image_ids])
    rows = [
        image_sheet.Row(name="Input", values=x, kind="ink"),
        image_sheet.Row(name="Reconstruction", values=drawn, kind="ink"),
        image_sheet.Row(name="Error", values=x - drawn),
    ]
    return _sheet(rows, image_ids, "input \N{MINUS SIGN} reconstruction", dark)


def bound_terms(bundle: "Bundle", image_id: str, *, dark: bool = False) -> Drawing:
    """Draw how the terms of one image add up to its ELBO."""
    facts = image_data.facts(bundle, image_id)
    table, split = elbo_terms.summary(bundle.index, facts), elbo_terms.peers(facts)
    return _drawn(elbo_terms.waterfall(table, split, dark), dark)


def clusters(bundle: "Bundle", image_id: str) -> Drawing:
    """Draw q(c|x) of one image."""
    probs = image_data.inferred(bundle, image_id).probs
    names, order = _listed(bundle)
    return _drawn(probabilities.bar_chart(probs, names, order=order))


@renamed(of="output")
def heatmap(
    bundle: "Bundle",
    image_ids: Sequence[str],
    method: str = "critic",
    *,
    output: str = "classifier",
    dark: bool = False,
) -> go.Figure:
    """Draw images, reconstructions and one method's heatmaps, as in the report's figures 2 and 3.

    Args:
        bundle: The models.
        image_ids: From left to right.
        method: Key of `xai_core.METHODS`.
        output: What is explained: "classifier", "cluster", "elbo", "reconstruction", "latent:J",
            or why one class rather than another, "classifier:A-B" or "cluster:A-B".
        dark: Whether the figure is light on dark.
    """
    x = image_data.images(bundle, image_ids) / np.float32(255)
    drawn = np.stack([image_data.inferred(bundle, i).reconstruction for i in image_ids])
    found = attributions.maps(bundle, tuple(image_ids), method, output).values
    rows = [
        image_sheet.Row(name="Input", values=x, kind="ink"),
        image_sheet.Row(name="Reconstruction", values=drawn, kind="ink"),
        image_sheet.Row(
            name=attributions.title(method), values=found, limit=image_sheet.shared_limit([found])
        ),
    ]
    return _sheet(rows, image_ids, f"{attributions.title(method)} of {output}", dark)


@renamed(of="output")
def counterfactual(
    bundle: "Bundle",
    image_id: str,
    target: int,
    *,
    output: str = "classifier",
    method: "Method" = "default",
    dark: bool = False,
) -> Drawing:
    """Draw the path from one image to a target, with the probabilities of each frame.

    Args:
        bundle: The models.
        image_id: The image where the path begins.
        target: The class or cluster where it ends.
        output: "classifier" or "cluster".
        method: "default", "diffeomorphic", "pixel" or "nearest".
        dark: Whether the figure is light on dark.
    """
    found = counterfactuals.change(bundle, image_id, output, method, target)
    names, order = _classes(bundle, len(found.after)), None
    if not outputs.classes(bundle, output).labelled:
        names, order = _listed(bundle)
    return _drawn(film_strip.film_strip(found.frames, found.frame_probs, names, order=order), dark)


def walk(bundle: "Bundle", start: int, end: int, *, dark: bool = False) -> Drawing:
    """Draw the straight line between the centres of two clusters."""
    film = generation.interpolation(bundle, start, end, counterfactuals.FRAMES)
    names, order = _listed(bundle)
    return _drawn(film_strip.film_strip(film.images, film.probs, names, order=order), dark)


def prototypes(bundle: "Bundle", *, dark: bool = False) -> go.Figure:
    """Draw the decoded centre of every cluster."""
    names, order = _listed(bundle)
    images = generation.prototypes(bundle).images[order]
    row = image_sheet.Row(name="g(mu_c)", values=images, kind="ink")
    return _sheet([row], [names[c] for c in order], "", dark)


def traversals(
    bundle: "Bundle", image_id: str, dimension: int, *, dark: bool = False
) -> go.Figure:
    """Draw one image with one latent dimension moved from -3 to +3 standard deviations."""
    images = generation.traversal(bundle, image_id, 3.0, 9, (dimension,))[0]
    row = image_sheet.Row(name=f"z{dimension}", values=images, kind="ink")
    return _sheet([row], [f"{v:+.1f}" for v in np.linspace(-3, 3, 9)], "", dark)


def labels_in_clusters(bundle: "Bundle", split: str = "test", *, dark: bool = False) -> Drawing:
    """Draw how many images of each label fall into each cluster."""
    classes = _classes(bundle, int(bundle.index["label"].max()) + 1)
    names, order = _listed(bundle)
    table = confusion.counts(bundle.index, split, len(names), len(classes))
    drawn = confusion.heat_map(table[order], classes, [names[c] for c in order], dark)
    return _drawn(drawn, dark)


@renamed(of="output")
def report(
    bundle: "Bundle", image_id: str, *, output: str | None = None, search: "Method" = "default"
) -> Page:
    """Return all results of the bundle for one image as one page.

    Args:
        bundle: The models.
        image_id: The image.
        output: The output to explain; None for the classifier if there is one.
        search: Method of the counterfactuals.
    """
    found = reports.image_report(bundle, image_id, output, search)
    return Page(report_page.html(bundle, found))


def _drawn(drawing: SvgDrawing, dark: bool = False) -> Drawing:
    """Return a drawing whose text and lines have the colour of a light or dark page."""
    return Drawing(drawing.svg.replace("<svg ", f'<svg color="{theme.ink(dark)}" ', 1).encode())


def _sheet(
    rows: Sequence[image_sheet.Row], columns: Sequence[str], unit: str, dark: bool
) -> go.Figure:
    sheet = image_sheet.compose(rows, columns, dark)
    return image_sheet.figure(sheet, dark, unit=unit, height=110 + 120 * len(rows))


def _classes(bundle: "Bundle", count: int) -> list[str]:
    return [class_name(c, bundle.manifest.dataset.class_names) for c in range(count)]


def _listed(bundle: "Bundle") -> tuple[list[str], list[int]]:
    """Return the clusters' names by number, and the order in which they are listed."""
    return list(bundle.clusters.names), list(bundle.clusters.order)
