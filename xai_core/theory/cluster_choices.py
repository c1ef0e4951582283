"""The q(c|x) that maximises the bound, and the decomposition of KL(q(c|x) || p(c)).

For a fixed q(z|x) the bound L^ is largest at q*(c), proportional to
p(c) exp E_q(z|x)[log p(x|z, c) + log p(z|c)], and any other q(c|x) loses KL(q(c|x) || q*).
Averaged over images,

    mean KL(q(c|x) || p(c)) = I(c; x) + KL(mean q(c|x) || p(c))

which distinguishes two kinds of collapse: q(c|x) = 1/K for every image costs 0, one cluster for
every image costs ln K, and neither carries information about the image.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .._numbers import Number
from .._types import Probs
from ..models.distributions import categorical_kl_to_uniform
from .bounds import Draws, best_cluster_probs

__all__ = [
    "ClusterCost",
    "IdenticalGaussians",
    "cluster_choices",
    "cluster_cost",
    "loss_of_choice",
]


@dataclass(frozen=True, kw_only=True)
class ClusterCost:
    """The average of KL(q(c|x) || p(c)) over images, and its two parts, in nats.

    Attributes:
        paid: The average KL.
        information: I(c; x), the information about the image in the cluster.
        unevenness: KL(mean q(c|x) || p(c)), 0 where the clusters are used evenly.
    """

    paid: float
    information: float
    unevenness: float


@dataclass(frozen=True, kw_only=True)
class IdenticalGaussians:
    """A model whose code carries no information about the cluster, while the pixel does.

    Two clusters with p(z|1) = p(z|2) = q(z|x) and one binary image x: p(x|z, c) depends on c
    alone. Then q(c|z) = p(c|z) = 1/2 whatever z is, and L can lie below L^.

    Attributes:
        first: p(x|z, 1), in (0, 1).
        second: p(x|z, 2), in (0, 1).
        given_x: q(1|x), in [0, 1].
    """

    first: Number
    second: Number
    given_x: Number

    @property
    def log_evidence(self) -> float:
        """Evaluate log p(x), in nats."""
        return math.log((self.first + self.second) / 2)

    @property
    def upper(self) -> float:
        """Evaluate L, with q(c|z) = 1/2, in nats."""
        return (math.log(self.first) + math.log(self.second)) / 2

    @property
    def lower(self) -> float:
        """Evaluate L^, with q(c|x), in nats."""
        q = torch.tensor([[self.given_x, 1 - self.given_x]], dtype=torch.float64)
        log_likelihood = q.new_tensor([self.first, self.second]).log()
        return ((q * log_likelihood).sum() - categorical_kl_to_uniform(q)).item()

    @property
    def best(self) -> float:
        """Evaluate q*(1), the q(1|x) at which L^ is log p(x)."""
        return float(self.first / (self.first + self.second))


def cluster_choices(draws: Draws) -> dict[str, Probs]:
    """Evaluate choices of q(c|x) for a bound, by name.

    Args:
        draws: From `bounds.draw`.

    Returns:
        "encoder" (where the model has the branch), "average" of q(c|z), "unsure" (1/K),
        "certain" of the likeliest cluster of the average, and "best", q*.
    """
    average = draws.average
    found = {} if draws.encoder_probs is None else {"encoder": draws.encoder_probs}
    certain = torch.nn.functional.one_hot(average.argmax(-1), average.shape[-1])
    return found | {
        "average": average,
        "unsure": torch.full_like(average, 1 / average.shape[-1]),
        "certain": certain.to(average.dtype),
        "best": best_cluster_probs(draws),
    }


def loss_of_choice(draws: Draws, cluster_probs: Probs) -> Float[Tensor, " batch"]:
    """Evaluate KL(q(c|x) || q*), in nats: the loss of L^ against its best q(c|x)."""
    exponents = (draws.log_likelihood + draws.log_prior).mean(0)
    cross = (cluster_probs * exponents.log_softmax(-1)).sum(-1)
    return -torch.special.entr(cluster_probs).sum(-1) - cross


def cluster_cost(probs: Probs) -> ClusterCost:
    """Split the average KL(q(c|x) || p(c)) of some images into information and unevenness."""
    wide = probs.double()
    mean = wide.mean(0, keepdim=True)
    told = torch.special.entr(mean).sum() - torch.special.entr(wide).sum(-1).mean()
    return ClusterCost(
        paid=categorical_kl_to_uniform(wide).mean().item(),
        information=told.item(),
        unevenness=categorical_kl_to_uniform(mean).item(),
    )
