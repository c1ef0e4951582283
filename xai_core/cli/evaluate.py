"""`xai evaluate`, `encode` and `verify`: a bundle's scores, codes and facts."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from ..errors import XaiError
from .options import (
    Device,
    Devices,
    Images,
    Json,
    Name,
    NumNodes,
    Out,
    Seed,
    check_out,
    images_of,
    open_bundle,
    shapes_of,
)
from .terminal import print_json, print_table, spinner, text_of

__all__ = [
    "encode",
    "evaluate",
    "verify",
]


def evaluate(
    bundle: Name,
    split: Annotated[Literal["train", "test"], typer.Option(help="Images to score.")] = "test",
    likelihood_images: Annotated[
        int, typer.Option(min=0, help="Images on which log p(x) is estimated; 0 leaves it out.")
    ] = 500,
    likelihood_samples: Annotated[
        int, typer.Option(min=1, help="Importance samples for each of them.")
    ] = 500,
    save: Annotated[
        bool, typer.Option("--save", help="Write the scores into the bundle's model card.")
    ] = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score a bundle; clusters are matched one-to-one with labels on the train split."""
    from ..bundle.writing import save_scores
    from ..evaluation.metrics import evaluate as score

    opened = open_bundle(bundle, device)
    with spinner(f"Scoring the {split} images, at last log p(x)") as progress:
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
            on_progress=progress,
        ).as_dict()
    if save:
        save_scores(opened.path, split, found)
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
    """Write codes, clusters, classes and map positions of images, as arrays or Parquet parts."""
    from ..atomic_write import write_arrays
    from ..bundle.encode import encode as run
    from ..latent_space.encoding import BATCH
    from ..runtime import Launch
    from .sharded_output import write_parts

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
    with spinner("Encoding") as progress:
        found = run(opened, images_of(opened, images), seed=seed, on_progress=progress)
        arrays = found.arrays()
        write_arrays(out, arrays)
    shapes = shapes_of(arrays)
    if as_json:
        print_json({"bundle": opened.name, "out": str(out), "arrays": shapes})
    else:
        print_table(f"{out}", list(shapes.items()))


def verify(
    bundle: Name,
    num_images: Annotated[int, typer.Option(min=2, help="Test images used.")] = 200,
    num_samples: Annotated[
        int, typer.Option(min=2, max=10_000, help="Draws of z per image.")
    ] = 100,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Check the hash of every file and measure facts that must hold."""
    from ..evaluation.verification import verify as measure

    opened = open_bundle(bundle, device)
    with spinner("Measuring"):
        facts = measure(opened, num_images=num_images, num_samples=num_samples, seed=seed)
    whole = sorted(opened.manifest.files)
    rows = [{**asdict(fact), "holds": fact.holds} for fact in facts]
    failed = [fact.name for fact in facts if not fact.holds]
    if as_json:
        print_json({"bundle": opened.name, "files": whole, "facts": rows, "holds": not failed})
    else:
        typer.echo(f"Files that match their hashes: {', '.join(whole)}")
        print_table(
            f"{opened.name}: facts on up to {num_images} images",
            [
                (text_of(f.left), f.relation, text_of(f.right), "yes" if f.holds else "NO", f.name)
                for f in facts
            ],
            ("left", "", "right", "holds", "fact"),
        )
    if failed:
        raise XaiError(f"{len(failed)} of {len(facts)} facts fail: {'; '.join(failed)}")
