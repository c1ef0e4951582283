"""`xai strategies`: groups of a class's images that are decided in the same way."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..atomic_write import atomic_write
from .options import Device, Json, Name, Output, Seed, open_bundle
from .terminal import print_json, print_table, spinner

if TYPE_CHECKING:
    from ..evaluation.strategies.shortcuts import Confirmation

__all__ = ["strategies"]


def strategies(
    bundle: Name,
    target: Annotated[str, typer.Option(help="Class, by name or number, or cluster.")],
    out: Annotated[Path, typer.Option(help="The .csv to write, one row per image.")],
    output: Output = "classifier",
    method: Annotated[
        str | None,
        typer.Option(help="Method of the heatmaps; layer-wise relevance if it applies."),
    ] = None,
    num_images: Annotated[int, typer.Option(min=1, help="Largest number of images.")] = 500,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Group the images of a class by their heatmaps, and flag possible shortcuts."""
    from ..bundle.cluster_names import letters
    from ..evaluation.strategies.of_bundle import strategies_of

    opened = open_bundle(bundle, device)
    with spinner("Grouping heatmaps"):
        found = strategies_of(
            opened, target, output=output, method=method, num_images=num_images, seed=seed
        )
    with atomic_write(out) as file:
        file.write(found.table(opened).to_csv(index=False).encode())
    groups = zip(found.strategies.groups, found.confirmations, strict=True)
    rows = [
        {
            "strategy": letters(number),
            "images": len(group.rows),
            "possible shortcut": group.flagged,
            "confirmed": _confirmed(confirmation),
            "reason": group.reason,
        }
        for number, (group, confirmation) in enumerate(groups)
    ]
    if as_json:
        about = {"bundle": opened.name, "of": output, "target": target, "method": found.method}
        print_json({**about, "seed": seed, "out": str(out), "strategies": rows})
    else:
        print_table(str(out), [tuple(row.values()) for row in rows], tuple(rows[0]))


def _confirmed(found: "Confirmation | None") -> bool | None:
    return None if found is None else found.confirmed
