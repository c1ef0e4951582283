"""The numbers by which a bundle's health is judged, measured once at the end of training."""

import torch
from torch import nn

from .._types import Labels
from ..data.dataset import Dataset
from ..data.preprocessing import to_float
from ..latent_space.encoding import evaluating
from ..models.vae import ClusterVAE

__all__ = ["score_health"]

AT_ONCE = 1_000
"""Images reconstructed at once."""


@torch.inference_mode()
def score_health(
    model: ClusterVAE,
    classifier: nn.Module | None,
    dataset: Dataset,
    *,
    device: torch.device | str,
    num_images: int | None = None,
) -> dict[str, float | None]:
    """Measure on test images what reconstructions keep, and what guessing would score.

    Args:
        model: The model, on `device`.
        classifier: Likewise, or None.
        dataset: Its test images are reconstructed; the mean of its train images is the reference.
        device: Device to compute on.
        num_images: Test images that are reconstructed, the first ones; all where None.

    Returns:
        `r2`, the share of the variance about the mean train image that reconstructions explain;
        `class_kept`, the share of images whose reconstruction the classifier decides as the image;
        `chance`, the share of the most frequent label. None where undefined.
    """
    if "decode" not in model.parts:
        return {"r2": None, "class_kept": None, "chance": _chance(dataset.test.labels)}
    mean, error, spread, kept = dataset.mean_image.to(device), 0.0, 0.0, 0
    images = dataset.test.images[:num_images]
    with evaluating(model):
        for batch in images.split(AT_ONCE):
            x = to_float(batch, device)
            reconstruction = model.reconstruct(x)
            error += (x - reconstruction).square().sum().item()
            spread += (x - mean).square().sum().item()
            if classifier is not None:
                decided, after = (classifier(of).argmax(-1) for of in (x, reconstruction))
                kept += int((decided == after).sum())
    return {
        "r2": 1 - error / spread if spread > 0 else None,
        "class_kept": None if classifier is None else kept / len(images),
        "chance": _chance(dataset.test.labels),
    }


def _chance(labels: Labels | None) -> float | None:
    if labels is None:
        return None
    return torch.bincount(labels).max().item() / len(labels)
