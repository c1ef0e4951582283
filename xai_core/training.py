"""Training of everything a bundle holds, without labels except for the classifier.

Stages, each resumed at its last finished epoch:

    assign      a first guess of the clusters from the images' neighbour graph
    vae         the bound on clean images, and q(c|x) of deformed images towards the guess
    classifier  the independent CNN, with labels; it never meets the cluster VAE
    surrogate   what classifier and q(c|x) would say from a few pixels, on random masks
    critic      the critics of both, against the surrogate and the frozen models

The cluster VAE's stages are handed images alone: no label can reach them. `accuracy`, `nmi` and
`ari` in the history are computed beside them, for information.
"""

import functools
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ._types import ByteImages, Images, Latents, Logits, Probs
from .assignment import assign_clusters
from .data.augmentation import deform
from .data.images import to_float
from .data.sources import Dataset
from .encoding import Encoding, encode_dataset
from .errors import ConfigError, TrainingDivergedError
from .evaluation import cluster_accuracy, cluster_information, fit_cluster_labels
from .explain.critic import Critic, CriticConfig
from .explain.critic_training import CriticTraining, train_critics
from .model.classifier import Classifier
from .model.vae import ClusterVAE, ClusterVAEConfig
from .runtime import Launch, epoch_generator, losses_named, make_fabric, memory_named
from .training_state import TrainingState, read_state, write_state

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["PRESETS", "EpochMetrics", "Progress", "Trained", "TrainingConfig", "train_models"]

logger = logging.getLogger(__name__)

Module = TypeVar("Module", bound=nn.Module)

PIXELS = 784
KEPT_WEIGHT = 0.2
"""Of the reconstruction's cluster against the deformed image's."""
TERMS = ("reconstruction", "prior_alignment", "kl_c", "entropy_z")
SAMPLE_OF_EPOCH = 10_000
"""Train images scored after each epoch."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How everything is trained.

    Attributes:
        epochs: Of the cluster VAE.
        classifier_epochs: Of the classifier.
        batch_size: Images a step, over all processes.
        learning_rate: Peak of the one-cycle schedule of the cluster VAE.
        classifier_learning_rate: Peak of the one-cycle schedule of the classifier.
        guess_weight: Nats an image that the cross entropy to the first guess weighs against the
            bound; 0 trains on the bound alone and makes no guess.
        guess_images: Images the first guess is fitted on; the others follow their neighbours.
        train_images: Train images used; None for all.
        map_images: Images the map is fitted on; the others are placed by their neighbours.
        likelihood_images: Test images whose log likelihood is estimated at the end.
        critic: How the critics are trained; None trains none.
    """

    epochs: int = 10
    classifier_epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 2e-3
    classifier_learning_rate: float = 3e-3
    guess_weight: float = 50.0
    guess_images: int = 60_000
    train_images: int | None = None
    map_images: int = 100_000
    likelihood_images: int = 500
    critic: CriticTraining | None = CriticTraining()  # noqa: RUF009  frozen

    def __post_init__(self) -> None:
        """Refuse settings outside their range."""
        for name in (
            "epochs",
            "classifier_epochs",
            "batch_size",
            "guess_images",
            "map_images",
            "likelihood_images",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        if self.train_images is not None and self.train_images < 2:
            raise ConfigError(f"`train_images` must be at least 2, got {self.train_images}.")
        for name in ("learning_rate", "classifier_learning_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be in (0, 1), got {getattr(self, name)}.")
        if not 0 <= self.guess_weight < math.inf:
            raise ConfigError(f"`guess_weight` must be at least 0, got {self.guess_weight}.")


PRESETS: dict[str, tuple[ClusterVAEConfig, TrainingConfig]] = {
    "default": (ClusterVAEConfig(), TrainingConfig()),
    "pure_elbo": (
        ClusterVAEConfig(channels=(16, 32, 32), decoder_channels=(16, 16, 32)),
        TrainingConfig(
            epochs=4,
            classifier_epochs=2,
            train_images=20_000,
            guess_weight=0.0,
            critic=CriticTraining(surrogate_epochs=2, epochs=1),
        ),
    ),
    "density": (ClusterVAEConfig(latent_dim=40), TrainingConfig(epochs=40)),
    "smoke": (
        ClusterVAEConfig(channels=(16, 32, 32), decoder_channels=(16, 16, 32), hidden=96),
        TrainingConfig(
            epochs=2,
            classifier_epochs=1,
            guess_images=2_000,
            train_images=10_000,
            map_images=1_000,
            likelihood_images=50,
            critic=CriticTraining(surrogate_epochs=1, epochs=1, train_images=3_000),
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """One row of the history: means over the epoch's scored images, in nats where in nats."""

    stage: str
    epoch: int
    epochs: int
    loss: float
    seconds: float
    elbo: float = math.nan
    reconstruction: float = math.nan
    prior_alignment: float = math.nan
    kl_c: float = math.nan
    entropy_z: float = math.nan
    cluster_information: float = math.nan
    accuracy: float = math.nan
    nmi: float = math.nan
    ari: float = math.nan

    def collapsed(self, num_clusters: int) -> bool:
        """Say whether the clusters tell less about the images than half of ln K nats."""
        return self.cluster_information < 0.5 * math.log(num_clusters)


@dataclass(frozen=True)
class Progress:
    """Where a stage is: `done` of `total` steps."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What training leaves behind for the bundle."""

    model: ClusterVAE
    classifier: Classifier | None
    critics: dict[str, Critic]
    """By the name of what each explains; none where there is nothing to decide."""
    history: tuple[EpochMetrics, ...]
    seconds: dict[str, float]
    """Of each stage, interrupted or not."""


class VAEObjective(nn.Module):
    """The loss of one batch, one module so that processes average its gradients."""

    def __init__(self, model: ClusterVAE, guess_weight: float) -> None:
        super().__init__()
        self.model = model
        self.guess_weight = guess_weight

    def forward(
        self, x: Images, eps: Latents, views: Images | None, guess: Probs | None
    ) -> Tensor:
        """Evaluate the loss by the pixel, in nats.

        It is -ELBO(x), and where there is a guess, `guess_weight` times the cross entropies of
        q(c|views) to the guess and of q(c|g(z)) to q(c|x): deformed images and reconstructions
        keep their cluster. The second bounds the mutual information of cluster and reconstruction
        (InfoGAN, Chen et al., 2016); a quarter of the batch is decoded for it, to save time.
        """
        posterior = self.model.encode(x)
        z = posterior.mean + torch.exp(0.5 * posterior.log_var) * eps
        loss = -self.model.terms(posterior, x, z).elbo.mean()
        if views is not None and guess is not None:
            kept = slice(0, math.ceil(len(x) / 4))
            probs = posterior.cluster_probs[kept].detach()
            decoded = self.model.decode(posterior.mean[kept], probs)
            logits = self.model.cluster_logits(torch.cat([views, decoded]))
            of_views = functional.cross_entropy(logits[: len(x)], guess)
            of_decoded = functional.cross_entropy(logits[len(x) :], probs)
            loss = loss + self.guess_weight * (of_views + KEPT_WEIGHT * of_decoded)
        return loss / PIXELS


class ClassifierObjective(nn.Module):
    """Cross entropy of the classifier, in nats an image."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Images, labels: Tensor) -> Tensor:
        """Evaluate the mean over the batch."""
        return functional.cross_entropy(self.classifier(x).float(), labels)


def train_models(
    dataset: Dataset,
    run: Path,
    *,
    model: ClusterVAEConfig,
    training: TrainingConfig,
    seed: int = 0,
    launch: Launch | None = None,
    on_epoch: Callable[[EpochMetrics], None] = lambda _: None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Train the cluster VAE, and the classifier where there are labels.

    Args:
        dataset: What to train on; its test split is not touched.
        run: Folder of the state; finished stages and epochs found there are not done again.
        model: What the cluster VAE is.
        training: How it is trained.
        seed: Of weights, order, noise and deformations.
        launch: Devices and processes; one process on the best device where None.
        on_epoch: Told after each epoch.
        on_progress: Told some twenty times an epoch.

    Returns:
        The trained models on the CPU, in evaluation mode.

    Raises:
        ConfigError: If the batch does not divide among the processes, or there are too few images.
        TrainingDivergedError: If the loss left the finite numbers; the state of the last finished
            epoch stays in `run`, here and below.
        OutOfMemoryError: If a batch does not fit.
        ProcessLostError: If one of several processes ended before the others.
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
    loop = _Loop(fabric, run, seed, training.batch_size, on_epoch, on_progress)
    classifier, num_classes = None, len(dataset.class_names)
    with losses_named(fabric, f"What is finished is kept in {run}. Go on with --resume."):
        guess = _guess(loop, images, model, training)
        vae = _train_vae(loop, images, guess, labels, model, training)
        if labels is not None:
            classifier = _train_classifier(loop, images, labels, num_classes, training)
        critics = _train_critics(loop, images, vae, classifier, training.critic)
    return Trained(
        model=vae.cpu().eval(),
        classifier=None if classifier is None else classifier.cpu().eval(),
        critics={name: critic.cpu().eval() for name, critic in critics.items()},
        history=tuple(loop.history),
        seconds=loop.seconds,
    )


class _Loop:
    """One-cycle Adam over epochs, with state after each; the same for every stage."""

    def __init__(
        self,
        fabric: "Fabric",
        run: Path,
        seed: int,
        batch_size: int,
        on_epoch: Callable[[EpochMetrics], None],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.fabric = fabric
        self.run = run
        self.seed = seed
        self.batch_size = batch_size
        self.on_epoch = on_epoch
        self.on_progress = on_progress
        self.history: list[EpochMetrics] = []
        self.seconds: dict[str, float] = {}

    def fit(
        self,
        stage: str,
        objective: nn.Module,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        *,
        count: int,
        epochs: int,
        learning_rate: float,
        num_clusters: int,
        score: Callable[[], dict[str, float]],
    ) -> None:
        """Train `objective` on what `batches` makes of rows; resume where a state is found."""
        objective.to(self.fabric.device)  # before its moments, which nothing else would move
        optimizer = torch.optim.Adam(objective.parameters(), lr=learning_rate, fused=True)
        state = read_state(self.run, stage)
        rows = [EpochMetrics(**row) for row in state.rows] if state else []
        if state:
            state.restore(objective, optimizer)
        for row in rows:
            self.on_epoch(row)
        step: nn.Module = objective
        if self.fabric.device.type == "cuda":
            step = torch.compile(objective, mode="reduce-overhead")  # type: ignore[assignment]
        wrapped, optimizer = self.fabric.setup(step, optimizer)
        for epoch in range(len(rows), epochs):
            started = time.perf_counter()
            objective.train()
            schedule = _OneCycle(learning_rate, epoch, epochs, count // self._batch(count))
            with memory_named(f"stage '{stage}'", self._less()):
                loss = self._epoch(stage, epoch, count, wrapped, optimizer, batches, schedule)
            for weights in objective.parameters():  # a finite loss may have had no finite gradient
                self._check(weights.detach().sum(), stage, epoch)
            objective.eval()
            row = EpochMetrics(
                stage=stage,
                epoch=epoch + 1,
                epochs=epochs,
                loss=loss,
                **score(),
                seconds=time.perf_counter() - started,
            )
            rows.append(row)
            if self.fabric.is_global_zero:
                saved = TrainingState.of(objective, optimizer, [asdict(row) for row in rows])
                write_state(self.run, stage, saved)
            self.fabric.barrier()
            _warn_of_collapse(rows[-1], num_clusters)
            self.on_epoch(rows[-1])
        self.history += rows
        self.seconds[stage] = sum(row.seconds for row in rows)

    def _epoch(
        self,
        stage: str,
        epoch: int,
        count: int,
        wrapped: nn.Module,
        optimizer: torch.optim.Optimizer,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        schedule: "_OneCycle",
    ) -> float:
        """Take the steps of one epoch and return the mean loss."""
        device = self.fabric.device
        generator = epoch_generator(self.seed, stage, epoch, device)
        # dropout draws from the global generator, on each process of its own images
        torch.manual_seed(self.seed + epoch + 1_000_003 * self.fabric.global_rank)
        order = torch.randperm(count, generator=generator, device=device)
        size = self._batch(count)
        steps = count // size
        total = torch.zeros((), device=device)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule.at(step)
            batch = batches(order[step * size : (step + 1) * size], generator)
            loss = wrapped(*(self._share(part) for part in batch))
            self.fabric.backward(loss)
            self.fabric.clip_gradients(wrapped, optimizer, max_norm=1.0, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.detach()
            if step % max(1, steps // 20) == 0 or step == steps - 1:
                self._check(total, stage, epoch)
                self.on_progress(Progress(stage, epoch * steps + step + 1, schedule.total))
        return self.fabric.all_reduce(total / steps, reduce_op="mean").item()  # type: ignore[union-attr]

    def _batch(self, count: int) -> int:
        world = self.fabric.world_size
        return min(self.batch_size, count // world * world)

    def _share(self, part: Tensor | None) -> Tensor | None:
        if part is None:
            return None
        return part[self.fabric.global_rank :: self.fabric.world_size]

    def _check(self, total: Tensor, stage: str, epoch: int) -> None:
        if not torch.isfinite(total):
            kept = f"The state of the epoch before is kept in {self.run}. " if epoch else ""
            option = "`--learning-rate`" if stage == "vae" else "rate in its configuration"
            raise TrainingDivergedError(
                f"The loss of stage '{stage}' is not finite in epoch {epoch + 1}. "
                f"{kept}Train anew with a lower {option}."
            )

    def _less(self) -> str:
        return (
            f"Train anew with a `--batch-size` below {self.batch_size}, or go on with --resume "
            "and --device cpu."
        )


@dataclass(frozen=True)
class _OneCycle:
    """The one-cycle schedule (Smith & Topin, 2018): cosine up to the peak, cosine down to 0."""

    peak: float
    epoch: int
    epochs: int
    steps: int

    @property
    def total(self) -> int:
        return self.epochs * self.steps

    def at(self, step: int) -> float:
        """Return the learning rate at a step of this epoch."""
        time = (self.epoch * self.steps + step) / self.total
        rise = 0.25
        phase = time / rise if time < rise else 1 + (time - rise) / (1 - rise)
        return self.peak * (0.02 + 0.98 * 0.5 * (1 - math.cos(math.pi * phase)))


def _guess(
    loop: _Loop, images: ByteImages, model: ClusterVAEConfig, training: TrainingConfig
) -> Float[Tensor, "images clusters"] | None:
    """Make the first guess, once a run, on the first process."""
    if training.guess_weight == 0 or model.num_clusters == 1:
        return None
    loop.on_progress(Progress("assign", 0, 1))
    if loop.fabric.is_global_zero and read_state(loop.run, "assign") is None:
        started = time.perf_counter()
        probs = assign_clusters(
            images, model.num_clusters, sample=training.guess_images, seed=loop.seed
        )
        taken = {"seconds": time.perf_counter() - started}
        write_state(loop.run, "assign", TrainingState({"guess": probs}, [taken]))
    loop.fabric.barrier()
    state = read_state(loop.run, "assign")
    if state is None:
        raise ConfigError(
            f"This process does not see `{loop.run}`, which the first one writes. All machines "
            "must share the disk that `--out` is on."
        )
    loop.on_progress(Progress("assign", 1, 1))
    loop.seconds["assign"] = sum(row["seconds"] for row in state.rows)
    return state.tensors["guess"].to(loop.fabric.device)


def _train_vae(
    loop: _Loop,
    images: ByteImages,
    guess: Float[Tensor, "images clusters"] | None,
    labels: Tensor | None,
    model: ClusterVAEConfig,
    training: TrainingConfig,
) -> ClusterVAE:
    device = loop.fabric.device
    vae = _seeded(lambda: ClusterVAE(model), loop.seed)
    pixels = images.to(device)
    binary = model.likelihood == "bernoulli"

    def batches(rows: Tensor, generator: torch.Generator) -> tuple[Tensor | None, ...]:
        x = to_float(pixels[rows], device).contiguous(memory_format=torch.channels_last)
        eps = torch.randn(len(rows), model.latent_dim, generator=generator, device=device)
        views = deform(x, generator) if guess is not None else None
        seen = _half_binarised(x, generator) if binary else x
        return seen, eps, views, guess[rows] if guess is not None else None

    sample = slice(0, SAMPLE_OF_EPOCH)
    loop.fit(
        "vae",
        VAEObjective(vae, training.guess_weight),
        batches,
        count=len(images),
        epochs=training.epochs,
        learning_rate=training.learning_rate,
        num_clusters=model.num_clusters,
        score=lambda: _scores(
            encode_dataset(vae, images[sample], device=device),
            None if labels is None else labels[sample],
        ),
    )
    return vae


def _train_classifier(
    loop: _Loop, images: ByteImages, labels: Tensor, num_classes: int, training: TrainingConfig
) -> Classifier:
    device = loop.fabric.device
    classifier = _seeded(lambda: Classifier(num_classes), loop.seed + 1)
    pixels, targets = images.to(device), labels.to(device)

    def batches(rows: Tensor, generator: torch.Generator) -> tuple[Tensor | None, ...]:
        return deform(to_float(pixels[rows], device), generator), targets[rows]

    loop.fit(
        "classifier",
        ClassifierObjective(classifier),
        batches,
        count=len(images),
        epochs=training.classifier_epochs,
        learning_rate=training.classifier_learning_rate,
        num_clusters=1,
        score=dict,
    )
    return classifier


def _train_critics(
    loop: _Loop,
    images: ByteImages,
    vae: ClusterVAE,
    classifier: Classifier | None,
    training: CriticTraining | None,
) -> dict[str, Critic]:
    """Train a critic of each function that decides; it reads no label."""
    vae.eval().requires_grad_(False)
    explained: dict[str, Callable[[Images], Logits]] = {}
    if classifier is not None and classifier.num_classes > 1:
        explained["classifier"] = classifier.eval().requires_grad_(False)
    if vae.config.num_clusters > 1:
        explained["cluster"] = vae.cluster_logits
    if training is None or not explained:
        return {}
    return train_critics(
        images,
        explained=explained,
        reconstruct=vae.reconstruct,
        fit=functools.partial(loop.fit, num_clusters=1, score=dict),
        device=loop.fabric.device,
        config=CriticConfig(),
        training=training,
        seed=loop.seed,
    )


def _half_binarised(x: Images, generator: torch.Generator) -> Images:
    """Draw half of the images as binary ones, so that grey and binary ones are both at home."""
    noise = torch.rand(x.shape, generator=generator, device=x.device)
    drawn = torch.rand(len(x), 1, 1, 1, generator=generator, device=x.device) < 0.5
    return torch.where(drawn, (noise < x).to(x.dtype), x)


def _seeded(make: Callable[[], Module], seed: int) -> Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def _scores(encoding: Encoding, labels: Tensor | None) -> dict[str, float]:
    """Average the bound's terms and score the clusters of the images encoded."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    terms = encoding.terms
    scores = {name: getattr(terms, name).mean().item() for name in ("elbo", *TERMS)}
    probs = encoding.cluster_probs
    scores["cluster_information"] = cluster_information(probs)
    if labels is not None:
        clusters = probs.argmax(-1)
        fitted = fit_cluster_labels(clusters, labels, probs.shape[-1])
        scores["accuracy"] = cluster_accuracy(clusters, labels, fitted)
        scores["nmi"] = float(normalized_mutual_info_score(labels, clusters))
        scores["ari"] = float(adjusted_rand_score(labels, clusters))
    return scores


def _warn_of_collapse(row: EpochMetrics, num_clusters: int) -> None:
    if row.collapsed(num_clusters):
        logger.warning(
            "Cluster collapse: cluster_information is %.3f nats after epoch %d, below half of "
            "ln %d = %.3f. The clusters say little about the images.",
            row.cluster_information,
            row.epoch,
            num_clusters,
            math.log(num_clusters),
        )
