"""Baselines of attribution that only a bundle can give: from its data, and from its model."""

import torch

from .._types import Images
from ..bundle import Bundle
from ..explain.baselines import BASELINES, blurred
from ..explain.problem import Baselines

__all__ = ["baselines_of", "mean_image", "other_cluster", "prototypes"]


def baselines_of(bundle: Bundle, images: Images, name: str) -> Baselines:
    """Give the baseline of a name: one image for all, one a row, or several for all.

    Args:
        bundle: The model and its data.
        images: Those that are explained, on the bundle's device.
        name: Key of `BASELINES`.

    Raises:
        ValueError: If there is none of that name; the message says which there are.
    """
    if name not in BASELINES:
        raise ValueError(f"`baseline` must be one of {', '.join(BASELINES)}, got {name!r}.")
    if name == "mean":
        return mean_image(bundle)
    if name == "blurred":
        return blurred(images)
    if name == "other_cluster":
        return other_cluster(bundle, images)
    return prototypes(bundle) if name == "prototypes" else torch.zeros_like(images[:1])


def mean_image(bundle: Bundle) -> Images:
    """Average the train images; shape (1, 1, 28, 28)."""
    return bundle.dataset.mean_image.to(bundle.device)


@torch.no_grad()
def prototypes(bundle: Bundle) -> Images:
    """Decode the centre of each cluster."""
    model = bundle.model
    return model.decode(model.prior.mean, torch.eye(len(model.prior.mean), device=bundle.device))


@torch.no_grad()
def other_cluster(bundle: Bundle, images: Images) -> Images:
    """Decode each image's place in its own cluster, carried over to its second best.

    z' = (z - mu_s) sigma_o / sigma_s + mu_o, s the most probable cluster and o the next.

    Raises:
        ValueError: If the model has one cluster only.
    """
    model = bundle.model
    if model.config.num_clusters < 2:
        raise ValueError("`baseline` other_cluster needs two clusters, the model has one.")
    posterior = model.encode(images)
    own, other = posterior.cluster_logits.topk(2, -1).indices.unbind(-1)
    mu, sigma = model.prior.mean, model.prior.scale.unsqueeze(-1)
    z = (posterior.mean - mu[own]) * sigma[other] / sigma[own] + mu[other]
    one_hot = torch.nn.functional.one_hot(other, model.config.num_clusters).to(z)
    return model.decode(z, one_hot)
