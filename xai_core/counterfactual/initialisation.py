"""Start codes of a search that already lie in the target's part of the latent space."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .task import CounterfactualTask

__all__ = ["candidate_codes"]

NEIGHBOURS = 8


def candidate_codes(
    problem: CounterfactualTask, near: Int[Tensor, "batch count"] | None
) -> Float[Tensor, "batch candidates latent"] | None:
    """Propose codes of the target class, most promising first; None if none are known.

    With reference images: the mean of the nearest codes of the target class, then these codes,
    nearest first. With a mixture prior: the code transported from its cluster to every cluster, z'
    = (z - mu_s) sigma_c / sigma_s + mu_c.

    Args:
        problem: The counterfactual task.
        near: Rows of the reference, nearest first, from its `nearest_rows`.
    """
    proposed = []
    if problem.reference is not None and near is not None:
        codes = problem.reference.codes_at(near[:, :NEIGHBOURS], problem.codes)
        proposed += [codes.mean(1, keepdim=True), codes[:, :3]]
    if problem.prior is not None:
        proposed.append(_transported(problem))
    return torch.cat(proposed, 1) if proposed else None


def _transported(problem: CounterfactualTask) -> Float[Tensor, "batch clusters latent"]:
    """Transport each code from its own cluster to every cluster."""
    assert problem.prior is not None
    mean, scale = problem.prior.mean.detach(), problem.prior.scale.detach()
    source = problem.prior.responsibilities(problem.codes).argmax(-1)
    offset = (problem.codes - mean[source]) / scale[source].unsqueeze(1)
    return mean + offset.unsqueeze(1) * scale.unsqueeze(1)
