"""`xai sweep`: which clusters of a bundle persist when it is trained again."""

from contextlib import closing
from typing import Annotated

import typer

from ...errors import ConfigError
from ..options import Engine, Json, Name, open_bundle
from ..terminal import print_json, print_table, progress

__all__ = ["sweep"]


def sweep(
    bundle: Name,
    clusters: Annotated[
        str, typer.Option(help="Values of K: a range such as 5-20, or 5,10,20.")
    ] = "5-20",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per K.")] = 3,
    num_images: Annotated[
        int, typer.Option(min=20, help="Train images, the first ones, that all trainings use.")
    ] = 10_000,
    engine: Engine = "local",
    as_json: Json = False,
) -> None:
    """Train again with other K and seeds, and show which clusters persist.

    The result is written beside the bundle, where the page Clusters finds it. The same command
    continues an interrupted sweep.
    """
    from ...engine.api import make_engine
    from ...evaluation.persistence import sweep_file
    from ...plots.clusters.persistence import finding
    from ...training.sweep import sweep as run

    values = _values(clusters)
    opened = open_bundle(bundle, "auto")
    blocks = len(values) * seeds
    with closing(make_engine(engine, blocks=blocks)) as chosen, progress("Training") as shown:
        found = run(
            opened,
            clusters=values,
            seeds=seeds,
            num_images=num_images,
            engine=chosen,
            on_progress=shown,
        )
    names, order = opened.clusters.names, opened.clusters.order
    out = str(sweep_file(opened.path))
    if as_json:
        table = dict(zip(names, found.persistence, strict=True))
        about = {"bundle": opened.name, "out": out, "clusters": found.clusters}
        print_json({**about, "persistence": table, "agreement": found.agreement})
        return
    rows = [(names[c], *map(_cell, found.persistence[c])) for c in order]
    rows.append(("two seeds agree", *map(_cell, found.agreement)))
    print_table(out, rows, ("cluster", *(f"K = {number}" for number in found.clusters)))
    typer.echo(finding(found, names, order))


def _cell(value: float) -> str:
    return f"{value:.2f}"


def _values(text: str) -> list[int]:
    """Read 5-20 or 5,10,20."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            return list(range(int(first), int(last) + 1))
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"`--clusters` must be 5-20 or 5,10,20, got {text!r:.40}.") from error
