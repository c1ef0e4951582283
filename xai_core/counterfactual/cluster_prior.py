"""What the mixture reads in a code: the odds that it lies where a class lives.

An image that a classifier is sure of may still be no image of the class. The mixture prior knows
no labels and is not what is explained, so it gives a second opinion on the code that the image
is drawn from: find its cluster p(c|z), and translate clusters to classes by what the explained
function says about real images,

    p(t|z) = sum_c p(t|c) p(c|z),   p(t|c) = share of the real images of cluster c it calls t

Where the function's classes have nothing to do with the clusters, p(t|c) is flat and the opinion
is silent.
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
"""Added to the shares, so that no cluster excludes a class for certain."""
BELOW_BEST = 0.5
"""Log odds by which an opinion may fall short of the best the clusters can give."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterPrior:
    """The second opinion.

    Attributes:
        log_shares: log p(t|c) and log(1 - p(t|c)).
        most: Log odds of t up to which an opinion is asked for, just below the best there are.
    """

    log_shares: Float[Tensor, "classes 2 clusters"]
    most: Float[Tensor, " classes"]

    @classmethod
    def fit(cls, prior: MixturePrior, reference: Reference, classes: int) -> "ClusterPrior":
        """Count which classes the real images of each cluster have."""
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
        """Evaluate log p(t|z) / (1 - p(t|z)), less what is asked for.

        Args:
            log_joint: log p(z, c) of the prior at z, for each c.
            target: t.
            wanted: Log odds asked for, where the clusters can give as much.

        Returns:
            At least 0 where the opinion agrees.
        """
        read = (log_joint.unsqueeze(1) + self.log_shares[target]).logsumexp(-1)
        return read[:, 0] - read[:, 1] - self.most[target].clamp(max=wanted)
