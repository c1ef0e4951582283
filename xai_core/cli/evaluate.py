"""`xai evaluate`, `encode` and `verify`: a bundle's scores, codes and facts."""

import functools
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import DataError, XaiError
from .options import (
    Device,
    Engine,
    Images,
    Json,
    Name,
    Out,
    Seed,
    check_out,
    images_of,
    open_bundle,
    shapes_of,
)
from .terminal import print_json, print_table, spinner, text_of

if TYPE_CHECKING:
    import numpy as np

    from ..bundle.reading import Bundle
    from ..evaluation.conformal import Calibration

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
    doubtful: Annotated[
        int, typer.Option(min=0, help="List this many test images whose labels may be wrong.")
    ] = 0,
    copies: Annotated[
        int,
        typer.Option(min=0, help="List this many test images that may be copies of train images."),
    ] = 0,
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
    with spinner(f"Scoring the {split} images, then estimating log p(x)") as progress:
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
        doubted = _doubtful(opened, doubtful) if doubtful else []
        copied = _copies(opened, copies) if copies else []
    if save:
        save_scores(opened.path, split, found)
    if as_json:
        more: dict[str, object] = {"doubtful": doubted} if doubtful else {}
        more |= {"copies": copied} if copies else {}
        print_json({"bundle": opened.name, "split": split, "seed": seed, **found, **more})
        return
    print_table(f"{opened.name}, {split}", list(found.items()))
    if doubted:
        rows = [tuple(one.values()) for one in doubted]
        print_table("labels that may be wrong", rows, tuple(doubted[0]))
    if copied:
        rows = [tuple(one.values()) for one in copied]
        print_table("copies of train images", rows, tuple(copied[0]))


def _copies(bundle: "Bundle", count: int) -> list[dict[str, object]]:
    """Describe the test images that are far closer to one train image than to others."""
    from ..evaluation.near_duplicates import find_copies

    found = find_copies(bundle.dataset, device=bundle.device)
    return [
        {"id": f"test:{test}", "nearest": f"train:{train}", "times closer": round(float(ratio), 2)}
        for test, train, ratio in zip(
            found.test_rows[:count], found.train_rows[:count], found.ratios[:count], strict=True
        )
    ]


def _doubtful(bundle: "Bundle", count: int) -> list[dict[str, object]]:
    """Describe the test images whose labels are most doubtful."""
    from ..bundle.cluster_names import class_name
    from ..evaluation.label_errors import doubtful_labels

    found, names = doubtful_labels(bundle), bundle.dataset.class_names
    return [
        {
            "id": str(bundle.index["id"].iloc[row]),
            "label": class_name(int(bundle.index["label"].iloc[row]), names),
            "suggested": class_name(int(suggested), names),
            "nats": round(float(loss), 2),
        }
        for row, loss, suggested in zip(
            found.rows[:count], found.losses[:count], found.suggested[:count], strict=True
        )
    ]


def encode(
    bundle: Name,
    images: Images,
    out: Out,
    level: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=0.9999,
            help="Also write the prediction sets that are right for this share of images like "
            "the test images, such as 0.95.",
        ),
    ] = None,
    engine: Engine = "local",
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write codes, clusters, classes and map positions of images, as arrays or Parquet parts."""
    from ..atomic_write import write_arrays
    from ..bundle.encode import encode as run
    from ..latent_space.encoding import BATCH
    from .sharded_output import write_parts

    check_out(out)
    if not out.suffix:
        write_parts(
            out,
            lambda opened, some, first: _with_sets(
                opened, run(opened, some, seed=seed, first=first).arrays(), level
            ),
            bundle=bundle,
            images=images,
            engine=engine,
            device=device,
            block=BATCH,
            about={"seed": seed, "level": level},
            as_json=as_json,
        )
        return
    opened = open_bundle(bundle, device)
    with spinner("Encoding") as progress:
        found = run(opened, images_of(opened, images), seed=seed, on_progress=progress)
        arrays = _with_sets(opened, found.arrays(), level)
        write_arrays(out, arrays)
    shapes = shapes_of(arrays)
    if as_json:
        print_json({"bundle": opened.name, "out": str(out), "arrays": shapes})
    else:
        print_table(f"{out}", list(shapes.items()))


def _with_sets(
    bundle: "Bundle", arrays: "dict[str, np.ndarray]", level: float | None
) -> "dict[str, np.ndarray]":
    """Add the prediction sets of the cluster model and of the classifier, as (images, labels)."""
    from ..evaluation.conformal import by_label, prediction_sets

    if level is None:
        return arrays
    sets = {}
    for output, calibration in _calibrations(bundle).items():
        column = "class" if output == "classifier" else output
        probs = by_label(bundle, output, arrays[f"{column}_probs"])
        sets[f"{column}_set"] = prediction_sets(calibration.p_values(probs), level)
    return {**arrays, **sets}


@functools.cache
def _calibrations(bundle: "Bundle") -> "dict[str, Calibration]":
    """Calibrate each output of a bundle that has prediction sets."""
    from ..bundle.explained_output import deciding_outputs
    from ..evaluation.conformal import hold_out, obstacle

    outputs = [output.name for output in deciding_outputs(bundle)]
    found = {name: hold_out(bundle, name) for name in outputs if not obstacle(bundle, name)}
    if not found:
        why = obstacle(bundle, outputs[0]) if outputs else "This model has one class only."
        raise DataError(f"`--level` asks for prediction sets. {why}")
    return {name: known.calibration for name, known in found.items()}


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
