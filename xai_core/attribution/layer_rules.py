"""Attribution by rules that replace the gradient inside a network's layers.

Captum sets these rules as hooks on modules, so each call works on layers of its own, which share
their weights with the network's: it may be used by other threads and is never touched.

References:
    Learning Important Features Through Propagating Activation Differences (Shrikumar et al.,
    2017), https://arxiv.org/abs/1704.02685
    A Unified Approach to Interpreting Model Predictions (Lundberg & Lee, 2017),
    https://arxiv.org/abs/1705.07874
    Striving for Simplicity (Springenberg et al., 2015), https://arxiv.org/abs/1412.6806
    Visualizing and Understanding Convolutional Networks (Zeiler & Fergus, 2014),
    https://arxiv.org/abs/1311.2901
    Grad-CAM (Selvaraju et al., 2017), https://arxiv.org/abs/1610.02391
    Layer-Wise Relevance Propagation: An Overview (Montavon et al., 2019),
    https://doi.org/10.1007/978-3-030-28954-6_10, for the rule of each layer.
    Values of Non-Atomic Games (Aumann & Shapley, 1974), for log-softmax under DeepLift.
"""

import copy
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from .._types import Images, Logits
from ..runtime import map_on_cores
from .task import AT_ONCE, AttributionTask, Baselines

__all__ = [
    "LAYERS",
    "deconvolution",
    "deep_lift",
    "deep_lift_shap",
    "guided_backprop",
    "guided_gradcam",
    "lrp",
    "network_of",
    "num_outputs",
]

LAYERS = (
    nn.Conv2d,
    nn.Linear,
    nn.ReLU,
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.Flatten,
    nn.Dropout,
)
"""Layers that every rule here knows; an `nn.LogSoftmax` may come last."""


def network_of(module: nn.Module | None) -> nn.Sequential:
    """Copy a network's layers, not their weights, as one flat sequence of layers that have rules.

    A deep copy would take a tenth of the time of a whole map.

    Raises:
        ValueError: If it is no sequence of `LAYERS`, or uses one of them twice.
    """
    layers = list(_leaves(module)) if isinstance(module, nn.Sequential) else []
    body = layers[:-1] if layers and isinstance(layers[-1], nn.LogSoftmax) else layers
    strangers = {type(layer).__name__ for layer in body if type(layer) not in LAYERS}
    if not body or strangers:
        known = ", ".join(layer.__name__ for layer in LAYERS)
        found = ", ".join(sorted(strangers)) or type(module).__name__
        raise ValueError(
            f"This method sets rules on layers, so `forward` must be an nn.Sequential of {known}, "
            f"got {found}. Use a method that takes any function, such as integrated_gradients."
        )
    if len({id(layer) for layer in layers}) < len(layers):
        raise ValueError(
            "`forward` uses a layer twice, which rules on layers cannot follow. Give each use "
            "a module of its own."
        )
    return nn.Sequential(*map(_twin, layers))


def _twin(layer: nn.Module) -> nn.Module:
    """Copy a layer that has no others inside: tables of hooks of its own, the same weights."""
    twin = copy.copy(layer)
    own = {name: kept.copy() for name, kept in vars(layer).items() if isinstance(kept, dict | set)}
    vars(twin).update(own)
    return twin


def num_outputs(module: nn.Module) -> int | None:
    """Read the number of outputs off the last dense layer; None where there is none."""
    dense = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    return dense[-1].out_features if dense else None


def deep_lift(problem: AttributionTask) -> Images:
    """Compare activations with those of the baseline, by the rescale rule."""
    network = _apart(network_of(problem.module))
    parts = []
    for rows in problem.rows(AT_ONCE):
        x, b = problem.inputs[rows], problem.baseline(rows)
        parts.append(_deep_lift(network, x, b, problem.target[rows]))
    return torch.cat(parts)


def deep_lift_shap(problem: AttributionTask) -> Images:
    """Average DeepLift over several baselines."""
    count = len(problem.baselines)

    def average(rows: Tensor) -> Images:
        network = _apart(network_of(problem.module))
        x = problem.inputs[rows].repeat_interleave(count, 0)
        target = problem.target[rows].repeat_interleave(count, 0)
        maps = _deep_lift(network, x, problem.baselines.repeat(len(rows), 1, 1, 1), target)
        return maps.unflatten(0, (len(rows), count)).mean(1)

    parts = [*problem.rows(AT_ONCE // (2 * count))]  # each image beside its baseline
    return torch.cat([*map_on_cores(average, parts, problem.inputs.device)])


def guided_backprop(problem: AttributionTask) -> Images:
    """Take the gradient, with negative ones stopped at every ReLU that was active."""
    from captum.attr import GuidedBackprop

    _expect_warnings()
    method = GuidedBackprop(network_of(problem.module))
    return method.attribute(problem.leaf(), target=problem.target).detach()


def deconvolution(problem: AttributionTask) -> Images:
    """Take the gradient, with negative ones stopped at every ReLU, active or not."""
    from captum.attr import Deconvolution

    _expect_warnings()
    method = Deconvolution(network_of(problem.module))
    return method.attribute(problem.leaf(), target=problem.target).detach()


def guided_gradcam(problem: AttributionTask) -> Images:
    """Weigh guided backpropagation by where the last convolution saw evidence."""
    from captum.attr import GuidedGradCam

    _expect_warnings()
    network = network_of(problem.module)
    method = GuidedGradCam(network, _last_features(network))
    return method.attribute(
        problem.leaf(), target=problem.target, interpolate_mode="bilinear"
    ).detach()


def lrp(problem: AttributionTask) -> Images:
    """Hand the output back through the layers: gamma rule in convolutions, epsilon in dense ones.

    It begins at the logit where the network ends in a log-softmax.
    """
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule

    # Captum's rules replace weights for a while, which must not be those that threads share
    network = copy.deepcopy(_without_log_softmax(network_of(problem.module)))
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            layer.rule = GammaRule(problem.config.gamma)
        elif isinstance(layer, nn.Linear):
            layer.rule = EpsilonRule(problem.config.epsilon)
        elif not isinstance(layer, nn.ReLU | nn.Dropout):
            layer.rule = EpsilonRule()
    return LRP(network).attribute(problem.leaf(), target=problem.target).detach()


def _last_features(network: nn.Sequential) -> nn.Module:
    """Give the ReLU of the last convolution: what it saw, while its sums may all be negative."""
    places = [i for i, layer in enumerate(network) if isinstance(layer, nn.Conv2d)]
    if not places:
        raise ValueError("`guided_gradcam` needs a convolution in `forward`, which has none.")
    after = network[places[-1] + 1 : places[-1] + 2]
    return after[0] if len(after) and isinstance(after[0], nn.ReLU) else network[places[-1]]


class _Copied(nn.Module):
    """Hands a copy of its input on."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()


class _Weighted(nn.Module):
    """A weighted sum of a network's outputs, the weights an image's own."""

    def __init__(self, network: nn.Sequential) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Images, weights: Logits) -> Float[Tensor, "batch 1"]:
        return (self.network(x) * weights).sum(-1, keepdim=True)


def _deep_lift(network: nn.Sequential, x: Images, b: Baselines, target: Tensor) -> Images:
    from captum.attr import DeepLift

    _expect_warnings()
    leaf, b = x.detach().clone().requires_grad_(), b.detach()
    if not isinstance(network[-1], nn.LogSoftmax):
        return DeepLift(network).attribute(leaf, b, target=target).detach()
    body = _without_log_softmax(network)
    weights = _log_softmax_weights(body, x, b, target)
    method = DeepLift(_Weighted(body))
    return method.attribute(leaf, b, target=0, additional_forward_args=(weights,)).detach()


@torch.no_grad()
def _log_softmax_weights(body: nn.Module, x: Images, b: Baselines, target: Tensor) -> Logits:
    """Weigh the logits' changes so that their sum is the change of the log-softmax.

    The weights are its mean gradient between both ends, the Aumann-Shapley rule; what the
    quadrature misses is added along the change.
    """
    end, start = body(x), body(b)
    nodes, shares = np.polynomial.legendre.leggauss(32)
    along = torch.tensor((nodes + 1) / 2).to(end).reshape(-1, 1, 1)
    probs = torch.lerp(start, end, along).softmax(-1)
    mean = (probs * torch.tensor(shares / 2).to(end).reshape(-1, 1, 1)).sum(0)
    weights = nn.functional.one_hot(target, end.shape[-1]) - mean
    change = end - start
    goal = (end.log_softmax(-1) - start.log_softmax(-1)).gather(1, target.unsqueeze(1))
    missed = goal - (weights * change).sum(-1, keepdim=True)
    return weights + missed * change / change.square().sum(-1, keepdim=True).clamp(min=1e-12)


def _apart(network: nn.Sequential) -> nn.Sequential:
    """Put a copy between layers and a max pooling after them.

    Captum hooks a ReLU's output and a pooling's input on the same tensor, and the ReLU's hook runs
    first, on the gradient that the pooling's rule has not replaced: the shares then miss the
    output's change by a tenth.
    """
    pairs = (
        (_Copied(), layer) if isinstance(layer, nn.MaxPool2d) else (layer,) for layer in network
    )
    return nn.Sequential(*(layer for pair in pairs for layer in pair))


def _without_log_softmax(network: nn.Sequential) -> nn.Sequential:
    return network[:-1] if isinstance(network[-1], nn.LogSoftmax) else network


def _leaves(network: nn.Sequential) -> Iterator[nn.Module]:
    for layer in network._modules.values():
        assert layer is not None
        if isinstance(layer, nn.Sequential):
            yield from _leaves(layer)
        else:
            yield layer


def _expect_warnings() -> None:
    """Let Captum set its hooks without the warning it always gives.

    Set once for the process: `warnings.catch_warnings` would take turns with other threads.
    """
    expected = r"\s*Setting (forward, )?backward hooks"
    if not any(getattr(f[1], "pattern", None) == expected for f in warnings.filters):
        warnings.filterwarnings("ignore", expected, UserWarning)
