"""The function that is explained is the function that was given, whatever a network is made of."""

import functools
import os

import captum.attr
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from torch import nn

from tests.core.attribution.networks import recipes
from xai_core.attribution.api import attribute
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.registry import METHODS

OF_FUNCTIONS = [name for name, card in METHODS.items() if card.needs not in ("mask", "nothing")]
COMPLETE = [name for name in OF_FUNCTIONS if METHODS[name].complete]
OF_RECTIFIERS = ("guided_backprop", "deconvolution", "guided_gradcam")
RULES = [name for name in OF_FUNCTIONS if METHODS[name].needs == "layers"]
SMALL = AttributionConfig(n_steps=8, n_points=4, n_samples=2, patch=5, stride=5, n_permutations=1)
NETWORKS = int(os.environ.get("XAI_TEST_NETWORKS", "40"))
"""Random networks made; 200 take a minute and a half."""


def explain(method, network, x, b, **options):
    baselines = {"none": None, "one": b[:1], "set": b}[METHODS[method].baseline]
    options = {"target": torch.arange(len(x)) % 3, "config": SMALL, **options}
    return attribute(x, forward=network, method=method, baselines=baselines, **options)


def truly_missed(found, network, x, b):
    """Evaluate by how much shares miss the change of the network itself, which was not touched."""
    count = len(b) if METHODS[found.method].baseline == "set" else 1
    change = network(x) - network(b[:count]).mean(0)
    change = change.gather(1, found.target.unsqueeze(1)).squeeze(1)
    sizes = found.attributions.abs().sum((1, 2))
    return (found.attributions.sum((1, 2)) - change).abs() > 0.02 * change.abs() + 2e-5 * sizes


def test_random_networks_are_explained_completely_or_flagged_or_refused(share):
    networks = max(NETWORKS // share, 10)
    counts = dict.fromkeys(OF_FUNCTIONS, 0)
    built = refused = 0

    @seed(18)
    @settings(max_examples=networks, deadline=None, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(recipes())
    def check(recipe):
        nonlocal built, refused
        built += 1
        network, generator = recipe.build(), torch.Generator().manual_seed(recipe.seed)
        x, b = (torch.rand(n, 1, 9, 9, generator=generator) for n in (2, 2))
        for method in OF_FUNCTIONS:
            try:
                found = explain(method, network, x, b)
            except ValueError as error:
                assert METHODS[method].needs in ("gradient", "layers") and "`" in str(error)
                refused += 1
                continue
            counts[method] += 1
            if method in COMPLETE:
                missed = truly_missed(found, network, x, b)
                assert not (missed & ~found.incomplete).any()
                assert bool(found.warning) == bool(found.incomplete.any())
            elif method == "saliency":
                torch.testing.assert_close(found.attributions, true_slopes(network, x))

    check()
    assert built == networks and refused
    assert min(counts.values()) > networks // 5 and counts["deep_lift"] > 0.85 * networks
    assert share > 1 or counts["deep_lift"] > 0.95 * networks


def true_slopes(network, x):
    leaf = x.clone().requires_grad_()
    outputs = network(leaf)
    chosen = outputs[torch.arange(len(x)), torch.arange(len(x)) % 3]
    return torch.autograd.grad(chosen.sum(), leaf)[0].abs()[:, 0]


POOLS = {
    "before ReLU": [nn.MaxPool2d(2), nn.ReLU()],
    "overlapping": [nn.ReLU(), nn.MaxPool2d(3, 2)],
    "overlapping rows": [nn.ReLU(), nn.MaxPool2d((2, 1))],
    "stride 1": [nn.MaxPool2d(3, 1), nn.ReLU()],
    "dilated": [nn.ReLU(), nn.MaxPool2d(2, 1, dilation=3)],
    "padded": [nn.ReLU(), nn.MaxPool2d(3, 3, padding=1)],
    "ceil": [nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)],
    "adaptive": [nn.ReLU(), nn.AdaptiveMaxPool2d(3)],
    "twice": [nn.MaxPool2d(2, 1), nn.MaxPool2d(2, 1), nn.ReLU(), nn.ReLU()],
    "one window": [nn.ReLU(), nn.MaxPool2d(9)],
    "GELU": [nn.GELU(), nn.MaxPool2d(2)],
    "SiLU": [nn.MaxPool2d(2), nn.SiLU()],
    "batch norm": [nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.ReLU()],
}


def test_deep_lift_is_complete_through_pools_of_every_kind(some, subtests):
    for name in some(POOLS):
        for method in ["deep_lift", "deep_lift_shap"]:
            with subtests.test(name=name, method=method):
                network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *POOLS[name], nn.Flatten(),
                                        nn.LazyLinear(3)).eval()  # fmt: skip
                x, b = torch.rand(8, 1, 9, 9), torch.rand(3, 1, 9, 9)
                found = explain(method, network, x, b)
                assert not truly_missed(found, network, x, b).any() and found.warning == ""
                assert (
                    found.convergence_delta.abs().max()
                    < 1e-4 * found.attributions.abs().sum((1, 2)).max()
                )


class Scaled(nn.Sequential):
    """A Sequential whose forward is its own."""

    def forward(self, x):
        return super().forward(x * 3 - 1)


def functional(network):
    return lambda x: network[3](torch.relu(network[0](x)).flatten(1))


def hooked(network):
    network[0].register_forward_hook(lambda module, x, y: y * 3)
    return network


def by_its_weights(first, relu, flat, last):
    return lambda x: (
        torch.conv2d(x, first.weight, first.bias).relu().flatten(1) @ last.weight.T + (last.bias)
    )


class Listed(nn.Module):
    """Layers in a list, called by a method that is not `forward`."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def logits(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


GIVEN = {
    "weights without layers": by_its_weights,
    "a method": lambda *layers: Listed(*layers).logits,
    "a partial": lambda *layers: functools.partial(Listed.logits, Listed(*layers)),
    "a ReLU in place": lambda first, relu, *rest: nn.Sequential(first, nn.ReLU(True), *rest),
    "a clamp": lambda *layers: lambda x: layers[3](layers[0](x).clamp_min(0).flatten(1)),
    "a maximum": lambda *layers: (
        lambda x: layers[3](torch.maximum(layers[0](x), torch.zeros(())).reshape(len(x), -1))
    ),
    "dropout in training": lambda *layers: nn.Sequential(
        *layers[:3], nn.Dropout(0.5), layers[3]
    ).train(),
    "weights by a parametrisation": lambda *layers: nn.Sequential(
        nn.utils.parametrizations.weight_norm(layers[0]), *layers[1:]
    ),
    "a head of logits by name": lambda *layers: lambda x: {"logits": nn.Sequential(*layers)(x)},
    "a network within a network": lambda *layers: nn.Sequential(
        nn.Sequential(*layers[:2]), nn.Identity(), nn.Sequential(*layers[2:])
    ),
    "an overridden forward": Scaled,
    "a forward hook": lambda *layers: hooked(nn.Sequential(*layers)),
    "a hook on the whole": lambda *layers: hook_of_whole(nn.Sequential(*layers)),
    "a functional ReLU": lambda *layers: functional(nn.Sequential(*layers)),
    "a lambda": lambda *layers: lambda x: nn.Sequential(*layers)(x),
}


def hook_of_whole(network):
    network.register_forward_pre_hook(lambda module, x: (x[0] * 3 - 1,))
    return network


WITHOUT_RULE = {
    *((name, method) for name in ("a clamp", "a maximum") for method in OF_RECTIFIERS),
    ("a maximum", "lrp"),
}


def test_rules_explain_the_function_as_it_was_given(some, subtests):
    """Its map is the one of the same function, written as layers that each rule knows."""
    for name in some(GIVEN):
        for method in RULES:
            with subtests.test(name=name, method=method):
                torch.manual_seed(1)
                layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 49, 3)]
                plain = [*layers]
                if name in ("an overridden forward", "a hook on the whole"):
                    first = nn.Conv2d(1, 1, 1)
                    nn.init.constant_(first.weight, 3), nn.init.constant_(first.bias, -1)
                    plain = [first, *layers]
                if name == "a forward hook":
                    after = nn.Conv2d(4, 4, 1, bias=False)
                    after.weight.data.copy_(3 * torch.eye(4)[:, :, None, None])
                    plain = [layers[0], after, *layers[1:]]
                same = nn.Sequential(*plain)
                x, b = torch.rand(4, 1, 9, 9), torch.rand(2, 1, 9, 9)
                wanted = explain(method, same, x, b).attributions
                network = GIVEN[name](*layers)
                if (name, method) in WITHOUT_RULE:
                    with pytest.raises(ValueError, match="Use a method that takes any function"):
                        explain(method, network, x, b)
                    continue
                found = explain(method, network, x, b).attributions
                if method == "lrp" and (len(plain) > 4 or name == "weights without layers"):
                    assert found.isfinite().all()  # factors and summands have rules of their own
                elif method == "guided_gradcam" and name == "a forward hook":
                    assert found.isfinite().all()  # the last convolution of `same` is another
                else:
                    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", ["guided_backprop", "deconvolution"])
def test_guided_rules_through_functional_calls_are_captums_through_modules(method):
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 49, 3)]
    network, x = nn.Sequential(*layers), torch.rand(3, 1, 9, 9)
    found = explain(method, functional(network), x, x).attributions
    rule = captum.attr.GuidedBackprop if method == "guided_backprop" else captum.attr.Deconvolution
    with pytest.warns(UserWarning, match="backward hooks"):
        wanted = rule(network).attribute(x.clone().requires_grad_(), target=torch.arange(3))
    torch.testing.assert_close(found, wanted[:, 0].detach())


def test_relevance_without_gamma_and_epsilon_is_input_times_gradient_in_branches():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (nn.Conv2d(c, 4, 3, padding=1, bias=False) for c in (1, 4))
            self.head = nn.Linear(4, 3, bias=False)

        def forward(self, x):
            y = self.first(x).relu()
            y = y + nn.functional.relu(self.second(y))
            return self.head(nn.functional.max_pool2d(y, 2).mean((2, 3)))

    network, x = Branches().double(), torch.rand(3, 1, 9, 9).double()
    config = AttributionConfig(gamma=0.0, epsilon=1e-6)
    found = explain("lrp", network, x, x, config=config).attributions
    wanted = explain("input_x_gradient", network, x, x).attributions
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


class TwoHeads(nn.Module):
    """What is explained, and other outputs that the network computes after it."""

    def __init__(self, after):
        super().__init__()
        self.trunk, self.side = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
        self.head, self.after = nn.Linear(4 * 49, 3), after

    def explained(self, x):
        return self.head(self.trunk(x).relu().flatten(1))

    def forward(self, x):
        y = self.trunk(x).relu()
        return {"logits": self.head(y.flatten(1)), "more": AFTER[self.after](self, x, y)}


AFTER = {
    "a map": lambda m, x, y: m.side(y),
    "a map of a copy": lambda m, x, y: m.side(y.detach()),
    "the same again": lambda m, x, y: m.explained(x),
    "the first features": lambda m, x, y: m.trunk(x),
    "a rectified map": lambda m, x, y: m.side(y).relu(),
    "two maps": lambda m, x, y: [m.side(y), m.side(y.relu())],
    "another head": lambda m, x, y: m.head(m.trunk(1 - x).flatten(1)),
    "a pooled map": lambda m, x, y: nn.functional.max_pool2d(m.side(y), 2),
    "a map without gradient": lambda m, x, y: torch.no_grad()(m.side)(y),
    "nothing": lambda m, x, y: None,
}


def test_what_a_network_computes_besides_changes_no_map(some, subtests):
    for method in OF_FUNCTIONS:
        wanted = None
        for after in some(AFTER):
            with subtests.test(after=after, method=method):
                torch.manual_seed(0)  # the same weights, whatever else is computed
                network, x, b = TwoHeads(after), torch.rand(3, 1, 9, 9), torch.rand(2, 1, 9, 9)
                found = explain(method, network, x, b).attributions
                if wanted is None:
                    wanted = explain(method, network.explained, x, b).attributions
                torch.testing.assert_close(found, wanted)


class Hidden(torch.autograd.Function):
    """A rectifier that no rule can see."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0)


UNKNOWN = {
    "a function of one's own": lambda x: Hidden.apply(x),
    "GELU": nn.functional.gelu,
    "a gate": lambda x: x * x.sigmoid(),
    "a square": lambda x: x**2,
    "a sine": torch.sin,
    "a logarithm": lambda x: x.abs().log1p(),
    "a choice": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "a sort": lambda x: x.sort(-1).values,
    "a norm": lambda x: x / (x.norm(dim=1, keepdim=True) + 1),
    "a running sum": lambda x: x.cumsum(-1),
    "a spectrum": lambda x: torch.fft.rfft(x, dim=-1, n=12).abs(),
    "a product of two": lambda x: x * x.flip(-1),
}


SMOOTH = ("a gate", "a square", "a sine", "a sort", "a norm", "a running sum", "a product of two")


@pytest.mark.parametrize("method", RULES)
def test_what_has_no_rule_is_refused_or_flagged(method, some, subtests):
    for name in some(UNKNOWN):
        with subtests.test(name=name):
            refused_or_flagged(method, name)


def refused_or_flagged(method, name):
    """Where nothing rectifies, guided rules change nothing: their map is the slope."""
    first, head = nn.Conv2d(1, 4, 3), nn.LazyLinear(3)
    x, b = torch.rand(4, 1, 9, 9), torch.rand(2, 1, 9, 9)

    def network(x):
        return head(UNKNOWN[name](first(x)).flatten(1))

    network(x)
    known = name == "GELU" and method in ("lrp", "deep_lift", "deep_lift_shap")
    slopes = name in SMOOTH and method in OF_RECTIFIERS
    try:
        found = explain(method, network, x, b)
    except ValueError as error:
        assert "Use a method that takes any function" in str(error) and not known and not slopes
        return
    assert known or slopes or METHODS[method].complete
    if slopes and method != "guided_gradcam":
        torch.testing.assert_close(found.attributions.abs(), true_slopes(network, x))
    if METHODS[method].complete:
        assert not (truly_missed(found, network, x, b) & ~found.incomplete).any()
        assert bool(found.warning) == bool(found.incomplete.any())


def put(x, view=False, flat=False):
    y = x.clone()
    y = y.flatten(1) if flat else y[:] if view else y
    y[y < 0] = 0
    return y


def cut(x):
    y = x.clone()
    y[:, 1:].clamp_(0)
    y[:, :1].clamp_(0)
    return y


def kept(x):
    y = torch.zeros_like(x)
    y[x > 0] = x[x > 0]
    return y


def zeros(x, join=torch.stack, dim=0):
    return join([x, torch.zeros_like(x)], dim)


def padded(x, dim=-1):
    return nn.functional.pad(x.unsqueeze(dim), (0, 1))


class Own(torch.autograd.Function):
    """A choice with a gradient of its own."""

    @staticmethod
    def forward(ctx, x):
        ctx.positive = x > 0
        return torch.where(ctx.positive, x, 0)

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(ctx.positive, gradient, 0)


def zeros_apart(x):
    return torch.cdist(x.reshape(-1, 1, 1), torch.zeros(1, 1, 1)).reshape(x.shape)


RECTIFIERS = {
    "relu_": lambda x: torch.relu_(x.clone()),
    "an operator": torch.ops.aten.relu,
    "clamp": lambda x: x.clamp(0),
    "clamp by a tensor": lambda x: x.clamp(min=torch.zeros(())),
    "clamp of the negative": lambda x: -(-x).clamp_max(0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "max of two": lambda x: torch.max(x, torch.zeros(())),
    "fmax": lambda x: torch.fmax(x, torch.zeros(())),
    "minimum": lambda x: -torch.minimum(-x, torch.zeros(())),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "masked fill": lambda x: x.masked_fill(x < 0, 0),
    "assignment": put,
    "absolute values": lambda x: (x + x.abs()) / 2,
    "threshold": lambda x: nn.functional.threshold(x, 0, 0),
    "hardtanh": lambda x: nn.functional.hardtanh(x, 0, 1e9),
    "leaky without a leak": lambda x: nn.functional.leaky_relu(x, 0.0),
    "a parametric one": lambda x: nn.functional.prelu(x, torch.zeros(1)),
    "a mask": lambda x: x * (x > 0),
    "a mask first": lambda x: (x > 0) * x,
    "a mask of numbers": lambda x: x * (x > 0).float(),
    "a mask of the values alone": lambda x: x * (x.detach() > 0).to(x),
    "a mask without gradient": lambda x: x * torch.no_grad()(torch.gt)(x, 0),
    "a mask in place": lambda x: x.clone().mul_(x > 0),
    "a mask by division": lambda x: x / (x > 0).float().clamp(min=1e-30).reciprocal(),
    "a mask by einsum": lambda x: torch.einsum("bchw,bchw->bchw", x, (x > 0).float()),
    "a mask by lerp": lambda x: torch.lerp(torch.zeros_like(x), x, (x > 0).float()),
    "a mask by addcmul": lambda x: torch.addcmul(torch.zeros_like(x), x, (x > 0).float()),
    "a step": lambda x: x * torch.heaviside(x.detach(), torch.zeros(())),
    "a sign": lambda x: x * torch.sign(x).clamp(0),
    "a sign of the values": lambda x: (x + x * x.detach().sign()) / 2,
    "a mask that is not negative": lambda x: x * ~(x < 0),
    "two masks": lambda x: x * ((x > 0) & (x < 1e9)),
    "a choice by index": lambda x: zeros(x).gather(0, (x <= 0).long()[None])[0],
    "selected ones": lambda x: torch.zeros_like(x).masked_scatter(x > 0, x[x > 0]),
    "kept ones": kept,
    "assignment to a view": lambda x: put(x, view=True),
    "assignment to rows": lambda x: put(x, flat=True),
    "clamps of views": cut,
    "amax of a stack": lambda x: zeros(x).amax(0),
    "max of a stack": lambda x: zeros(x, dim=-1).max(-1).values,
    "max of a stack the other way": lambda x: zeros(x, dim=4).max(-1)[0],
    "max of channels side by side": lambda x: zeros(x, torch.cat, 1).unflatten(1, (2, -1)).amax(1),
    "pooled pairs": lambda x: nn.functional.max_pool1d(zeros(x.flatten(1), dim=-1), 2).flatten(1),
    "a sort": lambda x: zeros(x).sort(0).values[1],
    "the largest": lambda x: zeros(x).topk(1, 0).values[0],
    "the second": lambda x: zeros(x).kthvalue(2, 0).values,
    "a running maximum": lambda x: zeros(x).cummax(0).values[1],
    "a padded maximum": lambda x: padded(x).amax(-1),
    "a median of three": lambda x: torch.stack([x, 0 * x, 0 * x + 1e9]).median(0).values,
    "a root of a square": lambda x: (x + x.square().sqrt()) / 2,
    "a root of a product": lambda x: (x + (x * x).pow(0.5)) / 2,
    "logaddexp": lambda x: torch.logaddexp(1e4 * x, torch.zeros(())) / 1e4,
    "a function of one's own": Hidden.apply,
    "a choice of one's own": Own.apply,
    "relu6": lambda x: nn.functional.relu6(x / 1e3) * 1e3,
    "ELU without an exponential": lambda x: nn.functional.elu(x, 0.0),
    "a steep softplus": lambda x: nn.functional.softplus(x, 1e4),
    "a hard shrinkage": lambda x: nn.functional.hardshrink(x, 0.0).clamp(0),
    "nan_to_num": lambda x: x.masked_fill(x < 0, torch.nan).nan_to_num(0),
    "a distance": lambda x: (x + (x - 0).abs().sqrt().square()) / 2,
    "a remainder": lambda x: x.fmod(1e9) * (x > 0),
    "a length": lambda x: (x + torch.linalg.vector_norm(x.unsqueeze(0), dim=0)) / 2,
    "a norm of one": lambda x: (x + x.unsqueeze(-1).norm(dim=-1)) / 2,
    "a distance to nothing": lambda x: (x + zeros_apart(x)) / 2,
    "a spread": lambda x: (x + torch.stack([x, -x]).std(0) / 2**0.5) / 2,
    "a chain of clamps": lambda x: x.clamp(-1e9, 1e9).clamp(0),
    "a maximum with itself": lambda x: torch.maximum(x, 0 * x),
    "a steep SiLU": lambda x: nn.functional.silu(1e4 * x) / 1e4,
    "a steep GELU": lambda x: nn.functional.gelu(1e4 * x) / 1e4,
    "a steep hard gate": lambda x: x * nn.functional.hardsigmoid(1e5 * x),
    "a steep logarithm of a gate": lambda x: -nn.functional.logsigmoid(-1e4 * x) / 1e4,
    "a copied sign": lambda x: (x + x.copysign(torch.ones(()))) / 2,
}
"""Ways to write a ReLU."""
ARE_RELU = ("relu_", "an operator")
HARMLESS = {
    "a blank of its shape": lambda x: x + torch.zeros_like(x) + x.new_ones(1),
    "a norm taken for constant": lambda x: x / (x.detach().amax((1, 2, 3), keepdim=True) + 1),
    "the place of a maximum": lambda x: x.gather(1, x.argmax(1, keepdim=True)),
    "places of the largest": lambda x: x.flatten(1).gather(1, x.flatten(1).topk(4, 1).indices),
    "a maximum of all places": lambda x: torch.cat([x, -x], 1).amax((2, 3)),
    "a pool of joined channels": lambda x: nn.functional.max_pool2d(torch.cat([x, x * x], 1), 2),
    "a padded pool": lambda x: nn.functional.max_pool2d(nn.functional.pad(x, (1, 1, 1, 1)), 3),
    "positive weights": lambda x: x * nn.Parameter(torch.tensor([-2.0])).abs(),
    "a constant mask": lambda x: x * (torch.arange(7) > 2),
    "a mask of missing values": lambda x: x * torch.tensor([0.0, 1, 1, 1, 1, 0, 1]),
    "attention": lambda x: nn.functional.scaled_dot_product_attention(x, x, x),
    "bilinear resizing": lambda x: nn.functional.interpolate(x, scale_factor=2, mode="bilinear"),
}
"""What looks like a rectifier and is none."""


def pair(x):
    return torch.stack([x, torch.zeros_like(x)])


GATES = {
    "a sigmoid": lambda x: x * torch.sigmoid(100 * x),
    "a steep sigmoid": lambda x: x * torch.sigmoid(1e4 * x),
    "a sigmoid of the values": lambda x: x * torch.sigmoid(1e4 * x.detach()),
    "a hyperbolic tangent": lambda x: x * (1 + torch.tanh(100 * x)) / 2,
    "an error function": lambda x: x * (1 + torch.erf(100 * x)) / 2,
    "an arcus tangent": lambda x: x * (0.5 + torch.atan(1e4 * x) / torch.pi),
    "a logistic function": lambda x: x / (1 + torch.exp(-20 * x)),
    "a softmax": lambda x: (pair(x) * pair(100 * x).softmax(0)).sum(0),
    "a logsumexp": lambda x: torch.logsumexp(pair(100 * x), 0) / 100,
    "a logarithm of a sum": lambda x: torch.log(1 + torch.exp(20 * x)) / 20,
    "a rounded root": lambda x: (x + torch.sqrt(x * x + 1e-8)) / 2,
    "a root of a power": lambda x: (x + (x.pow(4) + 1e-12) ** 0.25) / 2,
    "a logarithm of a square": lambda x: (x + torch.exp(torch.log(x * x + 1e-6) / 2)) / 2,
}
"""Smooth functions near a ReLU, to which no rule applies."""


def only_slopes(harmless):
    """Where nothing rectifies, the map is the slope."""
    first, head, x = nn.Conv2d(1, 4, 3), nn.LazyLinear(3), torch.rand(4, 1, 9, 9)
    network = lambda x: head(harmless(first(x)).flatten(1))  # noqa: E731
    network(x)
    found = explain("guided_backprop", network, x, x).attributions
    torch.testing.assert_close(found.abs(), true_slopes(network, x))


def test_a_relu_has_one_map_however_it_is_written_or_none(some, subtests):
    for name, harmless in some([*HARMLESS.items(), *GATES.items()]):
        with subtests.test(name=name):
            only_slopes(harmless)
    first, head = nn.Conv2d(1, 4, 3), nn.Linear(4 * 49, 3)
    x = torch.rand(4, 1, 9, 9)

    def by(rectifier):
        return lambda x: head(rectifier(first(x)).flatten(1))

    for method in OF_RECTIFIERS:
        wanted = explain(method, by(torch.relu), x, x).attributions
        for name, rectifier in some(RECTIFIERS.items()):
            with subtests.test(name=name, method=method):
                try:
                    found = explain(method, by(rectifier), x, x).attributions
                except ValueError as error:
                    assert "whose only rectifier is ReLU" in str(error)
                    assert name not in ARE_RELU
                else:
                    assert name in ARE_RELU
                    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)
