"""Sanity checks: a map must change with the model and with the explained output.

References:
    Sanity Checks for Saliency Maps (Adebayo et al., 2018), https://arxiv.org/abs/1810.03292
"""

import copy
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..._types import Maps

__all__ = ["cascade", "parameter_randomisation", "spearman"]


def spearman(first: Maps, second: Maps) -> Float[Tensor, " batch"]:
    """Correlate the ranks of the pixels of two maps, for each image; equal pixels share a rank.

    A constant map has no ranks: the correlation is 1 if both are constant, 0 if one is.
    """
    from scipy.stats import rankdata

    ranks = [
        torch.from_numpy(rankdata(m.flatten(1).cpu().numpy(), axis=1)) for m in (first, second)
    ]
    a, b = (rank - rank.mean(1, keepdim=True) for rank in ranks)
    size = a.norm(dim=1) * b.norm(dim=1)
    flat = (a.norm(dim=1) == 0) & (b.norm(dim=1) == 0)
    found = torch.where(size > 0, (a * b).sum(1) / size.clamp(min=1e-30), flat.double())
    return found.float()


def cascade(module: nn.Module, *, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Randomise a copy's layers from the output to the input, one more each time.

    Each tensor of a layer is permuted, which keeps the distribution of its values and the scale of
    activations but destroys what the layer has learned.

    Args:
        module: The module to copy.
        seed: Seed of the shuffles.

    Yields:
        The name of the layer shuffled last, and the copy, which is the same object each time.
    """
    generator = torch.Generator().manual_seed(seed)
    other = copy.deepcopy(module)
    layers = [
        (name, layer)
        for name, layer in other.named_modules()
        if next(layer.parameters(recurse=False), None) is not None
    ]
    for name, layer in reversed(layers):
        with torch.no_grad():
            for values in layer.parameters(recurse=False):
                order = torch.randperm(values.numel(), generator=generator).to(values.device)
                values.copy_(values.flatten()[order].reshape(values.shape))
        yield name, other


def parameter_randomisation(
    module: nn.Module, explain: Callable[[nn.Module], Maps], *, seed: int
) -> tuple[tuple[str, ...], Float[Tensor, "batch layers"]]:
    """Compare maps with those of a model whose layers are randomised one after the other.

    Args:
        module: The model that is explained.
        explain: Returns the maps of a model.
        seed: Seed of the shuffles.

    Returns:
        Names of the layers, output first, and the rank correlation of each image's map with the
        original one after all layers up to this one are randomised. It should fall towards 0.
    """
    maps, names, found = explain(module), [], []
    for name, other in cascade(module, seed=seed):
        names.append(name)
        found.append(spearman(maps, explain(other)))
    return tuple(names), torch.stack(found, 1)
