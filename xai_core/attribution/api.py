"""Attribution: how much each pixel matters for one output of a function.

One call covers Captum's methods, two model-free reference maps and the learned mask (critic).

References:
    Captum (Kokhlikyan et al., 2020), https://arxiv.org/abs/2009.07896. `METHODS` cites the paper
    of each method.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from .._arguments import checked
from .._notebook import drawn
from .._types import Images, Logits
from ..functions import GivenFunction, check_images, class_numbers
from ..networks import dtype_of, in_float32, is_half, left_as_found, working_dtype
from .config import AttributionConfig
from .registry import MethodCard, method_card
from .task import (
    AT_ONCE,
    AttributionTask,
    Baselines,
    ChannelMaps,
    MaskOf,
    check_target,
    reduce_channels,
    spread_over_channels,
)

__all__ = [
    "Attribution",
    "attribute",
]

LARGEST_GAP = 0.02
"""Completeness error tolerated without a warning, as a share of the output's change."""
ROUNDING = 1e-5
"""Rounding error allowed in a map's sum, relative to the sum of its absolute values."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Maps, one row per image, in the units of the output explained.

    Attributes:
        attributions: The maps, on the inputs' device and in their precision; one per image,
            channels reduced by `reduce_channels`.
        target: The output explained, one per image.
        method: Key in `METHODS`.
        convergence_delta: Sum of the map minus `output_change`; None where the method is not
            complete.
        output_change: f(x) - f(baseline), averaged over a set of baselines; None where the method
            is not complete.
        channel_maps: One map per channel, if requested. Methods that change all channels of a
            pixel at once give each channel an equal share.
    """

    attributions: Float[Tensor, "batch height width"]
    target: Int[Tensor, " batch"]
    method: str
    convergence_delta: Float[Tensor, " batch"] | None = None
    output_change: Float[Tensor, " batch"] | None = None
    channel_maps: ChannelMaps | None = None

    def _repr_html_(self) -> str:
        return drawn("attribution", self)

    @property
    def incomplete(self) -> Bool[Tensor, " batch"]:
        """Mark the maps whose sum is off by more than 2 % of the output's change."""
        delta, change = self.convergence_delta, self.output_change
        if delta is None or change is None:
            return torch.zeros_like(self.target, dtype=torch.bool)
        size = self.attributions.flatten(1).abs().to(delta).sum(1)
        return delta.abs() > LARGEST_GAP * change.abs() + ROUNDING * size

    @property
    def warning(self) -> str:
        """Describe the completeness error of the maps; empty if all are complete."""
        missed = self.incomplete
        if not missed.any() or self.convergence_delta is None or self.output_change is None:
            return ""
        shares = (self.convergence_delta.abs() / self.output_change.abs())[missed]
        share, count = float(shares.median()), len(missed)
        shown = f"{share:.0%}" if share < 10 else "over 1,000%"
        of = f" (the median of {int(missed.sum())} of {count} images)" if count > 1 else ""
        return (
            f"The shares of `{self.method}` do not sum to the output's change, they miss {shown} "
            f"of it{of}: more steps or samples help where the method has them, else `forward` "
            "uses an operation without a rule."
        )


@checked
def attribute(
    inputs: Images,
    *,
    forward: Callable[[Images], object] | nn.Module,
    target: object,
    method: str,
    baselines: Baselines | None = None,
    config: AttributionConfig | None = None,
    seed: int = 0,
    mask_of: MaskOf | None = None,
    keep_channels: bool = False,
) -> Attribution:
    """Explain one output for each image of a batch.

    The networks of `forward` run in evaluation mode and are then restored to their previous mode.
    `forward` is called in its own precision; sums use at least float32. Several threads may
    explain one module at once: with the same `torch.get_num_threads()`, a call gives the same bits
    whatever else runs. Up to rounding, an image's map does not depend on the rest of its batch.

    Args:
        inputs: Images, grey or colour; each gets one map for all its channels.
        forward: The function to explain, images to (batch, outputs). It may return (batch,), or a
            tuple or mapping with one such tensor or one called "logits".
        target: The output: a whole number, or one per image; None where there is only one.
        method: Key of `METHODS`.
        baselines: One image for all or one per image if the card says "one"; a set shared by all
            images if it says "set"; zeros if None.
        config: Settings; a method reads those listed on its card.
        seed: Seed of all random draws.
        mask_of: Returns the masks of "critic".
        keep_channels: Whether to return one map per channel as well.

    Returns:
        Maps; read `warning` if the method is complete, that is, promises shares that sum to the
        output's change.

    Raises:
        ValueError: If the method or output does not exist, the baselines do not fit, `forward`
            returns another form or is random, the method does not apply to it, or a result is not
            finite.
    """
    card = method_card(method)
    check_images(inputs, "inputs")
    targets = class_numbers(0 if target is None else target, len(inputs)).to(inputs.device)
    if targets.min() < 0:
        raise ValueError(f"`target` must be counted from 0, got {int(targets.min())}.")
    baselines = _baselines(inputs, baselines, card)
    dtype = dtype_of(forward) or inputs.dtype
    copies: list[tuple[Callable, torch.dtype]] = [(forward, dtype)]
    if is_half(dtype) and (wider := in_float32(forward)) is not None:
        copies = copies if card.needs != "layers" else []
        copies.append((wider, torch.float32))
    for function, own in copies:
        working = working_dtype(own)
        given = GivenFunction(function=function, name="forward", form="outputs", dtype=own)
        task = AttributionTask(
            inputs=inputs.detach().to(working),
            forward=given,
            target=targets,
            baselines=baselines.to(working),
            config=config or AttributionConfig(),
            seed=seed,
            mask_of=mask_of,
        )
        with left_as_found(function, mask_of):
            found = _explained(
                task, card, single=target is None, dtype=inputs.dtype, keep_channels=keep_channels
            )
        if _is_finite(found):
            return found
    raise ValueError(_not_finite(found))


def _explained(
    task: AttributionTask,
    card: MethodCard,
    *,
    single: bool,
    dtype: torch.dtype,
    keep_channels: bool,
) -> Attribution:
    """Run a method on a function whose output form and precision are known."""
    differentiable = card.needs in ("gradient", "layers")
    if card.needs not in ("nothing", "mask"):
        task = _probed(task, card, single=single)
    with torch.inference_mode(False), torch.set_grad_enabled(differentiable):
        channels = card.run(task)
    maps = reduce_channels(channels, signed=card.signed)
    delta = change = None
    if card.complete:
        change = _output_change(task, card)
        delta = maps.flatten(1).sum(-1) - change
    spread = None
    if keep_channels:
        spread = spread_over_channels(channels, task.inputs.shape[1], signed=card.signed)
    return Attribution(
        attributions=maps.to(dtype),
        target=task.target,
        method=card.name,
        convergence_delta=delta,
        output_change=change,
        channel_maps=spread.to(dtype) if spread is not None else None,
    )


def _probed(task: AttributionTask, card: MethodCard, *, single: bool) -> AttributionTask:
    """Call the function once and raise an error if the method does not apply to it."""
    assert isinstance(task.forward, GivenFunction)
    with torch.inference_mode(False):
        forward, outputs = task.forward.probed(task.inputs)
    check_target(outputs.shape[1], highest=int(task.target.max()), single=single)
    if card.needs in ("gradient", "layers"):
        forward.check_gradient(task.inputs[:1], f"`{card.name}`")
    return replace(task, forward=forward)


def _is_finite(found: Attribution) -> bool:
    values = (found.attributions, found.convergence_delta, found.output_change)
    return all(bool(v.isfinite().all()) for v in values if v is not None)


def _not_finite(found: Attribution) -> str:
    wrong = ~found.attributions.flatten(1).isfinite().all(1)
    if found.output_change is not None:
        wrong |= ~found.output_change.isfinite()
    return (
        f"`{found.method}` gave NaN or infinity for {int(wrong.sum())} of {len(wrong)} images, "
        f"first in row {int(wrong.int().argmax())}. Check that `forward` is finite there, or "
        "give it in float32."
    )


def _baselines(inputs: Images, baselines: Baselines | None, card: MethodCard) -> Baselines:
    if baselines is None:
        return torch.zeros_like(inputs[:1])
    fits = {"one": (1, len(inputs)), "set": range(1, len(baselines) + 1)}.get(card.baseline, ())
    if len(baselines) not in fits or baselines.shape[1:] != inputs.shape[1:]:
        wanted = {
            "none": "not be given, the method takes none",
            "one": f"be 1 or {len(inputs)} images of shape {tuple(inputs.shape[1:])}",
            "set": f"be at least one image of shape {tuple(inputs.shape[1:])}",
        }[card.baseline]
        raise ValueError(
            f"`baselines` of `{card.name}` must {wanted}, got shape {tuple(baselines.shape)}."
        )
    return baselines.detach().to(inputs)


@torch.no_grad()
def _output_change(task: AttributionTask, card: MethodCard) -> Float[Tensor, " batch"]:
    """Evaluate f(x) minus f(baseline), each baseline once."""
    at_x = _in_parts(task.forward, task.inputs).gather(1, task.target.unsqueeze(1))
    at_b = _in_parts(task.forward, task.baselines)
    if card.baseline == "set":
        at_b = at_b.mean(0, keepdim=True)
    at_b = at_b.expand(len(at_x), -1).gather(1, task.target.unsqueeze(1))
    return (at_x - at_b).squeeze(1)


def _in_parts(forward: Callable[[Images], Logits], x: Images) -> Logits:
    return torch.cat([forward(part) for part in x.split(AT_ONCE)])
