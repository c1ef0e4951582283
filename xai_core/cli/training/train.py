"""`xai train`."""

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeVar

import typer

from ...training.presets import PRESET_TABLE
from ...training.settings import SETTINGS, by_group, option_of
from ..options import (
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
from ..terminal import silence

__all__ = ["train"]

Event = TypeVar("Event")
Command = TypeVar("Command", bound=Callable[..., Any])
PANELS = {"model": "Cluster VAE", "training": "Training", "critic": "Learned masks (critics)"}
"""Headings of the options that are settings."""
ALIASES = {"pseudo_label_images": ("guess_images",)}
"""Older names."""


def _known_preset(name: str) -> str:
    if name not in PRESET_TABLE:
        raise typer.BadParameter(f"must be one of {', '.join(PRESET_TABLE)}, got {name!r}.")
    return name


def _with_settings(command: Command) -> Command:
    """Add an option for each setting of a training to a command."""
    own = [p for p in signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
    options = []
    for name, setting in SETTINGS.items():
        kind = Literal[setting.choices] if setting.choices else setting.kind  # type: ignore[valid-type]
        aliases = [option_of(alias) for alias in (name, *ALIASES.get(name, ()))]
        option = typer.Option(
            *aliases, help=setting.help, rich_help_panel=PANELS[setting.group], show_default=False
        )
        hint = Annotated[Optional[kind], option]  # noqa: UP045  `kind` is a value
        options.append(Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint))
    command.__signature__ = Signature([*own, *options])  # type: ignore[attr-defined]
    command.__annotations__ |= {option.name: option.annotation for option in options}
    return command


@_with_settings
def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the bundle: checkpoints/NAME.")],
    preset: Annotated[
        str,
        typer.Option(
            callback=_known_preset,
            help=f"{', '.join(PRESET_TABLE)}: the settings to begin with; the options below "
            "change single ones.",
        ),
    ] = "default",
    image_strategy: Annotated[
        Literal["digits", "glyphs", "natural"] | None,
        typer.Option(
            help="How images of a folder or .npz are read: glyphs makes grey ink on plain ground, "
            "natural leaves them as they are. By default, images in colour are natural."
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(help="WIDTHxHEIGHT that images are scaled into, 8 to 128 pixels each."),
    ] = None,
    invariances: Annotated[
        list[str] | None,
        typer.Option(
            "--invariance",
            help="A deformation that must not change the cluster: tilt, rotation, scale, shear, "
            "shift, elastic, flip, brightness or hue; repeat it for several.",
        ),
    ] = None,
    metadata: Metadata = None,
    label_column: LabelColumn = None,
    split_column: SplitColumn = None,
    data_root: DataRoot = None,
    classifier: Annotated[
        Path | None,
        typer.Option(
            help="An .onnx file of your own classifier, explained in place of a trained one. It "
            "reads the images as they are, in its own size, unless the options above say "
            "otherwise."
        ),
    ] = None,
    mean: Mean = None,
    std: Std = None,
    critics: Annotated[
        bool,
        typer.Option(help="Train the learned masks: a quarter of the time; 5.5 MB for MNIST."),
    ] = True,
    seed: Seed = 0,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes per machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="auto or ddp.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, 32-true, bf16-mixed or 16-mixed.")
    ] = "auto",
    cuda_graphs: Annotated[
        bool, typer.Option(help="On one GPU, launch all kernels of a step at once.")
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted training.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle.")] = False,
    events: Annotated[
        Path | None, typer.Option(help="File to append epochs and progress to, JSON lines.")
    ] = None,
    as_json: Json = False,
    **stated: object,
) -> None:
    """Train all parts of a bundle and save it. Labels reach the classifier only."""
    from ... import runtime
    from ...bundle.adopted import adopt_classifier
    from ...bundle.reading import load_bundle
    from ...data.preprocessing import Wanted, to_float
    from ...data.registry import load_dataset
    from ...models.graph.onnx_file import read_onnx
    from ...runtime import Launch
    from ...training import pipeline
    from ...training.config import settings_for
    from ...training.events import event_file
    from ...training.stages.table import expected_seconds
    from .display import TrainingDisplay

    network = None if classifier is None else read_onnx(classifier)
    wanted = Wanted(
        strategy=image_strategy or (None if network is None else "natural"),
        size=size_of(image_size) or (None if network is None else network.image_size),
        invariances=tuple(invariances) if invariances else None,
    )
    dataset = load_dataset(
        data,
        root=data_root,
        wanted=wanted,
        metadata=metadata,
        label_column=label_column,
        split_column=split_column,
    )
    adopted = None
    if network is not None:
        adopted = adopt_classifier(
            network,
            to_float(dataset.train.images[:64]),
            dataset.spec,
            mean=numbers_of(mean, "--mean"),
            std=numbers_of(std, "--std"),
        )
    model, training = settings_for(preset, **by_group(stated), image=dataset.spec)
    training = training if critics else replace(training, critic=None)
    expected = expected_seconds(dataset, model, training)
    display = TrainingDisplay(expected)
    first = runtime.is_first_process()
    with (
        display.shown(*dataset.report) if first else silence(),
        event_file(events if first else None) as event_log,
    ):
        event_log.on_begin(expected, model.num_clusters)
        path = pipeline.train(
            dataset,
            out,
            model=model,
            training=training,
            seed=seed,
            launch=Launch(
                device=device,
                devices=devices,
                num_nodes=num_nodes,
                strategy=strategy,
                precision=precision,
                cuda_graphs=cuda_graphs,
            ),
            classifier=adopted,
            resume=resume,
            overwrite=overwrite,
            on_epoch=_each(display.on_epoch, event_log.on_epoch) if first else lambda _: None,
            on_progress=_each(display.on_progress, event_log.on_progress)
            if first
            else lambda _: None,
        )
    if runtime.is_first_process():
        show_card(path, load_bundle(path).manifest, as_json)


def _each(*listeners: Callable[[Event], None]) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
