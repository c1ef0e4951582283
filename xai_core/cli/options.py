"""Options that commands share, and what they stand for."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigError
from .terminal import print_json, print_table, spinner

if TYPE_CHECKING:
    import numpy as np

    from .._types import ByteImages
    from ..bundle.reading import Bundle

__all__ = [
    "Device",
    "Devices",
    "Images",
    "Json",
    "Name",
    "NumNodes",
    "Out",
    "Seed",
    "Unused",
    "UnusedSeed",
    "check_out",
    "images_of",
    "open_bundle",
    "shapes_of",
    "show_card",
]

Name = Annotated[
    str,
    typer.Argument(
        metavar="BUNDLE",
        help="Path of a bundle, or its name: looked for in ./checkpoints and $XAI_BUNDLES.",
    ),
]
Images = Annotated[
    str,
    typer.Option(
        help="An .npz, .npy, image file or folder; train, test or all; or ids: test:123,train:5."
    ),
]
Out = Annotated[Path, typer.Option(help="The .npz to write; or a new folder, for Parquet parts.")]
Devices = Annotated[int, typer.Option(min=1, help="Processes a machine, with a folder.")]
NumNodes = Annotated[int, typer.Option(min=1, help="Machines, with a folder.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Unused = Annotated[str, typer.Option(help="Taken by every command; not needed here.")]
UnusedSeed = Annotated[int, typer.Option(help="Taken by every command; not needed here.")]


def open_bundle(name: str, device: str) -> "Bundle":
    """Open a bundle by name or path, on a device."""
    with spinner("Opening the bundle"):
        from ..bundle.reading import load_bundle
        from ..runtime import resolve_device

        return load_bundle(name, device=resolve_device(device))


def images_of(bundle: "Bundle", images: str) -> "ByteImages":
    """Read images from a file, or take those of ids or of whole splits."""
    import torch

    from ..data import user_images
    from ..data.preprocessing import convert_path

    if images.startswith(("train:", "test:", user_images.OWN)):
        return user_images.images_of(bundle.dataset, [part.strip() for part in images.split(",")])
    if images not in ("train", "test", "all"):
        converted = convert_path(images, bundle.preprocessing)
        for sentence in converted.report:
            typer.echo(sentence, err=True)
        return converted.images
    splits = ("train", "test") if images == "all" else (images,)
    return torch.cat([bundle.dataset.split(split).images for split in splits])


def check_out(out: Path, processes: int, figure: Path | None = None, *drawn: str) -> None:
    """Refuse, before any work, what cannot be written.

    Args:
        out: An .npz; or a folder, which is a name without a suffix.
        processes: That write.
        figure: A picture beside an .npz.
        drawn: Suffixes that a figure may have.
    """
    if out.suffix not in ("", ".npz"):
        raise ConfigError(f"`--out` must end in .npz or be a folder, got '{out}'.")
    if out.suffix and processes > 1:
        raise ConfigError("Several processes write parts: give a folder for `--out`.")
    if figure is not None and figure.suffix not in drawn:
        raise ConfigError(f"`--figure` must end in {' or '.join(drawn)}, got '{figure}'.")
    if figure is not None and not out.suffix:
        raise ConfigError("`--figure` is drawn beside an .npz: give one for `--out`.")


def shapes_of(arrays: "Mapping[str, np.ndarray]") -> dict[str, list[int]]:
    """Say what an .npz holds: the shape of each array."""
    return {name: list(array.shape) for name, array in arrays.items()}


def show_card(bundle: "Bundle", as_json: bool) -> None:
    """Show what a bundle is and how good it is."""
    card = asdict(bundle.manifest)
    if as_json:
        print_json({**card, "path": str(bundle.path)})
        return
    data = card["dataset"]
    print_table(
        f"{bundle.name}  {bundle.path}",
        [
            ("data", f"{data['name']}, {data['num_train']:,} train and {data['num_test']:,} test"),
            ("made", f"{card['created']}, seed {card['seed']}, on {card['device']}"),
            ("seconds", ", ".join(f"{stage} {s:.1f}" for stage, s in card["seconds"].items())),
            *card["configs"]["model"].items(),
        ],
    )
    of_train, of_test, of_map = (card["metrics"].get(k, {}) for k in ("train", "test", "map"))
    rows = [(name, of_train.get(name), value) for name, value in of_test.items()]
    print_table("", rows, ("metric", "train", "test"))
    print_table("", list(of_map.items()), ("map", ""))
