"""The settings of a training, and the presets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from .._arguments import check_fields
from .._moved import renamed
from ..errors import ConfigError
from ..image_spec import ImageSpec
from ..models.config import ClusterVAEConfig
from .presets import PRESET_TABLE, Preset

__all__ = [
    "PRESETS",
    "CriticTraining",
    "TrainingConfig",
    "settings_for",
]

FEWEST = 1_000
"""Least number of images to map and score, even with fewer train images."""
FEWEST_ESTIMATES = 50
"""Least number of images whose likelihood is estimated because they are large."""
MNIST = ImageSpec()


@dataclass(frozen=True, kw_only=True)
class CriticTraining:
    """Settings of the critics' training.

    Attributes:
        train_images: Largest number of train images for surrogate and critics.
        surrogate_epochs: Number of epochs of the critics' surrogate.
        epochs: Number of epochs of the critics.
        min_steps: Minimum number of steps of surrogate and critics, as in `TrainingConfig`.
        surrogate_learning_rate: Peak of the one-cycle schedule of the surrogate.
        learning_rate: Peak of the one-cycle schedule of the critics.
        other_targets: Share of the images for which the critic is asked about a target other than
            the decision.
        other_weight: Weight of these images' loss, relative to 1 for all other images.
        swap_weight: Weight of the term that applies the mask to another image, whose decision must
            remain visible.
        fill_weight: Weight of the term that keeps the explained function's decision when all
            pixels but the marked ones are filled in.
        removal_weight: Weight of the term that loses the decision when the top-ranked pixels are
            filled in, and that lets another target win when its lowest-ranked pixels are.
        smooth_weight: Weight of the mask's total variation.
    """

    train_images: int = 60_000
    surrogate_epochs: int = 3
    epochs: int = 4
    min_steps: int = 1
    surrogate_learning_rate: float = 3e-3
    learning_rate: float = 3e-3
    other_targets: float = 0.25
    other_weight: float = 0.05
    swap_weight: float = 1.0
    fill_weight: float = 0.1
    removal_weight: float = 0.2
    smooth_weight: float = 0.02

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        check_fields(self)
        for name in ("train_images", "surrogate_epochs", "epochs", "min_steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        for name in ("surrogate_learning_rate", "learning_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be in (0, 1), got {getattr(self, name)}.")
        if not 0 <= self.other_targets < 1:
            raise ConfigError(f"`other_targets` must be in [0, 1), got {self.other_targets}.")
        weights = [entry.name for entry in fields(self) if entry.name.endswith("_weight")]
        for name in weights:
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"`{name}` must be at least 0, got {getattr(self, name)}.")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of the training.

    Attributes:
        epochs: Number of epochs of the cluster VAE; if stated, every `min_steps` is 1 by default.
        classifier_epochs: Number of epochs of the classifier; likewise.
        min_steps: Minimum number of steps of the cluster VAE. If the epochs give fewer, batches
            shrink and then epochs increase, see `EpochLoop`; 1 changes neither.
        classifier_min_steps: Minimum number of steps of the classifier, likewise.
        batch_size: Largest number of images per step, over all processes.
        learning_rate: Peak of the one-cycle schedule of the cluster VAE.
        classifier_learning_rate: Peak of the one-cycle schedule of the classifier.
        pseudo_label_weight: Weight of the cross entropy to the pseudo-labels, in nats per image of
            the bound; 0 trains on the bound alone, without pseudo-labels.
        agreement_weight: Weight of the cross entropy of the mixture's p(c|z) to q(c|x), so that
            both name the same cluster.
        sample_weight: Weight of the cross entropy of q(c|g(z)) to c, for z drawn from p(z|c), so
            that samples show their cluster. It changes decoder and prior, not q(c|x).
        cluster_samples: 0 for the exact sum over clusters of log p(x|z, c), which decodes each
            code once per cluster if the decoder is conditioned on c; 1 for one cluster drawn from
            q(c|x).
        pseudo_label_images: Number of images on which the pseudo-labels are fitted; all other
            images take the mean of their neighbours.
        train_images: Number of train images used, the first ones; None for all.
        indexed_train_images: Number of train images in the index and on the map, the first ones;
            None for all. An index takes 1.4 MB per 10,000 images with 16 latents.
        map_images: Number of images on which the map is fitted; all other images are placed by
            their neighbours.
        scored_images: Number of images per split reconstructed for the scores, and of test images
            (at most 2,000) on which critics are scored; None for all.
        likelihood_images: Number of test images whose log likelihood is estimated at the end.
        critic: Settings of the critics' training; None trains none.
    """

    epochs: int = 10
    classifier_epochs: int = 12
    min_steps: int = 1
    classifier_min_steps: int = 1
    batch_size: int = 256
    learning_rate: float = 2e-3
    classifier_learning_rate: float = 3e-3
    pseudo_label_weight: float = 50.0
    agreement_weight: float = 0.0
    sample_weight: float = 0.0
    cluster_samples: int = 0
    pseudo_label_images: int = 60_000
    train_images: int | None = None
    indexed_train_images: int | None = None
    map_images: int = 100_000
    scored_images: int | None = None
    likelihood_images: int = 500
    critic: CriticTraining | None = CriticTraining()

    def __post_init__(self) -> None:
        """Raise an error for settings outside their range."""
        check_fields(self)
        for name in (
            "epochs",
            "classifier_epochs",
            "min_steps",
            "classifier_min_steps",
            "batch_size",
            "pseudo_label_images",
            "map_images",
            "likelihood_images",
        ):
            if getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be at least 1, got {getattr(self, name)}.")
        for name in ("train_images", "indexed_train_images", "scored_images"):
            found, least = getattr(self, name), 1 if name == "scored_images" else 2
            if found is not None and found < least:
                raise ConfigError(f"`{name}` must be at least {least}, got {found}.")
        for name in ("learning_rate", "classifier_learning_rate"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"`{name}` must be in (0, 1), got {getattr(self, name)}.")
        for name in ("pseudo_label_weight", "agreement_weight", "sample_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"`{name}` must be at least 0, got {getattr(self, name)}.")
        if self.cluster_samples not in (0, 1):
            raise ConfigError(f"`cluster_samples` must be 0 or 1, got {self.cluster_samples}.")


TrainingConfig.__init__ = renamed(  # type: ignore[method-assign]
    guess_weight="pseudo_label_weight", guess_images="pseudo_label_images"
)(TrainingConfig.__init__)


def _preset(preset: Preset) -> tuple[ClusterVAEConfig, TrainingConfig]:
    critic = CriticTraining(**preset.critic)
    return ClusterVAEConfig(**preset.model), TrainingConfig(**preset.training, critic=critic)


PRESETS = {name: _preset(preset) for name, preset in PRESET_TABLE.items()}
"""Settings of the cluster VAE and of its training, by the name of the preset."""


def settings_for(
    preset: str,
    *,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    critic: Mapping[str, Any],
    image: ImageSpec = MNIST,
) -> tuple[ClusterVAEConfig, TrainingConfig]:
    """Override settings of a preset; a setting that is None keeps the preset's value.

    A stage whose epochs are given trains for exactly these: its minimum number of steps becomes 1.
    Given epochs of the cluster VAE set that of all stages to 1. A given number of train images
    also limits map, scores and likelihood (the first two to no less than `FEWEST`), unless their
    sizes are given too. Of images larger than MNIST's, fewer get an estimate of their likelihood,
    so that it costs the same, but not fewer than `FEWEST_ESTIMATES`.

    Args:
        preset: Key of `PRESETS`.
        model: Settings of `ClusterVAEConfig`.
        training: Settings of `TrainingConfig`.
        critic: Settings of `CriticTraining`.
        image: Form of the images. Photographs get a Gaussian likelihood with one learned variance
            unless another is given.

    Raises:
        ConfigError: If the preset is unknown or a setting is out of its range.
    """
    if preset not in PRESETS:
        raise ConfigError(f"`preset` must be one of {', '.join(PRESETS)}, got {preset!r}.")
    usual_model, usual = PRESETS[preset]
    given, given_critic = _stated(training), _stated(critic)
    given_model = _stated(model)
    if image.look == "natural":
        given_model.setdefault("likelihood", "gaussian")
    affordable = round(usual.likelihood_images * math.prod(MNIST.shape) / math.prod(image.shape))
    estimated = min(usual.likelihood_images, max(affordable, FEWEST_ESTIMATES))
    if "epochs" in given:
        given.setdefault("min_steps", 1)
    if "classifier_epochs" in given or "epochs" in given:
        given.setdefault("classifier_min_steps", 1)
    if given_critic.keys() & {"epochs", "surrogate_epochs"} or "epochs" in given:
        given_critic.setdefault("min_steps", 1)
    if "train_images" in given:
        most = given["train_images"]
        given.setdefault("map_images", min(usual.map_images, max(most, FEWEST)))
        given.setdefault("scored_images", max(most, FEWEST))
        given.setdefault("likelihood_images", min(estimated, max(most, 1)))
    given.setdefault("likelihood_images", estimated)
    critics = None if usual.critic is None else replace(usual.critic, **given_critic)
    return replace(usual_model, **given_model), replace(usual, **given, critic=critics)


def _stated(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}
