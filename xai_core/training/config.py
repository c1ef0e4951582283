"""What a training is asked for: its settings and the presets."""

import math
from dataclasses import dataclass, fields

from ..errors import ConfigError
from ..models.vae import ClusterVAEConfig

__all__ = [
    "PRESETS",
    "CriticTraining",
    "TrainingConfig",
]


@dataclass(frozen=True, kw_only=True)
class CriticTraining:
    """How critics are trained.

    Attributes:
        train_images: Train images used at most.
        surrogate_epochs: Of the surrogate.
        epochs: Of the critics.
        surrogate_learning_rate: Peak of the one-cycle schedule of the surrogate.
        learning_rate: Peak of the one-cycle schedule of the critics.
        other_targets: Share of the images asked about another target than their decision.
        other_weight: Of those against the others.
        swap_weight: Of the mask's use on another image, whose decision must be seen through it.
        fill_weight: Of the explained function's own decision, kept by the pixels marked with
            all others filled in.
        removal_weight: Of that decision being lost where the pixels ranked first are filled in,
            and of another target winning where those ranked last for it are.
        smooth_weight: Of the mask's total variation.
    """

    train_images: int = 60_000
    surrogate_epochs: int = 3
    epochs: int = 4
    surrogate_learning_rate: float = 3e-3
    learning_rate: float = 3e-3
    other_targets: float = 0.25
    other_weight: float = 0.05
    swap_weight: float = 1.0
    fill_weight: float = 0.1
    removal_weight: float = 0.2
    smooth_weight: float = 0.02

    def __post_init__(self) -> None:
        """Refuse settings outside their range."""
        for name in ("train_images", "surrogate_epochs", "epochs"):
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
    critic: CriticTraining | None = CriticTraining()

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
