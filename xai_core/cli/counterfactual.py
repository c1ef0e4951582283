"""`xai counterfactual`: what images would have to look like to be of another class."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import ConfigError
from ..terminal import print_json, print_table, spinner
from ..whole_files import whole_file
from .options import (
    Device,
    Images,
    Json,
    Name,
    Out,
    UnusedSeed,
    check_suffixes,
    images_of,
    open_bundle,
    shapes_of,
)

if TYPE_CHECKING:
    import numpy as np

    from ..explain.counterfactual import Counterfactual

__all__ = ["counterfactual"]

DRAWN = 64
"""Rows of a figure at most."""


def counterfactual(
    bundle: Name,
    images: Images,
    target: Annotated[
        str, typer.Option(help="Class or cluster to reach; 'all' is every one but its own.")
    ],
    out: Out,
    of: Annotated[
        Literal["classifier", "cluster"], typer.Option(help="What is explained.")
    ] = "classifier",
    method: Annotated[
        Literal["default", "diffeomorphic", "pixel", "nearest"],
        typer.Option(help="How it is searched for."),
    ] = "default",
    probability: Annotated[
        float, typer.Option(help="What the target must reach to count as there.")
    ] = 0.99,
    figure: Annotated[
        Path | None, typer.Option(help=f"A .png to draw, of the first {DRAWN} rows.")
    ] = None,
    seed: UnusedSeed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write counterfactuals, and how near, how probable and how reliable they are."""
    from ..ask.counterfactuals import counterfactuals
    from ..explain.counterfactual import CounterfactualConfig
    from ..workflow import write_arrays

    if target != "all" and not target.isdecimal():
        raise ConfigError(f"`--target` must be a class number or 'all', got '{target}'.")
    check_suffixes(out, figure, ".png")
    config = CounterfactualConfig(target_probability=probability)
    opened = open_bundle(bundle, device)
    pixels = images_of(opened, images)
    with spinner("Searching"):
        found = counterfactuals(
            opened,
            pixels,
            "all" if target == "all" else int(target),
            of=of,
            method=method,
            config=config,
        )
        arrays = _arrays(found)
        write_arrays(out, arrays)
    if figure is not None:
        from .counterfactual_figure import draw_counterfactuals

        sheet = io.BytesIO()
        draw_counterfactuals(found, rows=DRAWN).save(sheet, "PNG")
        with whole_file(figure) as file:
            file.write(sheet.getvalue())
    summary = _summary(found)
    if as_json:
        shapes = shapes_of(arrays)
        about = {"bundle": opened.name, "of": of, "method": method, "target": target}
        drawn = {"figure": None if figure is None else str(figure)}
        print_json({**about, **summary, "out": str(out), **drawn, "arrays": shapes})
    else:
        print_table(f"{out}", list(summary.items()))


def _arrays(found: "Counterfactual") -> "dict[str, np.ndarray]":
    """Return everything by name, a row an image and target, ready for an .npz."""
    import numpy as np
    import torch

    tensors = {
        "images": found.images.squeeze(1),
        "counterfactuals": found.counterfactuals.squeeze(1),
        "reconstructions": found.reconstructions.squeeze(1),
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
