"""The `xai` command: parse, call, show, exit.

Exit status: 0 only on success, 1 with one line `error: ...` that names the fix, 2 on wrong usage,
130 when interrupted.
"""

# torch takes seconds to import: each command imports what it needs, so that `xai --help` does not
import os
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ._version import __version__
from .errors import ConfigError, XaiError
from .terminal import (
    TrainingDisplay,
    print_error,
    print_json,
    print_table,
    silence,
    spinner,
    text_of,
)

if TYPE_CHECKING:
    from ._types import ByteImages
    from .bundle import Bundle

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """Turns what the library refuses into one line and an exit status."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  typer keeps its own context class
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            again = " Go on with the same command and --resume."
            hint = again if ctx.invoked_subcommand == "train" else ""
            print_error(KeyboardInterrupt(f"interrupted.{hint}"))
            raise typer.Exit(130) from error
        except (XaiError, ValueError, OSError) as error:
            rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
            print_error(error, "" if rank == "0" else f" (process {rank})")
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Commands,
    help="Train a cluster VAE, keep what it learned in a bundle, and ask it why.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="BUNDLE",
        help="Path of a bundle, or its name: looked for in ./checkpoints and $XAI_BUNDLES.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Unused = Annotated[str, typer.Option(help="Taken by every command; not needed here.")]
UnusedSeed = Annotated[int, typer.Option(help="Taken by every command; not needed here.")]


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    pass


@app.command()
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
    seed: Seed = 0,
    device: Device = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Processes a machine.")] = 1,
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="auto or ddp.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, 32-true, bf16-mixed, ...")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a stop.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a bundle.")] = False,
    as_json: Json = False,
) -> None:
    """Train all parts and write the bundle; nothing that clusters sees a label."""
    from . import workflow
    from .bundle import load_bundle
    from .data.sources import load_dataset
    from .runtime import Launch
    from .training import PRESETS

    model, training = PRESETS[preset]
    shape = {
        "num_clusters": clusters,
        "latent_dim": latent_dim,
        "factorisation": factorisation,
        "likelihood": likelihood,
        "decoder_conditioning": decoder_conditioning,
    }
    course = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    dataset = load_dataset(data)
    display = TrainingDisplay()
    first = workflow.is_first_process()
    with display.shown(*dataset.report) if first else silence():
        path = workflow.train(
            dataset,
            out,
            model=replace(model, **_given(shape)),
            training=replace(training, **_given(course)),
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
            on_epoch=display.on_epoch if first else lambda _: None,
            on_progress=display.on_progress if first else lambda _: None,
        )
    if workflow.is_first_process():
        _card(load_bundle(path), as_json)


@app.command()
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
    from .evaluation import evaluate as score

    opened = _open(bundle, device)
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


@app.command()
def encode(
    bundle: Name,
    images: Annotated[
        str, typer.Option(help="An .npz, .npy, image file or folder; or train, test, all.")
    ],
    out: Annotated[Path, typer.Option(help="The .npz to write.")],
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write what the bundle says about images, as arrays."""
    from .workflow import encode as run
    from .workflow import write_arrays

    if out.suffix != ".npz":
        raise ConfigError(f"`--out` must end in .npz, got '{out}'.")
    opened = _open(bundle, device)
    with spinner("Encoding"):
        arrays = run(opened, _images_of(opened, images), seed=seed).arrays()
        write_arrays(out, arrays)
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    if as_json:
        print_json({"bundle": opened.name, "out": str(out), "arrays": shapes})
    else:
        print_table(f"{out}", list(shapes.items()))


@app.command("list")
def list_(seed: UnusedSeed = 0, device: Unused = "auto", as_json: Json = False) -> None:
    """List the bundles in ./checkpoints and $XAI_BUNDLES."""
    from .bundle import list_bundles

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


@app.command()
def info(
    bundle: Name, seed: UnusedSeed = 0, device: Unused = "auto", as_json: Json = False
) -> None:
    """Show one bundle's card."""
    _card(_open(bundle, "cpu"), as_json)


@app.command()
def verify(
    bundle: Name,
    num_images: Annotated[int, typer.Option(min=2, help="Test images measured on.")] = 200,
    num_samples: Annotated[int, typer.Option(min=2, help="Draws of z an image.")] = 100,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Check every file's hash, and measure facts that must hold."""
    from .verification import verify as measure

    opened = _open(bundle, device)
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


@app.command()
def dashboard(
    bundle: Annotated[
        str | None, typer.Argument(metavar="[BUNDLE]", help="To begin with.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Of the web server.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    seed: UnusedSeed = 0,
    device: Unused = "auto",
) -> None:
    """Open the dashboard in the browser."""
    package = find_spec("dashboard")
    home = Path(package.origin or "").with_name("Home.py") if package else None
    if home is None or not home.is_file():
        raise XaiError("The dashboard is not installed. In the project's folder: pip install -e .")
    command = [sys.executable, "-m", "streamlit", "run", str(home)]
    if port is not None:
        command += ["--server.port", str(port)]
    if headless:
        command += ["--server.headless", "true"]
    status = subprocess.run(command, env=_environment(bundle), check=False).returncode
    if status:
        raise typer.Exit(status if 0 < status < 256 else 1)


def main() -> None:
    """Run the `xai` command."""
    app()


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _open(name: str, device: str) -> "Bundle":
    with spinner("Opening the bundle"):
        from .bundle import load_bundle
        from .runtime import resolve_device

        return load_bundle(name, device=resolve_device(device))


def _images_of(bundle: "Bundle", images: str) -> "ByteImages":
    """Read images from a file, or take the bundle's own."""
    import torch

    from .data.images import read_images

    if images not in ("train", "test", "all"):
        return read_images(images)
    splits = ("train", "test") if images == "all" else (images,)
    return torch.cat([bundle.dataset.split(split).images for split in splits])


def _card(bundle: "Bundle", as_json: bool) -> None:
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


def _environment(bundle: str | None) -> dict[str, str]:
    """Tell the dashboard which bundle to begin with, wherever it lies."""
    if bundle is None:
        return dict(os.environ)
    from .bundle_places import find_bundle

    path = find_bundle(bundle)
    folders = [str(path.parent), *filter(None, [os.environ.get("XAI_BUNDLES")])]
    return {**os.environ, "XAI_BUNDLES": os.pathsep.join(folders), "XAI_BUNDLE": path.name}
