"""One question of attribution, checked once and in the form that every method reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._types import Images, Logits, Mask
from .config import AttributionConfig

__all__ = [
    "AT_ONCE",
    "AttributionTask",
    "Baselines",
    "MaskOf",
    "check_target",
    "outputs_of",
]

Baselines = Float[Tensor, "baselines 1 height width"]
"""Images that stand for "nothing there": one a row of the inputs, or some for all of them."""
MaskOf = Callable[[Images, Int[Tensor, " batch"]], Mask]
"""A mask for images and targets, such as a trained critic gives."""
AT_ONCE = 256
"""Images evaluated at once, few enough for their activations to stay in the cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AttributionTask:
    """What is explained, and how.

    Attributes:
        inputs: Images to explain.
        forward: The function, images to (batch, outputs); it checks its target's range.
        module: What `forward` is made of, where it is a module.
        target: The output explained, one an image.
        baselines: As the method's card asks for them.
        config: The settings.
        seed: Of everything random.
        mask_of: Where the masks of a mask method come from.
    """

    inputs: Images
    forward: Callable[[Images], Logits]
    module: nn.Module | None
    target: Int[Tensor, " batch"]
    baselines: Baselines
    config: AttributionConfig
    seed: int
    mask_of: MaskOf | None

    def leaf(self) -> Images:
        """Give the inputs as a tensor of one's own that gradients can be asked for."""
        return self.inputs.detach().clone().requires_grad_()

    def rows(self, most: int) -> Iterator[Int[Tensor, " rows"]]:
        """Give the row numbers in parts of at most `most`."""
        yield from torch.arange(len(self.inputs), device=self.inputs.device).split(max(most, 1))

    def generator(self) -> torch.Generator:
        """Start the random numbers anew; on the CPU, so that devices draw the same."""
        return torch.Generator().manual_seed(self.seed)

    def baseline(self, rows: Int[Tensor, " rows"]) -> Baselines:
        """Give the one baseline of each of some rows."""
        if len(self.baselines) == 1:
            return self.baselines.expand(len(rows), -1, -1, -1)
        return self.baselines[rows]


def outputs_of(
    forward: Callable[[Images], Tensor], *, highest: int, single: bool
) -> Callable[[Images], Logits]:
    """Wrap a function so that it refuses outputs in which the targets are not.

    Args:
        forward: Images to (batch, outputs).
        highest: The largest target.
        single: Whether no target was named, so that there must be one output.
    """

    def outputs(x: Images) -> Logits:
        found = forward(x)
        if found.ndim != 2 or len(found) != len(x):
            raise ValueError(
                f"`forward` must give (batch, outputs) for {len(x)} images, got shape "
                f"{tuple(found.shape)}."
            )
        check_target(found.shape[1], highest=highest, single=single)
        return found

    return outputs


def check_target(num_outputs: int, *, highest: int, single: bool) -> None:
    """Refuse targets that are not among some outputs; arguments are those of `outputs_of`."""
    if single and num_outputs != 1:
        raise ValueError(f"`target` must be given, since `forward` has {num_outputs} outputs.")
    if highest >= num_outputs:
        raise ValueError(
            f"`target` must be in [0, {num_outputs}) for {num_outputs} outputs, got {highest}."
        )
