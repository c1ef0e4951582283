"""Training of everything a bundle holds, without labels except for the classifier.

Stages, each resumed at its last finished epoch:

    assign      pseudo-labels of the clusters from the images' neighbour graph
    vae         the bound on images, and the cross entropy of q(c|x) of deformed images to
                the pseudo-labels
    classifier  the CNN to explain, with labels and independently of the cluster VAE
    surrogate   predicts what classifier and q(c|x) decide from a few pixels, on random masks
    critic      the critics of both, against the surrogate and the frozen models

The cluster VAE's stages receive only images, so no label can reach them. `accuracy`, `nmi` and
`ari` in the history are only for information.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...data.dataset import Dataset
from ...errors import ConfigError
from ...latent_space.replay import EpochCodes
from ...models.classifier import Classifier
from ...models.config import ClusterVAEConfig
from ...models.critic import Critic
from ...models.vae import ClusterVAE
from ...runtime import Launch, make_fabric, report_lost_processes
from ..codes import read_codes
from ..config import TrainingConfig
from ..loop import EpochLoop
from ..progress import EpochMetrics, Progress
from .classifier import classifier_stage
from .critic import critic_stage
from .pseudo_labels import pseudo_label_stage
from .vae import vae_stage

__all__ = [
    "Trained",
    "train_models",
]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The trained models, their history, and the time and steps of each stage."""

    model: ClusterVAE
    classifier: Classifier | None
    critics: dict[str, Critic]
    """By the name of the explained function; empty if no function has two classes."""
    history: tuple[EpochMetrics, ...]
    seconds: dict[str, float]
    """Seconds of each stage, summed over interruptions."""
    steps: dict[str, int]
    """Number of steps of each stage that takes steps."""
    codes: dict[int, EpochCodes]
    """Codes of some train images, by epoch of the cluster VAE."""


def train_models(
    dataset: Dataset,
    run: Path,
    *,
    model: ClusterVAEConfig,
    training: TrainingConfig,
    seed: int = 0,
    launch: Launch | None = None,
    classifier: Classifier | None = None,
    on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train the cluster VAE, and the classifier where there are labels.

    Args:
        dataset: The data set; its test split is not used.
        run: Folder of the state; finished stages and epochs found there are not repeated.
        model: Settings of the cluster VAE.
        training: Settings of the training.
        seed: Seed of weights, order, noise and deformations.
        launch: Devices and processes; None for one process on the best device.
        classifier: The classifier to explain; None to train one.
        on_epoch: Called after each epoch.
        on_progress: Called about twenty times per epoch.

    Returns:
        The trained models on the CPU, in evaluation mode.

    Raises:
        ConfigError: If the batch does not divide among the processes, or there are too few images.
        TrainingDivergedError: If the loss is not finite; as with the errors below, the state of
            the last finished epoch stays in `run`.
        OutOfMemoryError: If a batch does not fit.
        ProcessLostError: If one of several processes ended too early.
    """
    launch = launch or Launch()
    fabric = make_fabric(launch)
    if training.batch_size % fabric.world_size:
        raise ConfigError(
            f"`batch_size` must be a multiple of the {fabric.world_size} processes, "
            f"got {training.batch_size}."
        )
    images = dataset.train.images[: training.train_images]
    labels = None if dataset.train.labels is None else dataset.train.labels[: len(images)]
    if len(images) < model.num_clusters:
        raise ConfigError(f"{len(images)} train images cannot form {model.num_clusters} clusters.")
    if training.pseudo_label_weight > 0 and training.pseudo_label_images < model.num_clusters:
        raise ConfigError(
            f"`pseudo_label_images` must be at least the {model.num_clusters} clusters, got "
            f"{training.pseudo_label_images}."
        )
    graphs = launch.cuda_graphs and launch.precision != "16-mixed"  # loss scaling synchronises
    loop = EpochLoop(fabric, run, seed, training.batch_size, on_epoch, on_progress, graphs)
    num_classes = len(dataset.class_names)
    with report_lost_processes(
        fabric, f"Finished stages are kept in {run}. Continue with --resume."
    ):
        pseudo_labels = pseudo_label_stage(loop, images, model, training, dataset.preprocessing)
        vae = vae_stage(
            loop, images, pseudo_labels, labels, model, training, dataset.preprocessing
        )
        if classifier is not None:
            classifier.to(fabric.device).requires_grad_(False)
        elif labels is not None:
            classifier = classifier_stage(
                loop, images, labels, num_classes, training, dataset.preprocessing
            )
        critics = critic_stage(loop, images, vae, classifier, training.critic, dataset.spec)
    return Trained(
        model=vae.cpu().eval(),
        classifier=None if classifier is None else classifier.cpu().eval(),
        critics={name: critic.cpu().eval() for name, critic in critics.items()},
        history=tuple(loop.history),
        seconds=loop.seconds,
        steps=loop.steps,
        codes=read_codes(run),
    )
