"""`xai record-collapse`: the trainings that the dashboard's Theory pages replay."""

from pathlib import Path
from typing import Annotated

import typer

from ..options import Device, Json, Seed
from ..terminal import print_json, print_table, spinner

__all__ = ["record_collapse"]


def record_collapse(
    out: Annotated[Path, typer.Option(help="The .parquet to write.")],
    data: Annotated[str, typer.Option(help="Data set, as for `xai train`.")] = "mnist",
    images: Annotated[int, typer.Option(min=2, help="Test images recorded.")] = 500,
    train_images: Annotated[int, typer.Option(min=2, help="Train images used.")] = 20_000,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each training.")] = 10,
    seed: Seed = 0,
    run: Annotated[
        list[str] | None, typer.Option(help="A recipe: pure, prior or cure; all by default.")
    ] = None,
    only_last: Annotated[
        bool, typer.Option("--only-last", help="Keep only the last epoch.")
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Train with and without the terms that prevent collapse; record q(c|x) and the bound."""
    from ...data.registry import load_dataset
    from ...runtime import Launch
    from ...training.collapse import RECIPES
    from ...training.collapse import record_collapse as record

    runs = tuple(run or RECIPES)
    with spinner(f"Training {len(runs)} times on {train_images:,} images"):
        recording = record(
            load_dataset(data),
            out,
            images=images,
            train_images=train_images,
            epochs=epochs,
            seed=seed,
            runs=runs,
            only_last=only_last,
            launch=Launch(device=device),
        )
    table = recording.summary()
    if as_json:
        print_json({"out": str(out), "rows": table.to_dict("records"), **recording.about})
        return
    names = ("run", "elbo", "kl_c", "information", "unevenness", "accuracy")
    rows = table[table["epoch"] == epochs][list(names)].itertuples(index=False, name=None)
    print_table(f"{out}: after {epochs} epochs", list(rows), names)
