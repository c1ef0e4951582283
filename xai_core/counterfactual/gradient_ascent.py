"""Gradient ascent of log p(target), in the decoder's latent space or on pixels.

Both maximise the log probability alone, by Adam or plain gradient steps, and stop when the target
is probable enough. In latent space this gives the diffeomorphic counterfactual, on pixels an
adversarial example for contrast.

References:
    Diffeomorphic Counterfactuals with Generative Models (Dombrowski et al., 2022),
    https://arxiv.org/abs/2206.05075. A VAE is only approximately diffeomorphic.
    Counterfactual Explanations without Opening the Black Box (Wachter et al., 2017),
    https://arxiv.org/abs/1711.00399, for pixels.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .._types import Images, Probs
from .task import CounterfactualConfig, CounterfactualTask, Found, Trace

__all__ = ["ascend_in_latent_space", "ascend_on_pixels"]

BETAS = (0.9, 0.999)
EPSILON = 1e-8

Variables = Float[Tensor, "batch ..."]


def ascend_in_latent_space(task: CounterfactualTask, config: CounterfactualConfig) -> Found:
    """Ascend from the images' codes, z <- z + step(d log f_t(g(z)) / dz)."""
    trace = Trace()
    codes, probs, steps = _ascend(task, config, task.codes, task.decode, lambda z: z, trace.record)
    path, path_probabilities, num_steps = trace.thinned(steps, config.path_points)
    with torch.no_grad():
        images = task.composed(task.decode(codes))
    return Found(
        images=images,
        probabilities=probs,
        path=path,
        path_probabilities=path_probabilities,
        num_steps=num_steps,
        evaluations=steps,
        why_not=f"the ascent stalled: not there after {config.step_limit} steps",
    )


def ascend_on_pixels(
    task: CounterfactualTask,
    config: CounterfactualConfig,
    encode: Callable[[Images], Tensor],
) -> Found:
    """Ascend on pixels within [0, 1]; the path holds the encoder's codes of its images."""
    trace = Trace(config.path_points)
    images, probs, steps = _ascend(
        task, config, task.images, lambda x: x, lambda x: x.clamp(0, 1), trace.record
    )
    on_path, path_probabilities, num_steps = trace.thinned(steps, config.path_points)
    with torch.no_grad():
        path = torch.stack([encode(point) for point in on_path.unbind(1)], 1)
    return Found(
        images=images,
        probabilities=probs,
        path=path,
        path_probabilities=path_probabilities,
        num_steps=num_steps,
        evaluations=steps,
        why_not=f"the ascent stalled: not there after {config.step_limit} steps",
        images_on_path=on_path,
    )


def _ascend(
    task: CounterfactualTask,
    config: CounterfactualConfig,
    start: Variables,
    to_image: Callable[[Tensor], Images],
    project: Callable[[Tensor], Tensor],
    record: Callable[[Int[Tensor, " some"], Tensor, Probs], None],
) -> tuple[Variables, Probs, Int[Tensor, " batch"]]:
    """Take steps; rows that reach their target leave the batch."""
    part, final, probs_at = task, start.clone(), task.probabilities.clone()
    steps = torch.zeros_like(task.target)
    rows, target = torch.arange(len(start), device=start.device), task.target.unsqueeze(1)
    variables, mean, square = start, torch.zeros_like(start), torch.zeros_like(start)
    for step in range(config.step_limit + 1):
        with torch.enable_grad():
            variables = variables.detach().requires_grad_()
            images = part.composed(to_image(variables))
            log_probs = task.forward(images).log_softmax(-1)
            (gradient,) = torch.autograd.grad(log_probs.gather(1, target).sum(), variables)
        variables, probs = variables.detach(), log_probs.detach().exp()
        record(rows, variables, probs)
        going = probs.gather(1, target).squeeze(1) <= config.target_probability
        if step == config.step_limit:
            going.fill_(False)
        if not going.all():
            left = ~going
            final[rows[left]], probs_at[rows[left]] = variables[left], probs[left]
            steps[rows[left]] = step
            if not going.any():
                break
            rows, target, part = rows[going], target[going], part.rows(going)
            variables, gradient = variables[going], gradient[going]
            mean, square = mean[going], square[going]
        if config.ascent == "plain":
            variables = project(variables + config.rate * gradient)
            continue
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        square = BETAS[1] * square + (1 - BETAS[1]) * gradient.square()
        rate = config.rate / (1 - BETAS[0] ** (step + 1))
        scale = (square / (1 - BETAS[1] ** (step + 1))).sqrt() + EPSILON
        variables = project(variables + rate * mean / scale)
    return final, probs_at, steps
