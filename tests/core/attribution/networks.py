"""Small random networks: what people build, and what explainers were wrong about."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn

__all__ = ["Recipe", "recipes"]

POOLS = {
    "max": lambda x: nn.functional.max_pool2d(x, 2),
    "overlapping": lambda x: nn.functional.max_pool2d(x, 3, 2),
    "rows": lambda x: nn.functional.max_pool2d(x, (2, 1), ceil_mode=True),
    "dilated": lambda x: nn.functional.max_pool2d(x, 2, 1, dilation=2),
    "padded": lambda x: nn.functional.max_pool2d(x, 3, 2, padding=1),
    "indices": lambda x: nn.functional.max_pool2d(x, 2, return_indices=True)[0],
    "adaptive_max": lambda x: nn.functional.adaptive_max_pool2d(x, 3),
    "average": lambda x: nn.functional.avg_pool2d(x, 2),
    "adaptive_average": lambda x: nn.functional.adaptive_avg_pool2d(x, 3),
    "power": lambda x: nn.functional.lp_pool2d(x, 2, 2),
    "none": lambda x: x,
}
ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu_in_place": nn.ReLU(inplace=True),
    "functional_relu": nn.functional.relu,
    "clamp": lambda x: x.clamp(min=0),
    "leaky": lambda x: nn.functional.leaky_relu(x, 0.1),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "gated": lambda x: x * torch.sigmoid(x),
    "tanh": torch.tanh,
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "none": lambda x: x,
}
HOOKS = ("none", "scale", "container", "squash")
BLOCKS = ("plain", "pool_first", "skip", "batch_norm", "attention", "squeeze")
HEADS = ("linear", "log_softmax", "softmax", "mean", "scaled")


@dataclass(frozen=True)
class Recipe:
    """How to build one network."""

    seed: int
    blocks: tuple[tuple[str, str, str], ...]
    head: str
    hook: str

    def build(self) -> nn.Module:
        """Build it, with weights of its seed and in evaluation mode."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            network = _Network(self)
        if self.hook == "scale":
            network.convolutions[0].register_forward_hook(lambda m, x, y: 2 * y)
        if self.hook == "squash":
            network.convolutions[-1].register_forward_hook(lambda m, x, y: torch.tanh(y))
        if self.hook == "container":
            network.register_forward_pre_hook(lambda m, x: (x[0] * 0.5 + 0.1,))
        return network.eval().requires_grad_(self.seed % 2 == 0)


class _Network(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        channels = 1
        for _ in recipe.blocks:
            self.convolutions.append(nn.Conv2d(channels, 4, 3, padding=1))
            norm = nn.BatchNorm2d(4)
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            self.norms.append(norm)
            channels = 4
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.head = nn.Linear(4, 3) if recipe.head == "mean" else nn.LazyLinear(3)
        self(torch.rand(2, 1, 9, 9))

    def forward(self, x):
        for number, (kind, pool, activation) in enumerate(self.recipe.blocks):
            x = self.block(number, kind, POOLS[pool], ACTIVATIONS[activation], x)
        x = x.mean((2, 3)) if self.recipe.head == "mean" else x.flatten(1)
        x = self.head(x)
        if self.recipe.head in ("log_softmax", "softmax"):
            return getattr(x, self.recipe.head)(-1)
        return x * self.scale - 1 if self.recipe.head == "scaled" else x

    def block(self, number, kind, pool, activation, x):
        z = self.convolutions[number](x)
        if kind == "pool_first":
            return activation(pool(z) if min(z.shape[2:]) > 3 else z)
        if kind == "batch_norm":
            z = self.norms[number](z)
        if kind == "attention":
            z = z * z.mean((2, 3), keepdim=True).sigmoid()
        if kind == "squeeze":
            z = z * z.flatten(2).softmax(-1).view_as(z)
        y = activation(z)
        if kind == "skip":
            y = y + x if y.shape == x.shape else torch.cat([y[:, :3], x[:, :1]], 1)
        return pool(y) if min(y.shape[2:]) > 3 else y


def recipes() -> st.SearchStrategy[Recipe]:
    """Draw networks."""
    block = st.tuples(
        st.sampled_from(BLOCKS), st.sampled_from([*POOLS]), st.sampled_from([*ACTIVATIONS])
    )
    return st.builds(
        Recipe,
        seed=st.integers(0, 2**16),
        blocks=st.lists(block, min_size=1, max_size=3).map(tuple),
        head=st.sampled_from(HEADS),
        hook=st.sampled_from(HOOKS),
    )
