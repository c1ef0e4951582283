"""Attribution: how much each pixel matters for one output of a function.

One call over Captum's methods, two maps that know nothing of the model, and a trained critic.

References:
    Captum (Kokhlikyan et al., 2020), https://arxiv.org/abs/2009.07896. Papers of the methods are
    on their cards, in `METHODS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from .._types import Images, Logits
from . import layer_rules
from .config import AttributionConfig
from .registry import RUNS, MethodCard, method_card
from .task import AT_ONCE, AttributionTask, Baselines, MaskOf, check_target, outputs_of

__all__ = [
    "Attribution",
    "attribute",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Maps, a row an image, in the units of the output explained.

    Attributes:
        attributions: The maps, on the inputs' device.
        target: The output explained, one an image.
        method: Key in `METHODS`.
        convergence_delta: Sum of the map minus `output_change`; None where the method promises
            nothing.
        output_change: f(x) - f(baseline), the mean over a set of baselines; None likewise.
    """

    attributions: Float[Tensor, "batch height width"]
    target: Int[Tensor, " batch"]
    method: str
    convergence_delta: Float[Tensor, " batch"] | None = None
    output_change: Float[Tensor, " batch"] | None = None


def attribute(
    inputs: Images,
    *,
    forward: Callable[[Images], Logits] | nn.Module,
    target: Int[Tensor, " batch"] | int | None,
    method: str,
    baselines: Baselines | None = None,
    config: AttributionConfig | None = None,
    seed: int = 0,
    mask_of: MaskOf | None = None,
) -> Attribution:
    """Explain one output for each image of a batch.

    Safe from several threads at once on one module: nothing of it is changed, and the same call
    with the same `torch.get_num_threads()` gives the same bits whatever runs beside it. An
    image's map does not depend on the others of its batch, beyond rounding.

    Args:
        inputs: Images.
        forward: What is explained, images to (batch, outputs), in evaluation mode. Methods whose
            card says "layers" need an `nn.Sequential` of `propagation.LAYERS`.
        target: The output, one an image or one for all; None where there is only one.
        method: Key of `METHODS`.
        baselines: One image for all or one a row where the card says "one"; a set that serves
            all images where it says "set"; zeros where None.
        config: Settings; each method reads those on its card.
        seed: Of everything random.
        mask_of: Where the masks of "critic" come from.

    Returns:
        Maps and, where the method promises to explain all of the output's change, what it missed.

    Raises:
        ValueError: If there is no such method or output, the baselines do not fit, or the
            method does not apply to `forward`.
    """
    card = method_card(method)
    targets, single = _targets(inputs, target)
    outputs = outputs_of(forward, highest=int(targets.max()), single=single)
    problem = AttributionTask(
        inputs=inputs,
        forward=outputs,
        module=forward if isinstance(forward, nn.Module) else None,
        target=targets,
        baselines=_baselines(inputs, baselines, card),
        config=config or AttributionConfig(),
        seed=seed,
        mask_of=mask_of,
    )
    if card.needs == "layers" and problem.module is not None:
        width = layer_rules.num_outputs(problem.module)
        if width is not None:
            check_target(width, highest=int(targets.max()), single=single)
    with torch.inference_mode(False), torch.enable_grad():
        maps = RUNS[method](problem)
    delta = change = None
    if card.complete:
        change = _output_change(problem, card)
        delta = maps.flatten(1).sum(-1) - change
    return Attribution(
        attributions=maps.squeeze(1),
        target=targets,
        method=method,
        convergence_delta=delta,
        output_change=change,
    )


def _targets(
    inputs: Images, target: Int[Tensor, " batch"] | int | None
) -> tuple[Int[Tensor, " batch"], bool]:
    if not len(inputs):
        raise ValueError("`inputs` must have at least one image, got none.")
    single = target is None
    if isinstance(target, Tensor):
        targets = target.to(inputs.device).long()
    else:
        targets = torch.full((len(inputs),), target or 0, device=inputs.device)
    if len(targets) != len(inputs) or targets.min() < 0:
        raise ValueError(
            f"`target` must be one output for each of {len(inputs)} images, counted from 0, got "
            f"{targets.tolist()}."
        )
    return targets, single


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
def _output_change(problem: AttributionTask, card: MethodCard) -> Float[Tensor, " batch"]:
    """Evaluate f(x) minus f(baseline), each baseline once."""
    at_x = _in_parts(problem.forward, problem.inputs).gather(1, problem.target.unsqueeze(1))
    at_b = _in_parts(problem.forward, problem.baselines)
    if card.baseline == "set":
        at_b = at_b.mean(0, keepdim=True)
    at_b = at_b.expand(len(at_x), -1).gather(1, problem.target.unsqueeze(1))
    return (at_x - at_b).squeeze(1)


def _in_parts(forward: Callable[[Images], Logits], x: Images) -> Logits:
    return torch.cat([forward(part) for part in x.split(AT_ONCE)])
