"""`xai counterfactual`: change images until they belong to another class."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..atomic_write import atomic_write
from .options import (
    Device,
    Engine,
    Images,
    Json,
    Name,
    Out,
    UnusedSeed,
    check_out,
    images_of,
    open_bundle,
    shapes_of,
)
from .terminal import print_json, print_table, spinner

if TYPE_CHECKING:
    import numpy as np

    from .._types import ByteImages
    from ..bundle.reading import Bundle
    from ..counterfactual.api import Counterfactual

__all__ = ["counterfactual"]

DRAWN = 64
"""Largest number of rows in a figure."""


def counterfactual(
    bundle: Name,
    images: Images,
    target: Annotated[
        str, typer.Option(help="Class or cluster to reach; 'all' is every one except its own.")
    ],
    out: Out,
    output: Annotated[
        str, typer.Option("--output", "--of", help="What is explained: classifier or cluster.")
    ] = "classifier",
    method: Annotated[
        Literal["default", "diffeomorphic", "pixel", "nearest"],
        typer.Option(help="Search method."),
    ] = "default",
    probability: Annotated[
        float, typer.Option(help="Probability at which the target counts as reached.")
    ] = 0.99,
    max_steps: Annotated[
        int | None, typer.Option(help="Gradient steps at most; the method's own if not given.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help=f"A .png to draw, of the first {DRAWN} rows.")
    ] = None,
    engine: Engine = "local",
    seed: UnusedSeed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write counterfactuals with their distances, probabilities and whether they converged."""
    from ..atomic_write import write_arrays
    from ..counterfactual.of_bundle import counterfactuals
    from ..counterfactual.task import CounterfactualConfig
    from .sharded_output import write_parts

    check_out(out, figure, ".png")
    config = CounterfactualConfig(
        method=method,
        target_probability=probability,
        search_probability=max(CounterfactualConfig.search_probability, (1 + probability) / 2),
        max_steps=max_steps,
    )
    about = {"of": output, "method": method, "target": target}
    stop = {"probability": probability, "max_steps": max_steps}

    def search(
        opened: "Bundle", some: "ByteImages", on_progress: Callable[[int, int], None] | None = None
    ) -> "Counterfactual":
        return counterfactuals(
            opened, some, target, output=output, config=config, on_progress=on_progress
        )

    if not out.suffix:
        write_parts(
            out,
            lambda opened, some, _: _arrays(search(opened, some), config.path_points),
            bundle=bundle,
            images=images,
            engine=engine,
            device=device,
            block=config.batch_size,  # for "all" too, which makes whole batches from each image
            about={**about, **stop},
            as_json=as_json,
        )
        return
    opened = open_bundle(bundle, device)
    pixels = images_of(opened, images)
    with spinner("Searching") as progress:
        found = search(opened, pixels, progress)
        arrays = _arrays(found)
        write_arrays(out, arrays)
    if figure is not None:
        from ..plots.counterfactual.sheet import draw_counterfactuals

        sheet = io.BytesIO()
        draw_counterfactuals(found, rows=DRAWN).save(sheet, "PNG")
        with atomic_write(figure) as file:
            file.write(sheet.getvalue())
    summary = _summary(found)
    if as_json:
        shapes = shapes_of(arrays)
        drawn = {"figure": None if figure is None else str(figure)}
        print_json(
            {"bundle": opened.name, **about, **summary, "out": str(out), **drawn, "arrays": shapes}
        )
    else:
        print_table(f"{out}", list(summary.items()))


def _arrays(found: "Counterfactual", path_points: int | None = None) -> "dict[str, np.ndarray]":
    """Return arrays by name with one row per image and target; paths have `path_points` points.

    Rows of a path past `num_steps` repeat the last.
    """
    import numpy as np
    import torch

    from ..data.io.pixel_values import pictures

    tensors = {
        "images": torch.from_numpy(pictures(found.images)),
        "counterfactuals": torch.from_numpy(pictures(found.counterfactuals)),
        "reconstructions": torch.from_numpy(pictures(found.reconstructions)),
        "source": found.source,
        "target": found.target,
        "probabilities": found.probabilities,
        "path": found.path,
        "path_probabilities": found.path_probabilities,
        "num_steps": found.num_steps,
        "converged": found.converged,
        "distances": torch.stack([found.l1, found.l2], 1),
    }
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    for name in ("path", "path_probabilities"):
        lacking = 0 if path_points is None else path_points - arrays[name].shape[1]
        arrays[name] = np.pad(arrays[name], ((0, 0), (0, lacking), (0, 0)), "edge")
    return arrays | {"reasons": np.array(found.reasons)}


def _summary(found: "Counterfactual") -> dict[str, object]:
    reasons = [reason for reason in found.reasons if reason]
    return {
        "rows": len(found),
        "converged": int(found.converged.sum()),
        "mean_l1": float(found.l1.mean()),
        "mean_l2": float(found.l2.mean()),
        "unchanged": int((found.num_steps == 1).sum()),
        "first_reason": reasons[0] if reasons else None,
    }
