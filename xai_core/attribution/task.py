"""An attribution task: validated inputs in the form that every method reads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import Images, Logits, Maps, Mask
from .config import AttributionConfig

__all__ = [
    "AT_ONCE",
    "AttributionTask",
    "Baselines",
    "ChannelMaps",
    "MaskOf",
    "check_target",
    "reduce_channels",
    "spread_over_channels",
]

Baselines = Float[Tensor, "baselines channels height width"]
"""Images that represent "nothing there": one per image, or a set shared by all."""
ChannelMaps = Float[Tensor, "batch map_channels height width"]
"""Maps with one channel per image channel, or one for all."""
MaskOf = Callable[[Images, Int[Tensor, " batch"]], Mask]
"""Returns masks for images and targets, as a trained critic does."""
AT_ONCE = 256
"""Images evaluated at once: few enough that their activations fit into the CPU's cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AttributionTask:
    """What to explain, and how.

    Attributes:
        inputs: Images to explain.
        forward: The function from images to (batch, outputs); it checks the range of the targets.
        target: The output to explain, one per image.
        baselines: Baselines of the kind on the method's card.
        config: The settings.
        seed: Seed of all random draws.
        mask_of: Returns the masks of a mask method.
    """

    inputs: Images
    forward: Callable[[Images], Logits]
    target: Int[Tensor, " batch"]
    baselines: Baselines
    config: AttributionConfig
    seed: int
    mask_of: MaskOf | None

    def leaf(self) -> Images:
        """Copy the inputs into a leaf tensor that requires a gradient."""
        return self.inputs.detach().clone().requires_grad_()

    def chosen(self, outputs: Logits) -> Float[Tensor, " batch"]:
        """Return each image's target output."""
        return outputs.gather(1, self.target.unsqueeze(1)).squeeze(1)

    def rows(self, most: int) -> Iterator[Int[Tensor, " rows"]]:
        """Split the row numbers into parts of at most `most`."""
        yield from torch.arange(len(self.inputs), device=self.inputs.device).split(max(most, 1))

    def generator(self) -> torch.Generator:
        """Return a newly seeded generator; on the CPU, so that devices draw the same."""
        return torch.Generator().manual_seed(self.seed)

    def baseline(self, rows: Int[Tensor, " rows"]) -> Baselines:
        """Return the baseline of each row, for methods that take one."""
        if len(self.baselines) == 1:
            return self.baselines.expand(len(rows), -1, -1, -1)
        return self.baselines[rows]


def check_target(num_outputs: int, *, highest: int, single: bool) -> None:
    """Raise an error for targets that are not outputs of the function.

    Args:
        num_outputs: Number of outputs of the function.
        highest: The largest target.
        single: Whether no target was given, which requires a single output.
    """
    if single and num_outputs != 1:
        raise ValueError(f"`target` must be given, since `forward` has {num_outputs} outputs.")
    if highest >= num_outputs:
        raise ValueError(
            f"`target` must be in [0, {num_outputs}) for {num_outputs} outputs, got {highest}."
        )


def reduce_channels(maps: ChannelMaps, *, signed: bool) -> Maps:
    """Reduce channels to one map: the sum of signed values, the maximum of magnitudes."""
    if maps.shape[1] == 1:
        return maps.squeeze(1)
    return maps.sum(1) if signed else maps.amax(1)


def spread_over_channels(maps: ChannelMaps, channels: int, *, signed: bool) -> Images:
    """Give each channel a map, such that `reduce_channels` restores the given one."""
    if maps.shape[1] == channels:
        return maps
    return maps.expand(-1, channels, -1, -1) / (channels if signed else 1)
