"""Options that several commands share, and how they are read."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..data.built_in import BUILT_IN
from ..errors import ConfigError
from .terminal import print_json, print_table, print_warning, spinner

if TYPE_CHECKING:
    import numpy as np

    from .._types import ByteImages
    from ..bundle.manifest import Manifest
    from ..bundle.reading import Bundle

__all__ = [
    "Data",
    "DataRoot",
    "Device",
    "Engine",
    "Images",
    "Json",
    "LabelColumn",
    "Mean",
    "Metadata",
    "Name",
    "Out",
    "Output",
    "Seed",
    "SplitColumn",
    "Std",
    "Unused",
    "UnusedSeed",
    "check_out",
    "images_of",
    "numbers_of",
    "open_bundle",
    "shapes_of",
    "show_card",
    "size_of",
]

Name = Annotated[
    str,
    typer.Argument(
        metavar="BUNDLE",
        help="A path, or a name in ./checkpoints, $XAI_BUNDLES or the package.",
    ),
]
Images = Annotated[
    str,
    typer.Option(
        help="An .npz, .npy, image file or folder; train, test or all; or ids: test:123,train:5."
    ),
]
Out = Annotated[Path, typer.Option(help="The .npz to write; or a new folder, for Parquet parts.")]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "--of",
        help="What is explained: classifier, cluster, elbo, reconstruction, latent:J, or why one "
        "class rather than another: classifier:3-8, cluster:A-B.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        envvar="XAI_ENGINE",
        help="What computes the parts of a folder: inline, this process; local, one process per "
        "GPU or core; local:N; or dask://HOST:PORT.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Data = Annotated[
    str,
    typer.Option(
        help=f"{', '.join(BUILT_IN)}, a folder of images, a .zip of one, an .npz, or a .csv "
        "with one column per pixel."
    ),
]
DataRoot = Annotated[
    Path | None, typer.Option(help="Folder of downloaded sets, as torchvision lays them out.")
]
Metadata = Annotated[
    Path | None,
    typer.Option(
        help="A .csv of your own columns, to colour and filter the map by: one of them names the "
        "files of a folder; for an .npz, the rows are the images in order."
    ),
]
LabelColumn = Annotated[
    str | None, typer.Option(help="The column of your own to take the labels from.")
]
SplitColumn = Annotated[
    str | None, typer.Option(help="The column of your own with the words train and test.")
]
Mean = Annotated[
    str | None,
    typer.Option(help="What the classifier's own preprocessing subtracts: 0.5 or R,G,B."),
]
Std = Annotated[
    str | None,
    typer.Option(help="What it divides by; 0.00392157 for a classifier that reads 0 to 255."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of all random numbers.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Unused = Annotated[str, typer.Option(help="Accepted by every command; has no effect here.")]
UnusedSeed = Annotated[int, typer.Option(help="Accepted by every command; has no effect here.")]


def open_bundle(name: str, device: str) -> "Bundle":
    """Open a bundle by name or path, on a device."""
    with spinner("Opening the bundle"):
        from ..bundle.reading import load_bundle
        from ..runtime import resolve_device

        return load_bundle(name, device=resolve_device(device))


def images_of(bundle: "Bundle", images: str) -> "ByteImages":
    """Return the images of a file, of ids or of whole splits."""
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


def check_out(out: Path, figure: Path | None = None, *drawn: str) -> None:
    """Check before any work that the results can be written.

    Args:
        out: An .npz, or a folder, which is a name without a suffix.
        figure: A figure to draw beside an .npz.
        drawn: Suffixes that a figure may have.

    Raises:
        ConfigError: If a name has another suffix, or the options contradict each other.
    """
    if out.suffix not in ("", ".npz"):
        raise ConfigError(f"`--out` must end in .npz or be a folder, got '{out}'.")
    if figure is not None and figure.suffix not in drawn:
        raise ConfigError(f"`--figure` must end in {' or '.join(drawn)}, got '{figure}'.")
    if figure is not None and not out.suffix:
        raise ConfigError("`--figure` needs an .npz as `--out`, got a folder.")


def shapes_of(arrays: "Mapping[str, np.ndarray]") -> dict[str, list[int]]:
    """Return the shape of each array by its name."""
    return {name: list(array.shape) for name, array in arrays.items()}


def show_card(folder: Path, manifest: "Manifest", as_json: bool) -> None:
    """Show a bundle's data, settings, scores and problems."""
    from ..evaluation.health import health_of

    card, problems = manifest.as_dict(), health_of(manifest)
    if as_json:
        found = [asdict(problem) for problem in problems]
        print_json({**card, "path": str(folder), "problems": found})
        return
    data = card["dataset"]
    print_table(
        f"{folder.name}  {folder}",
        [
            ("data", f"{data['name']}, {data['num_train']:,} train and {data['num_test']:,} test"),
            ("index", f"{card['indexed_train']:,} train and {data['num_test']:,} test"),
            ("made", f"{card['created']}, seed {card['seed']}, on {card['device']}"),
            ("seconds", ", ".join(f"{stage} {s:.1f}" for stage, s in card["seconds"].items())),
            *card["configs"]["model"].items(),
        ],
    )
    of_train, of_test, of_map = (card["metrics"].get(k, {}) for k in ("train", "test", "map"))
    rows = [(name, of_train.get(name), value) for name, value in of_test.items()]
    print_table("", rows, ("metric", "train", "test"))
    print_table("", list(of_map.items()), ("map", ""))
    for problem in problems:
        print_warning(f"{problem.sentence} Try: {problem.remedy}")


def size_of(text: str | None) -> tuple[int, int] | None:
    """Read WIDTHxHEIGHT as height and width."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"`--image-size` must be such as 64x48, width first, got {text!r:.40}.")
    return int(height), int(width)


def numbers_of(text: str | None, option: str) -> tuple[float, ...]:
    """Read numbers with commas between them; none where the option is not given."""
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise ConfigError(
            f"`{option}` must be numbers such as 0.5,0.5,0.5, got {text!r:.40}."
        ) from error
