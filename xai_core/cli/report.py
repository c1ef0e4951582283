"""`xai report` and `xai export`: one image's results, and the latent map, as one HTML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import ConfigError
from .options import Device, Json, Name, Seed, open_bundle
from .terminal import print_json, print_table, spinner

__all__ = ["export", "report"]

MOST_IMAGES = 100_000
"""Largest number of points that the browser draws,
`xai_core.plots.latent_map.points.MOST_PLACES`."""


def report(
    bundle: Name,
    image: Annotated[str, typer.Option(help="Id of the image, such as test:123.")],
    out: Annotated[Path, typer.Option(help="The .html to write.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "--of", help="What is explained; the classifier if there is one."
        ),
    ] = None,
    search: Annotated[
        Literal["default", "diffeomorphic", "pixel", "nearest"],
        typer.Option(help="Method of the counterfactuals."),
    ] = "default",
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write all results of a bundle for one image as one self-contained HTML file."""
    from ..report import html
    from ..report.image_report import ReportConfig, image_report

    _check_html(out)
    config = ReportConfig(output=output, search=search, seed=seed)
    opened = open_bundle(bundle, device)
    with spinner("Explaining"):
        found = image_report(opened, image, config=config)
        content = html.html(opened, found)
    about = {"bundle": opened.name, "image": image, "of": found.output, "bytes": len(content)}
    _write(out, content, about, seed, as_json)


def export(
    bundle: Name,
    out: Annotated[Path, typer.Option(help="The .html to write.")],
    images: Annotated[
        int, typer.Option(min=1, help="Images at most; fewer where they lie close together.")
    ] = MOST_IMAGES,
    explain: Annotated[
        int, typer.Option(min=0, help="Images with a heatmap and a counterfactual.")
    ] = 20,
    output: Annotated[
        str | None,
        typer.Option("--output", "--of", help="What these explain; the cluster if there are two."),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write the latent map as one HTML file that opens without server and network."""
    from ..report.map_page import MapPageConfig, map_page

    _check_html(out)
    config = MapPageConfig(images=images, explained=explain, output=output, seed=seed)
    opened = open_bundle(bundle, device)
    with spinner("Drawing") as on_progress:
        content = map_page(opened, config=config, on_progress=on_progress)
    about = {"bundle": opened.name, "explained": explain, "bytes": len(content)}
    _write(out, content, about, seed, as_json)


def _check_html(out: Path) -> None:
    if out.suffix != ".html":
        raise ConfigError(f"`--out` must end in .html, got '{out}'.")


def _write(
    out: Path, content: bytes, about: Mapping[str, object], seed: int, as_json: bool
) -> None:
    from ..atomic_write import atomic_write

    with atomic_write(out) as file:
        file.write(content)
    if as_json:
        print_json({**about, "seed": seed, "out": str(out)})
    else:
        print_table(f"{out}", list(about.items()))
