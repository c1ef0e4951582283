"""The stages of a training, and what it reports while it runs."""

import math
from dataclasses import dataclass

__all__ = [
    "CLASSIFIER",
    "CRITIC",
    "EVALUATION",
    "INDEX",
    "PSEUDO_LABELS",
    "STAGES",
    "SURROGATE",
    "VAE",
    "EpochMetrics",
    "Progress",
    "Stage",
    "stage_title",
]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One row of the table of stages.

    Attributes:
        title: Shown to users.
        milliseconds: Time per image and epoch, measured with the default preset on 2 CPU cores.
    """

    title: str
    milliseconds: float


PSEUDO_LABELS, VAE, CLASSIFIER = "assign", "vae", "classifier"
SURROGATE, CRITIC, EVALUATION, INDEX = "surrogate", "critic", "evaluation", "index"
"""Names of the stages in histories, events and `seconds`."""
STAGES = {
    PSEUDO_LABELS: Stage(title="Pseudo-labels", milliseconds=1.96),
    VAE: Stage(title="Cluster VAE", milliseconds=1.08),
    CLASSIFIER: Stage(title="Classifier", milliseconds=0.44),
    SURROGATE: Stage(title="Critic's surrogate", milliseconds=0.20),
    CRITIC: Stage(title="Critics", milliseconds=1.12),
    EVALUATION: Stage(title="Evaluation", milliseconds=0.88),
    INDEX: Stage(title="Map of all images", milliseconds=1.12),
}
"""All stages in their order."""


def stage_title(name: str) -> str:
    """Return the title of a stage; for an unknown stage, its name."""
    return STAGES[name].title if name in STAGES else name


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """One row of the history: means over the epoch's scored images; terms of the bound in nats."""

    stage: str
    epoch: int
    epochs: int
    loss: float
    seconds: float
    elbo: float = math.nan
    reconstruction: float = math.nan
    expected_log_prior: float = math.nan
    kl_c: float = math.nan
    entropy_z: float = math.nan
    cluster_information: float = math.nan
    accuracy: float = math.nan
    nmi: float = math.nan
    ari: float = math.nan

    def collapsed(self, num_clusters: int) -> bool:
        """Return whether I(c; x) is below half of ln K nats."""
        return self.cluster_information < 0.5 * math.log(num_clusters)


@dataclass(frozen=True)
class Progress:
    """How far a stage has come: `done` of `total` steps."""

    stage: str
    done: int
    total: int
