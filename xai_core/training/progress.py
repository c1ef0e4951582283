"""What a training reports while it runs."""

import math
from dataclasses import dataclass

__all__ = ["EpochMetrics", "Progress"]


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
