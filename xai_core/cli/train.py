"""`xai train`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

from .options import Device, Json, Seed, show_card
from .terminal import silence

__all__ = ["train"]

News = TypeVar("News")


def train(
    data: Annotated[
        str,
        typer.Option(
            help="mnist, fashion-mnist, kmnist, emnist-digits, a folder of images, or an .npz."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle: checkpoints/NAME.")],
    preset: Annotated[
        Literal["default", "pure_elbo", "density", "smoke"],
        typer.Option(help="Settings to begin with; the options below change single ones."),
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
        Literal["z", "z+c"] | None, typer.Option(help="What the decoder reads.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Of the cluster VAE.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Over all processes.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak of one cycle.")] = None,
    train_images: Annotated[
        int | None, typer.Option(help="Train images used; the first ones.")
    ] = None,
    seed: Seed = 0,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes a machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="auto or ddp.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, 32-true, bf16-mixed or 16-mixed.")
    ] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a stop.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle.")] = False,
    events: Annotated[
        Path | None, typer.Option(help="File to append epochs and progress to, JSON lines.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Train all parts and write the bundle; nothing that clusters sees a label."""
    from .. import runtime
    from ..bundle.reading import load_bundle
    from ..data.registry import load_dataset
    from ..runtime import Launch
    from ..training import pipeline
    from ..training.config import PRESETS
    from ..training.eta import expected_seconds
    from ..training.events import event_file
    from .training_display import TrainingDisplay

    model, training = PRESETS[preset]
    shape = {
        "num_clusters": clusters,
        "latent_dim": latent_dim,
        "factorisation": factorisation,
        "likelihood": likelihood,
        "decoder_conditioning": decoder_conditioning,
    }
    course = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "train_images": train_images,
    }
    model, training = replace(model, **_given(shape)), replace(training, **_given(course))
    dataset = load_dataset(data)
    expected = expected_seconds(dataset, model, training)
    display = TrainingDisplay(expected)
    first = runtime.is_first_process()
    with (
        display.shown(*dataset.report) if first else silence(),
        event_file(events if first else None) as told,
    ):
        told.on_begin(expected, model.num_clusters)
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
            on_epoch=_each(display.on_epoch, told.on_epoch) if first else lambda _: None,
            on_progress=_each(display.on_progress, told.on_progress) if first else lambda _: None,
        )
    if runtime.is_first_process():
        show_card(path, load_bundle(path).manifest, as_json)


def _each(*listeners: Callable[[News], None]) -> Callable[[News], None]:
    def tell(news: News) -> None:
        for listener in listeners:
            listener(news)

    return tell


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
