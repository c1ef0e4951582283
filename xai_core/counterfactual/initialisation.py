"""Start codes of a search that already lie in the target's part of the latent space."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .task import CounterfactualTask

__all__ = ["candidate_codes"]

NEIGHBOURS = 8


def candidate_codes(
    task: CounterfactualTask, near: Int[Tensor, "batch count"] | None
) -> Float[Tensor, "batch candidates latent"] | None:
    """Propose codes of the target class, most promising first; None if none are known.

    With reference images: the mean of the nearest codes of the target class, then these codes,
    nearest first. With a mixture prior: the code transported from its cluster to every cluster, z'
    = (z - mu_s) sigma_c / sigma_s + mu_c.

    Args:
        task: The counterfactual task.
        near: Rows of the reference, nearest first, from its `nearest_rows`.
    """
    proposed = []
    if task.reference is not None and near is not None:
        codes = task.reference.codes_at(near[:, :NEIGHBOURS], task.codes)
        proposed += [codes.mean(1, keepdim=True), codes[:, :3]]
    if task.prior is not None:
        proposed.append(_transported(task))
    return torch.cat(proposed, 1) if proposed else None


def _transported(task: CounterfactualTask) -> Float[Tensor, "batch clusters latent"]:
    """Transport each code from its own cluster to every cluster."""
    assert task.prior is not None
    mean, scale = task.prior.mean.detach(), task.prior.scale.detach()
    source = task.prior.responsibilities(task.codes).argmax(-1)
    offset = (task.codes - mean[source]) / scale[source].unsqueeze(1)
    return mean + offset.unsqueeze(1) * scale.unsqueeze(1)
