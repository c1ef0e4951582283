"""`xai report`: everything the bundle says about one image, as one HTML file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import ConfigError
from .options import Device, Json, Name, Seed, open_bundle
from .terminal import print_json, print_table, spinner

__all__ = ["report"]


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
    """Write everything the bundle says about one image as one self-contained HTML file."""
    from ..atomic_write import atomic_write
    from ..report import html
    from ..report.image_report import ReportConfig, image_report

    if out.suffix != ".html":
        raise ConfigError(f"`--out` must end in .html, got '{out}'.")
    config = ReportConfig(output=output, search=search, seed=seed)
    opened = open_bundle(bundle, device)
    with spinner("Explaining"):
        found = image_report(opened, image, config=config)
        content = html.html(opened, found)
    with atomic_write(out) as file:
        file.write(content)
    about = {"bundle": opened.name, "image": image, "of": found.output, "bytes": len(content)}
    if as_json:
        print_json({**about, "seed": seed, "out": str(out)})
    else:
        print_table(f"{out}", list(about.items()))
