"""Log odds of a class at a code, according to the mixture prior.

An image that a classifier is sure of may still not look like the class. The mixture prior is
independent of the explained function and of labels, so it is a second opinion on the image's code:
take the responsibilities p(c|z) and translate clusters to classes by the explained function's
predictions on real images,

    p(t|z) = sum_c p(t|c) p(c|z),   p(t|c) = share of the real images of cluster c it calls t

If the function's classes are unrelated to the clusters, p(t|c) is flat and the constraint has no
effect.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import Logits
from ..models.prior import MixturePrior
from .reference import Reference

__all__ = [
    "ClusterPrior",
]

COUNTED = 1000
"""Real images that p(t|c) is estimated on."""
SOFTEST = 1e-3
"""Added to the shares, so that no cluster gives a class zero probability."""
BELOW_BEST = 0.5
"""Slack in log odds below the largest that the clusters can give."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterPrior:
    """Log odds of the classes under the mixture prior.

    Attributes:
        log_shares: log p(t|c) and log(1 - p(t|c)).
        most: Largest log odds of t that may be required, just below the attainable maximum.
    """

    log_shares: Float[Tensor, "classes 2 clusters"]
    most: Float[Tensor, " classes"]

    @classmethod
    def fit(cls, prior: MixturePrior, reference: Reference, classes: int) -> "ClusterPrior":
        """Estimate the class shares of each cluster from real images."""
        device = prior.mean.device
        rows = torch.linspace(0, len(reference.codes) - 1, min(COUNTED, len(reference.codes)))
        rows = rows.round().long()
        codes, called = reference.codes[rows].to(prior.mean), reference.classes[rows].to(device)
        with torch.no_grad():
            clusters = prior.log_joint(codes).argmax(-1)
        counts = prior.mean.new_zeros(classes, len(prior.mean)).detach()
        known = (called >= 0) & (called < classes)
        counts.index_put_((called[known], clusters[known]), counts.new_ones(()), accumulate=True)
        shares = (counts + SOFTEST) / (counts.sum(0) + classes * SOFTEST)
        others = (1 - shares).clamp(min=SOFTEST)
        best = shares.amax(1)
        return cls(
            log_shares=torch.stack([shares, others], 1).log(),
            most=(best / (1 - best).clamp(min=SOFTEST)).log() - BELOW_BEST,
        )

    def log_odds(
        self, log_joint: Logits, target: Int[Tensor, " batch"], wanted: float
    ) -> Float[Tensor, " batch"]:
        """Evaluate log p(t|z) / (1 - p(t|z)) minus the required log odds.

        Args:
            log_joint: log p(z, c) of the prior at z, for each c.
            target: t.
            wanted: Required log odds, capped at what the clusters can give.

        Returns:
            Values that are at least 0 where the requirement is met.
        """
        read = (log_joint.unsqueeze(1) + self.log_shares[target]).logsumexp(-1)
        return read[:, 0] - read[:, 1] - self.most[target].clamp(max=wanted)
