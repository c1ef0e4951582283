"""What a bundle says: `xai evaluate`, `encode`, `list`, `info`, `verify`."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from ..errors import XaiError
from ..terminal import print_json, print_table, spinner, text_of
from .options import (
    Device,
    Devices,
    Images,
    Json,
    Name,
    NumNodes,
    Out,
    Seed,
    Unused,
    UnusedSeed,
    check_out,
    images_of,
    open_bundle,
    shapes_of,
    show_card,
)
from .sharing import write_parts

__all__ = ["encode", "evaluate", "info", "list_", "verify"]


def evaluate(
    bundle: Name,
    split: Annotated[Literal["train", "test"], typer.Option(help="Images to score.")] = "test",
    likelihood_images: Annotated[
        int, typer.Option(min=0, help="Images log p(x) is estimated on; 0 leaves it out.")
    ] = 500,
    likelihood_samples: Annotated[
        int, typer.Option(min=1, help="Importance samples for each of them.")
    ] = 500,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score a bundle; clusters are named one-to-one on the train split."""
    from ..evaluation import evaluate as score

    opened = open_bundle(bundle, device)
    with spinner(f"Scoring the {split} images, at last log p(x)") as told:
        found = score(
            opened.model,
            opened.classifier,
            opened.dataset,
            split,
            device=opened.device,
            cluster_labels=opened.cluster_labels,
            seed=seed,
            num_likelihood_images=likelihood_images,
            num_likelihood_samples=likelihood_samples,
            on_progress=told,
        ).as_dict()
    if as_json:
        print_json({"bundle": opened.name, "split": split, "seed": seed, **found})
    else:
        print_table(f"{opened.name}, {split}", list(found.items()))


def encode(
    bundle: Name,
    images: Images,
    out: Out,
    devices: Devices = 1,
    num_nodes: NumNodes = 1,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write what the bundle says about images, as arrays or as one Parquet part a process."""
    from ..encoding import BATCH
    from ..runtime import Launch
    from ..workflow import encode as run
    from ..workflow import write_arrays

    check_out(out, devices * num_nodes)
    if not out.suffix:
        write_parts(
            out,
            lambda opened, some, first: run(opened, some, seed=seed, first=first).arrays(),
            bundle=bundle,
            images=images,
            launch=Launch(device=device, devices=devices, num_nodes=num_nodes),
            block=BATCH,
            about={"seed": seed},
            as_json=as_json,
        )
        return
    opened = open_bundle(bundle, device)
    with spinner("Encoding") as told:
        found = run(opened, images_of(opened, images), seed=seed, on_progress=told)
        arrays = found.arrays()
        write_arrays(out, arrays)
    shapes = shapes_of(arrays)
    if as_json:
        print_json({"bundle": opened.name, "out": str(out), "arrays": shapes})
    else:
        print_table(f"{out}", list(shapes.items()))


def list_(seed: UnusedSeed = 0, device: Unused = "auto", as_json: Json = False) -> None:
    """List the bundles in ./checkpoints and $XAI_BUNDLES."""
    from ..bundle import list_bundles

    rows = []
    for found in list_bundles():
        test = found.manifest.metrics.get("test", {}) if found.manifest else {}
        rows.append(
            {
                "name": found.name,
                "path": str(found.path),
                "data": found.manifest.dataset.name if found.manifest else None,
                "accuracy": test.get("accuracy"),
                "created": found.manifest.created if found.manifest else None,
                "error": found.error,
            }
        )
    if as_json:
        print_json({"bundles": rows})
    elif rows:
        print_table("Bundles", [list(row.values()) for row in rows], list(rows[0]))
    else:
        typer.echo("No bundles. Make one: xai train --data mnist --out checkpoints/mnist")


def info(
    bundle: Name, seed: UnusedSeed = 0, device: Unused = "auto", as_json: Json = False
) -> None:
    """Show one bundle's card."""
    show_card(open_bundle(bundle, "cpu"), as_json)


def verify(
    bundle: Name,
    num_images: Annotated[int, typer.Option(min=2, help="Test images measured on.")] = 200,
    num_samples: Annotated[
        int, typer.Option(min=2, max=10_000, help="Draws of z an image.")
    ] = 100,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Check every file's hash, and measure facts that must hold."""
    from ..verification import verify as measure

    opened = open_bundle(bundle, device)
    with spinner("Measuring"):
        facts = measure(opened, num_images=num_images, num_samples=num_samples, seed=seed)
    whole = sorted(opened.manifest.files)
    rows = [{**asdict(fact), "holds": fact.holds} for fact in facts]
    failed = [fact.name for fact in facts if not fact.holds]
    if as_json:
        print_json({"bundle": opened.name, "files": whole, "facts": rows, "holds": not failed})
    else:
        typer.echo(f"Files as they were written: {', '.join(whole)}")
        print_table(
            f"{opened.name}: facts on {min(num_images, len(opened.dataset.test))} test images",
            [
                (text_of(f.left), f.relation, text_of(f.right), "yes" if f.holds else "NO", f.name)
                for f in facts
            ],
            ("left", "", "right", "holds", "fact"),
        )
    if failed:
        raise XaiError(f"{len(failed)} of {len(facts)} facts fail: {'; '.join(failed)}")
