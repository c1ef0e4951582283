"""`xai train`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from ..data.built_in import BUILT_IN
from ..errors import ConfigError
from ..training.presets import PRESET_TABLE
from .options import Device, Json, Seed, show_card
from .terminal import silence

__all__ = ["train"]

News = TypeVar("News")


def _known_preset(name: str) -> str:
    if name not in PRESET_TABLE:
        raise typer.BadParameter(f"must be one of {', '.join(PRESET_TABLE)}, got {name!r}.")
    return name


def train(
    data: Annotated[
        str,
        typer.Option(help=f"{', '.join(BUILT_IN)}, a folder of images, or an .npz."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle: checkpoints/NAME.")],
    preset: Annotated[
        str,
        typer.Option(
            callback=_known_preset,
            help=f"{', '.join(PRESET_TABLE)}: the settings to begin with; the options below "
            "change single ones.",
        ),
    ] = "default",
    clusters: Annotated[int | None, typer.Option(help="K; 1 is the plain VAE.")] = None,
    latent_dim: Annotated[int | None, typer.Option(help="d, the dimension of z.")] = None,
    factorisation: Annotated[
        Literal["c_given_x", "c_given_z"] | None, typer.Option(help="How q(z, c|x) factorises.")
    ] = None,
    likelihood: Annotated[
        Literal["bernoulli", "gaussian"] | None, typer.Option(help="Of pixels.")
    ] = None,
    decoder_conditioning: Annotated[
        Literal["z", "z+c"] | None, typer.Option(help="Input of the decoder.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Of the cluster VAE; --min-steps is then 1.")
    ] = None,
    min_steps: Annotated[
        int | None,
        typer.Option(
            help="Minimum number of steps of the cluster VAE: small sets get more epochs."
        ),
    ] = None,
    classifier_epochs: Annotated[int | None, typer.Option(help="Of the classifier.")] = None,
    classifier_min_steps: Annotated[int | None, typer.Option(help="Of the classifier.")] = None,
    surrogate_epochs: Annotated[
        int | None, typer.Option(help="Of the critics' surrogate.")
    ] = None,
    critic_epochs: Annotated[int | None, typer.Option(help="Of the critics.")] = None,
    critic_min_steps: Annotated[
        int | None, typer.Option(help="Of the critics and of their surrogate.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Largest batch, over all processes.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak of the one-cycle schedule of the cluster VAE.")
    ] = None,
    train_images: Annotated[
        int | None, typer.Option(help="Train images used; the first ones.")
    ] = None,
    pseudo_label_images: Annotated[
        int | None,
        typer.Option(
            "--pseudo-label-images",
            "--guess-images",
            help="Images on which the pseudo-labels, an initial clustering, are fitted.",
        ),
    ] = None,
    map_images: Annotated[
        int | None, typer.Option(help="Images on which the map is fitted.")
    ] = None,
    scored_images: Annotated[
        int | None,
        typer.Option(help="Images of each split that are reconstructed for the scores."),
    ] = None,
    likelihood_images: Annotated[
        int | None, typer.Option(help="Test images whose log likelihood is estimated.")
    ] = None,
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
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder of downloaded sets, as torchvision lays them out."),
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes per machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="auto or ddp.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, 32-true, bf16-mixed or 16-mixed.")
    ] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Continue after a stop.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle.")] = False,
    events: Annotated[
        Path | None, typer.Option(help="File to append epochs and progress to, JSON lines.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train all parts of a bundle and save it. Labels reach the classifier only."""
    from .. import runtime
    from ..bundle.reading import load_bundle
    from ..data.preprocessing import Wanted
    from ..data.registry import load_dataset
    from ..runtime import Launch
    from ..training import pipeline
    from ..training.config import settings_for
    from ..training.eta import expected_seconds
    from ..training.events import event_file
    from .training_display import TrainingDisplay

    wanted = Wanted(
        strategy=image_strategy,
        size=_size(image_size),
        invariances=tuple(invariances) if invariances else None,
    )
    dataset = load_dataset(data, root=data_root, wanted=wanted)
    model, training = settings_for(
        preset,
        model={
            "num_clusters": clusters,
            "latent_dim": latent_dim,
            "factorisation": factorisation,
            "likelihood": likelihood,
            "decoder_conditioning": decoder_conditioning,
        },
        training={
            "epochs": epochs,
            "min_steps": min_steps,
            "classifier_epochs": classifier_epochs,
            "classifier_min_steps": classifier_min_steps,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "train_images": train_images,
            "pseudo_label_images": pseudo_label_images,
            "map_images": map_images,
            "scored_images": scored_images,
            "likelihood_images": likelihood_images,
        },
        critic={
            "surrogate_epochs": surrogate_epochs,
            "epochs": critic_epochs,
            "min_steps": critic_min_steps,
        },
        image=dataset.spec,
    )
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
            ),
            resume=resume,
            overwrite=overwrite,
            on_epoch=_each(display.on_epoch, event_log.on_epoch) if first else lambda _: None,
            on_progress=_each(display.on_progress, event_log.on_progress)
            if first
            else lambda _: None,
        )
    if runtime.is_first_process():
        show_card(path, load_bundle(path).manifest, as_json)


def _size(text: str | None) -> tuple[int, int] | None:
    """Read WIDTHxHEIGHT as height and width."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigError(f"`--image-size` must be such as 64x48, width first, got {text!r:.40}.")
    return int(height), int(width)


def _each(*listeners: Callable[[News], None]) -> Callable[[News], None]:
    def tell(news: News) -> None:
        for listener in listeners:
            listener(news)

    return tell
