"""`xai adopt`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import ConfigError
from .options import (
    Data,
    DataRoot,
    Device,
    Json,
    LabelColumn,
    Mean,
    Metadata,
    Seed,
    SplitColumn,
    Std,
    numbers_of,
    show_card,
    size_of,
)
from .terminal import spinner

__all__ = ["adopt"]


def adopt(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the bundle: checkpoints/NAME.")],
    classifier: Annotated[
        Path | None,
        typer.Option(help="An .onnx file, images to classes; it is data, no code in it runs."),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(help="An .onnx file, images to codes, or to means and log variances."),
    ] = None,
    decoder: Annotated[
        Path | None, typer.Option(help="An .onnx file, codes to images in [0, 1].")
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(min=1, help="Clusters of the mixture; by default, as many as classes."),
    ] = None,
    mean: Mean = None,
    std: Std = None,
    image_strategy: Annotated[
        Literal["digits", "glyphs", "natural"],
        typer.Option(help="How the images of a folder or .npz are read: natural, as they are."),
    ] = "natural",
    image_size: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT; by default, what the classifier or encoder reads."),
    ] = None,
    metadata: Metadata = None,
    label_column: LabelColumn = None,
    split_column: SplitColumn = None,
    data_root: DataRoot = None,
    seed: Seed = 0,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle.")] = False,
    as_json: Json = False,
) -> None:
    """Make a bundle of your own models, given as ONNX files, and of any images."""
    from ..bundle.paths import check_target

    if classifier is None and encoder is None:
        raise ConfigError("Give at least one of `--classifier` and `--encoder`.")
    check_target(out, overwrite=overwrite)
    with spinner("Reading the networks"):
        from ..adoption.api import adopt as make
        from ..bundle.reading import load_bundle
        from ..bundle.writing import save_bundle
        from ..data.preprocessing import Wanted
        from ..data.registry import load_dataset
        from ..models.graph.onnx_file import read_onnx
        from ..runtime import resolve_device

        read = {
            name: None if path is None else read_onnx(path)
            for name, path in (("classify", classifier), ("encode", encoder), ("decode", decoder))
        }
        first = read["classify"] or read["encode"]
        assert first is not None, "checked above"
        size = size_of(image_size) or first.image_size
        wanted = Wanted(strategy=image_strategy, size=size)
        dataset = load_dataset(
            data,
            root=data_root,
            wanted=wanted,
            seed=seed,
            metadata=metadata,
            label_column=label_column,
            split_column=split_column,
        )
    for sentence in dataset.report:
        typer.echo(sentence, err=True)
    with spinner("Encoding the images and laying out the map"):
        bundle = make(
            dataset,
            classify=read["classify"],
            encode=read["encode"],
            decode=read["decode"],
            num_clusters=clusters,
            mean=numbers_of(mean, "--mean"),
            std=numbers_of(std, "--std"),
            name=out.name,
            seed=seed,
            device=resolve_device(device),
        )
        path = save_bundle(out, bundle, overwrite=overwrite)
    show_card(path, load_bundle(path).manifest, as_json)
