"""Maps that ignore the model: the baselines that an attribution method has to beat.

References:
    Sanity Checks for Saliency Maps (Adebayo et al., 2018), https://arxiv.org/abs/1810.03292,
    for the edge detector.
"""

import zlib

import torch
from torch import nn

from .task import AttributionTask, ChannelMaps

__all__ = ["edges", "random_map"]


def random_map(task: AttributionTask) -> ChannelMaps:
    """Draw a normal number for each pixel, seeded by the seed and the image's bytes."""
    x = task.inputs.detach().cpu()
    seeds = [zlib.crc32(image.numpy().tobytes(), task.seed) for image in x]
    shape = (1, *x.shape[2:])
    maps = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
    return torch.stack(maps).to(task.inputs)


def edges(task: AttributionTask) -> ChannelMaps:
    """Compute the norm of the image's gradient with Sobel filters, over all channels."""
    x = task.inputs.detach()
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(x) / 8
    filters = torch.stack([across, across.T]).unsqueeze(1).repeat(x.shape[1], 1, 1, 1)
    padded = nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
    slopes = nn.functional.conv2d(padded, filters, groups=x.shape[1])
    return slopes.square().sum(1, keepdim=True).sqrt()
