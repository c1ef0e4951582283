"""The table of stages: names, titles, times, and the images each stage works on.

Runners are not in the table: `train_models` in `sequence.py` calls them (`train` in
`pipeline.py` the last two), since each takes what earlier ones return, and the command line and
the Train page read titles before torch is imported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..steps import plan_epochs

if TYPE_CHECKING:
    from ...data.dataset import Dataset
    from ...models.config import ClusterVAEConfig
    from ..config import CriticTraining, TrainingConfig

__all__ = [
    "CLASSIFIER",
    "CRITIC",
    "EVALUATION",
    "INDEX",
    "PSEUDO_LABELS",
    "STAGES",
    "SURROGATE",
    "VAE",
    "Planned",
    "Stage",
    "expected_seconds",
    "stage_title",
]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A training that is planned."""

    dataset: "Dataset"
    model: "ClusterVAEConfig"
    training: "TrainingConfig"

    @property
    def images(self) -> int:
        """The number of train images that the stages see."""
        return min(len(self.dataset.train), self.training.train_images or len(self.dataset.train))

    @property
    def has_labels(self) -> bool:
        """Whether a classifier will be trained."""
        return self.dataset.train.labels is not None

    def passes(self, count: int, epochs: int, min_steps: int) -> int:
        """Return the number of images, counted once per epoch."""
        return count * plan_epochs(count, epochs, self.training.batch_size, min_steps)[0]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One row of the table of stages.

    Attributes:
        title: Shown to users.
        milliseconds: Time per image and epoch, for grey images of 28 x 28 pixels; measured with
            the default preset on 2 CPU cores.
        work: Returns the number of images that pass through the stage, counted once per epoch;
            None if the training leaves the stage out.
        per_pixel: Whether the time is proportional to the number of pixels of an image.
    """

    title: str
    milliseconds: float
    work: Callable[[Planned], int | None]
    per_pixel: bool = True


def _pseudo_labels(plan: Planned) -> int | None:
    wanted = plan.training.pseudo_label_weight > 0 and plan.model.num_clusters > 1
    return min(plan.images, plan.training.pseudo_label_images) if wanted else None


def _vae(plan: Planned) -> int:
    return plan.passes(plan.images, plan.training.epochs, plan.training.min_steps)


def _classifier(plan: Planned) -> int | None:
    epochs, min_steps = plan.training.classifier_epochs, plan.training.classifier_min_steps
    return plan.passes(plan.images, epochs, min_steps) if plan.has_labels else None


def _surrogate(plan: Planned) -> int | None:
    critic = _critic_training(plan)
    return _critic_passes(plan, critic, critic.surrogate_epochs) if critic else None


def _critic(plan: Planned) -> int | None:
    critic = _critic_training(plan)
    return _critic_passes(plan, critic, critic.epochs) if critic else None


def _critic_training(plan: Planned) -> "CriticTraining | None":
    """Return the settings of the critics; None if no function will have two outputs."""
    return plan.training.critic if plan.model.num_clusters > 1 or plan.has_labels else None


def _critic_passes(plan: Planned, critic: "CriticTraining", epochs: int) -> int:
    return plan.passes(min(plan.images, critic.train_images), epochs, critic.min_steps)


def _evaluation(plan: Planned) -> int:
    sizes = (len(plan.dataset.train), len(plan.dataset.test))
    return sum(min(size, plan.training.scored_images or size) for size in sizes)


def _index(plan: Planned) -> int:
    return len(plan.dataset.train) + len(plan.dataset.test)


PSEUDO_LABELS, VAE, CLASSIFIER = "assign", "vae", "classifier"
SURROGATE, CRITIC, EVALUATION, INDEX = "surrogate", "critic", "evaluation", "index"
"""Names of the stages in histories, events and `seconds`."""
STAGES = {
    PSEUDO_LABELS: Stage(title="Pseudo-labels", milliseconds=2.4, work=_pseudo_labels),
    VAE: Stage(title="Cluster VAE", milliseconds=1.06, work=_vae),
    CLASSIFIER: Stage(title="Classifier", milliseconds=0.41, work=_classifier),
    SURROGATE: Stage(title="Critic's surrogate", milliseconds=0.34, work=_surrogate),
    CRITIC: Stage(title="Critics", milliseconds=1.95, work=_critic),
    EVALUATION: Stage(title="Evaluation", milliseconds=1.64, work=_evaluation),
    INDEX: Stage(title="Map of all images", milliseconds=1.08, work=_index, per_pixel=False),
}
"""All stages in their order."""


def stage_title(name: str) -> str:
    """Return the title of a stage; for an unknown stage, its name."""
    return STAGES[name].title if name in STAGES else name


def expected_seconds(
    dataset: "Dataset", model: "ClusterVAEConfig", training: "TrainingConfig"
) -> dict[str, float]:
    """Estimate the seconds of each stage that a training will have, on 2 CPU cores."""
    plan = Planned(dataset=dataset, model=model, training=training)
    work = [stage.work(plan) for stage in STAGES.values()]
    larger = dataset.spec.pixels / 784
    return {
        name: images * stage.milliseconds / 1000 * (larger if stage.per_pixel else 1.0)
        for (name, stage), images in zip(STAGES.items(), work, strict=True)
        if images is not None
    }
