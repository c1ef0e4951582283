"""What a bundle says: `xai evaluate`, `encode`, `list`, `info`, `verify`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import ConfigError, XaiError
from ..terminal import print_json, print_table, spinner, text_of
from .options import (
    Device,
    Images,
    Json,
    Name,
    Seed,
    Unused,
    UnusedSeed,
    check_suffixes,
    images_of,
    open_bundle,
    shapes_of,
    show_card,
)

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
    with spinner(f"Scoring the {split} images"):
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
        ).as_dict()
    if as_json:
        print_json({"bundle": opened.name, "split": split, "seed": seed, **found})
    else:
        print_table(f"{opened.name}, {split}", list(found.items()))


def encode(
    bundle: Name,
    images: Images,
    out: Annotated[
        Path, typer.Option(help="The .npz to write; or a new folder, for Parquet parts.")
    ],
    devices: Annotated[int, typer.Option(min=1, help="Processes a machine, with a folder.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines, with a folder.")] = 1,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write what the bundle says about images, as arrays or as one Parquet part a process."""
    from ..workflow import encode as run
    from ..workflow import write_arrays

    if not out.suffix:
        launch = {"device": device, "devices": devices, "num_nodes": num_nodes}
        _encode_parts(bundle, images, out, launch, seed, as_json)
        return
    check_suffixes(out)
    if devices * num_nodes > 1:
        raise ConfigError("Several processes write parts: give a folder for `--out`.")
    opened = open_bundle(bundle, device)
    with spinner("Encoding"):
        arrays = run(opened, images_of(opened, images), seed=seed).arrays()
        write_arrays(out, arrays)
    shapes = shapes_of(arrays)
    if as_json:
        print_json({"bundle": opened.name, "out": str(out), "arrays": shapes})
    else:
        print_table(f"{out}", list(shapes.items()))


def _encode_parts(
    name: str, images: str, folder: Path, options: dict[str, Any], seed: int, as_json: bool
) -> None:
    """Encode in as many processes as asked for; the first one tells."""
    from ..bundle import load_bundle
    from ..parts import check_folder, encode_part
    from ..runtime import Launch, losses_named, make_fabric
    from ..workflow import is_first_process

    if is_first_process():
        check_folder(folder)
    fabric = make_fabric(Launch(**options))
    opened = load_bundle(name, device=fabric.device)
    pixels = images_of(opened, images)
    with losses_named(fabric, "Empty the folder and encode anew."):
        encode_part(opened, pixels, folder, fabric=fabric, seed=seed)
    if not is_first_process():
        return
    files = sorted(path.name for path in folder.iterdir())
    about = {"bundle": opened.name, "out": str(folder), "images": len(pixels), "parts": files}
    if as_json:
        print_json(about)
    else:
        print_table(f"{folder}", list(about.items()))


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
    num_samples: Annotated[int, typer.Option(min=2, help="Draws of z an image.")] = 100,
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
