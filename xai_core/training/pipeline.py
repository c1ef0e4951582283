"""Train a bundle from images: stages, evaluation, index, saving.

A training keeps its state beside the bundle, in `.NAME.run`, until the bundle is complete.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from filelock import FileLock, Timeout

from .._arguments import checked
from .._paths import expand_home
from .._types import ByteImages, Images
from ..atomic_write import atomic_write
from ..bundle.adopted import with_class_names
from ..bundle.manifest import read_manifest
from ..bundle.migrations import present_names
from ..bundle.paths import check_target
from ..bundle.writing import save_bundle
from ..data.dataset import Dataset
from ..errors import BundleError, ConfigError, DataError
from ..evaluation.critic_metrics import score_critic
from ..evaluation.health_scores import score_health
from ..evaluation.metrics import evaluate, fit_cluster_labels
from ..latent_space.encoding import Encoding, encode_dataset, predicted_classes
from ..latent_space.replay import lay_out_replay
from ..latent_space.umap_layout import build_index
from ..models.adopted import AdoptedClassifier
from ..models.config import ClusterVAEConfig
from ..runtime import Launch, check_launch, is_first_process, resolve_device
from .config import TrainingConfig, settings_for
from .preflight import check_surroundings
from .progress import EpochMetrics, Progress
from .stages.sequence import Trained, train_models
from .stages.table import CLASSIFIER, EVALUATION, INDEX, VAE

__all__ = ["check_not_training", "run_folder", "train"]

RUN, LOCK = "run.json", "lock"
"""File of a run folder that holds the settings of its training."""
CRITIC_IMAGES = 2_000
"""Test images the critics are scored on at most."""


@checked
def train(
    dataset: Dataset,
    out: str | Path,
    *,
    preset: str = "default",
    model: ClusterVAEConfig | None = None,
    training: TrainingConfig | None = None,
    seed: int = 0,
    launch: Launch | None = None,
    classifier: AdoptedClassifier | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Train every part of a bundle, evaluate, index and save it.

    Args:
        dataset: Images, and labels if there are any; only the classifier sees labels.
        out: Folder of the bundle, its name the bundle's.
        preset: Key of `PRESETS`; its settings are used where `model` or `training` is None.
        model: Settings of the cluster VAE.
        training: Settings of the training.
        seed: Seed of all random numbers.
        launch: Devices and processes. Only the first process saves.
        classifier: Your own classifier, see `adopt_classifier`, explained in place of a trained
            one, through the cluster VAE.
        resume: Continue an interrupted training of the same settings; begin if there is none.
        overwrite: Replace an existing bundle.
        on_epoch: Called after each epoch; finished epochs of a resumed training come first.
        on_progress: Called about twenty times per epoch.

    Returns:
        The bundle's folder.

    Raises:
        ConfigError: If an unfinished training exists and `resume` is not given, its settings
            differ, or a package that a later stage needs cannot be imported.
        BundleError: If `out` exists and `overwrite` is not given, or no bundle can be written
            there.
        DataError: If the state cannot be written.
        TrainingDivergedError: If the loss is not finite; the last good state is kept.
    """
    out, launch = Path(os.path.abspath(expand_home(out))), launch or Launch()
    usual, usual_training = settings_for(
        preset, model={}, training={}, critic={}, image=dataset.spec
    )
    model, training = model or usual, training or usual_training
    check_surroundings()
    run, settings = run_folder(out), _settings(dataset, model, training, seed)
    if classifier is not None:
        settings["classifier"] = classifier.description["sha256"]
        dataset = with_class_names(dataset, classifier.num_classes)
    check_launch(launch)
    with ExitStack() as held:
        if is_first_process():
            resumed = resume and run.is_dir()
            if not resumed:
                check_target(out, overwrite=overwrite)
            with _writing(run, DataError):
                held.enter_context(_alone(run))
            if resumed and _already_saved(out, settings):
                _clear_up(run)
                return out
            check_target(out, overwrite=overwrite)
            with _writing(run, DataError):
                _prepare(run, settings, resume)
        with _writing(run, DataError), _forgotten_if_refused(run):
            trained = train_models(
                dataset,
                run,
                model=model,
                training=training,
                seed=seed,
                launch=launch,
                classifier=classifier,
                on_epoch=on_epoch,
                on_progress=on_progress,
            )
        if is_first_process():
            device = resolve_device(launch.device)
            _finish(
                dataset, out, trained, training, seed, device, overwrite or resume, on_progress
            )
            _clear_up(run)
    return out


def check_not_training(out: Path) -> None:
    """Raise an error if a process trains the bundle of a folder.

    Args:
        out: The bundle's folder, which need not exist.

    Raises:
        ConfigError: If one does.
    """
    run = run_folder(out)
    if run.is_dir():
        with _alone(run):
            pass


def run_folder(out: Path) -> Path:
    """Return the folder that keeps the state of a bundle's training."""
    return out.parent / f".{out.name}.run"


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Create a run folder and hold its lock, which ends with this process.

    Raises:
        ConfigError: If another process holds it.
    """
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"Another process trains in `{run}`. Wait until it ends or stop it, then continue "
            "with --resume."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _settings(
    dataset: Dataset, model: ClusterVAEConfig, training: TrainingConfig, seed: int
) -> dict[str, object]:
    """Collect the settings that determine the weights, flat and as JSON returns them."""
    configs = {"model": asdict(model), "training": asdict(training)}
    flat = {f"{kind}.{key}": value for kind, of in configs.items() for key, value in of.items()}
    return json.loads(json.dumps({"data": dataset.sha256, "seed": seed, **flat}))


def _already_saved(out: Path, settings: dict[str, object]) -> bool:
    """Return whether a training was stopped after its bundle was saved."""
    try:
        manifest = read_manifest(out)
    except BundleError:
        return False
    configs = {
        f"{kind}.{key}": value
        for kind in ("model", "training")
        for key, value in manifest.configs.get(kind, {}).items()
    }
    saved = {"data": manifest.dataset.sha256, "seed": manifest.seed, **configs}
    if adopted := manifest.configs.get("adopted", {}).get("class_probs"):
        saved["classifier"] = adopted.get("sha256")
    return json.loads(json.dumps(saved)) == settings


def _prepare(run: Path, settings: dict[str, object], resume: bool) -> None:
    """Make the run folder, or check that it belongs to the same training."""
    file = run / RUN
    if not resume and any(entry.name != LOCK for entry in run.iterdir()):
        raise ConfigError(
            f"An unfinished training is in `{run}`. Continue with --resume, or delete it to start "
            f"again: rm -r '{run}'"
        )
    if not file.exists():
        with atomic_write(file) as content:
            content.write(json.dumps(settings, indent=1).encode())
        return
    try:
        found = present_names(dict(json.loads(file.read_text())))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"`{file}` is damaged ({error}). Delete `{run}` to start again."
        ) from error
    other = [
        f"`{name}` was {found.get(name)!r}, now {settings.get(name)!r}"
        for name in {**found, **settings}
        if found.get(name) != settings.get(name)
    ]
    if other:
        raise ConfigError(
            f"The training in `{run}` has other settings: {'; '.join(other)}. Continue with "
            f"the same, or delete it to start again: rm -r '{run}'"
        )


def _clear_up(run: Path) -> None:
    """Remove the state of a training whose bundle is complete."""
    with _writing(run, DataError):
        shutil.rmtree(run)


@contextmanager
def _forgotten_if_refused(run: Path) -> Iterator[None]:
    """Remove the run folder of a training that was refused before its first stage ended."""
    try:
        yield
    except ConfigError:
        if is_first_process() and {file.name for file in run.iterdir()} <= {RUN, LOCK}:
            _clear_up(run)
        raise


@contextmanager
def _writing(place: Path, kind: type[BundleError] | type[DataError]) -> Iterator[None]:
    """Turn an `OSError` into an error that names the file and the fix."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise kind(
            f"Cannot write `{error.filename or place}`: {reason}. Make room or choose a place "
            "that can be written, then continue with --resume."
        ) from error


def _finish(
    dataset: Dataset,
    out: Path,
    trained: Trained,
    training: TrainingConfig,
    seed: int,
    device: torch.device,
    overwrite: bool,
    on_progress: Callable[[Progress], None],
) -> None:
    """Evaluate the trained models, build the index and save the bundle."""
    model = trained.model.to(device)
    classifier = None if trained.classifier is None else trained.classifier.to(device)
    started = time.perf_counter()
    on_progress(Progress(EVALUATION, 0, 1))
    encodings = tuple(
        encode_dataset(model, part.images, device=device, seed=seed)
        for part in (dataset.train, dataset.test)
    )
    predicted = predicted_classes(classifier, dataset, device)
    names = _cluster_labels(dataset, encodings[0], model.config.num_clusters)
    metrics: dict[str, object] = {"cluster_labels": names}
    for split, encoding, classes in zip(("train", "test"), encodings, predicted, strict=True):
        metrics[split] = evaluate(
            model,
            classifier,
            dataset,
            split,
            device=device,
            cluster_labels=names,
            encoding=encoding,
            predicted=classes,
            seed=seed,
            num_reconstructed_images=training.scored_images,
            num_likelihood_images=training.likelihood_images if split == "test" else 0,
        ).as_dict()
    steps = {f"{stage}_steps": trained.steps.get(stage) for stage in (VAE, CLASSIFIER)}
    health = score_health(
        model, classifier, dataset, device=device, num_images=training.scored_images
    )
    metrics["health"] = health | steps
    evaluated = time.perf_counter()
    on_progress(Progress(EVALUATION, 1, 1))
    on_progress(Progress(INDEX, 0, 1))
    shown = slice(training.indexed_train_images)
    index, quality = build_index(
        model,
        classifier,
        replace(dataset, train=dataset.train.part(shown)),
        device=device,
        seed=seed,
        encodings=(encodings[0].part(shown), encodings[1]),
        predicted=(predicted[0][shown], predicted[1]),
        max_fitted=training.map_images,
    )
    metrics["map"] = asdict(quality)
    places = index.loc[index["split"] == "train", ["umap_x", "umap_y"]].to_numpy()
    replay = lay_out_replay(trained.codes, places, seed=seed)
    metrics["critic"] = _critic_metrics(
        dataset.test.images[: training.scored_images][:CRITIC_IMAGES],
        trained,
        dataset.mean_image,
        device,
        seed,
    )
    indexed = time.perf_counter()
    on_progress(Progress(INDEX, 1, 1))
    spent = {EVALUATION: evaluated - started, INDEX: indexed - evaluated}
    with _writing(out, BundleError):
        save_bundle(
            out,
            model=model.cpu(),
            classifier=None if classifier is None else classifier.cpu(),
            critics={name: critic.cpu() for name, critic in trained.critics.items()},
            index=index,
            replay=replay,
            history=pd.DataFrame([asdict(row) for row in trained.history]),
            dataset=dataset,
            configs={"model": asdict(model.config), "training": asdict(training)},
            metrics=metrics,
            seed=seed,
            device=str(device),
            seconds=trained.seconds | spent,
            overwrite=overwrite,
        )


def _critic_metrics(
    images: ByteImages, trained: Trained, neutral: Images, device: torch.device, seed: int
) -> dict[str, dict[str, float]]:
    """Score each critic on test images, by the name of what it explains."""
    of = {"classifier": trained.classifier, "cluster": trained.model.cluster_logits}
    return {
        name: score_critic(
            critic.to(device),
            images,
            forward=of[name],  # type: ignore[arg-type]  # None has no critic
            reconstruct=trained.model.reconstruct,
            neutral=neutral,
            device=device,
            seed=seed,
        ).as_dict()
        for name, critic in trained.critics.items()
    }


def _cluster_labels(dataset: Dataset, train: Encoding, num_clusters: int) -> list[int]:
    if dataset.train.labels is None:
        return [-1] * num_clusters
    return fit_cluster_labels(train.clusters, dataset.train.labels, num_clusters).tolist()
