"""What a training reports while it runs."""

import math
from dataclasses import dataclass

__all__ = [
    "STAGES",
    "EpochMetrics",
    "Progress",
]


STAGES = {
    "assign": "First guess",
    "vae": "Cluster VAE",
    "classifier": "Classifier",
    "surrogate": "Critic's surrogate",
    "critic": "Critics",
    "evaluation": "Evaluation",
    "index": "Map of all images",
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
