"""One call for any function: mode, precision, form, channels; right, or refused in a sentence."""

import copy
import re
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from xai_core.attribution.api import attribute
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.registry import METHODS

OF_FUNCTIONS = [name for name, card in METHODS.items() if card.needs not in ("mask", "nothing")]
GRADIENTS = [name for name in OF_FUNCTIONS if METHODS[name].needs != "function"]
FREE = [name for name in OF_FUNCTIONS if METHODS[name].needs == "function"]
FAST = AttributionConfig(n_steps=16, n_samples=4, n_points=4, n_permutations=2, patch=4, stride=4)


def network(channels=1):
    torch.default_generator.manual_seed(0)
    layers = (nn.Conv2d(channels, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))


def explain(method, forward, x, target=1, **options):
    wanted = METHODS[method].baseline
    baselines = None if wanted == "none" else torch.full_like(x[:1], 0.25)
    return attribute(
        x, forward=forward, target=target, method=method, baselines=baselines, config=FAST,
        **options,
    )  # fmt: skip


@pytest.fixture
def x():
    return torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_a_network_in_train_mode_is_explained_in_evaluation_mode(method, x):
    model = network().train()
    wanted = explain(method, copy.deepcopy(model).eval(), x).attributions
    model[1].eval()
    modes = [module.training for module in model.modules()]
    state = copy.deepcopy(model.state_dict())
    for _ in range(2):
        assert torch.equal(explain(method, model, x).attributions, wanted)
    assert torch.equal(explain(method, lambda x: model(x), x).attributions, wanted)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


class Habits(nn.Module):
    """Dropout that is called and not a layer, and a count that training changes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += self.training
        return nn.functional.dropout(x, 0.5, self.training)


HABITS = {
    "dropout": lambda: nn.Dropout(0.5),
    "dropout of channels": lambda: nn.Dropout2d(0.5),
    "alpha dropout": lambda: nn.AlphaDropout(0.5),
    "feature alpha dropout": lambda: nn.FeatureAlphaDropout(0.5),
    "a random slope": lambda: nn.RReLU(),
    "batch norm": lambda: nn.BatchNorm2d(4),
    "batch norm without weights": lambda: nn.BatchNorm2d(4, affine=False),
    "batch norm by average": lambda: nn.BatchNorm2d(4, momentum=None),
    "instance norm that tracks": lambda: nn.InstanceNorm2d(4, track_running_stats=True),
    "a spectral norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 1)),
    "dropout that is called": Habits,
}


def test_whatever_training_changes_is_left_alone(x, some, subtests):
    for name, make in some(HABITS.items()):
        for method in ("saliency", "integrated_gradients", "occlusion"):
            with subtests.test(name=name, method=method):
                torch.manual_seed(0)
                first, last = nn.Conv2d(1, 4, 3), nn.Linear(4 * 36, 3)
                model = nn.Sequential(first, make(), nn.Flatten(), last).train()
                wanted = explain(method, copy.deepcopy(model).eval(), x).attributions
                state = copy.deepcopy(model.state_dict())
                assert torch.equal(explain(method, model, x).attributions, wanted)
                assert all(module.training for module in model.modules())
                assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_an_exception_leaves_the_network_as_found(method, x):
    model, calls = network().train(), 0

    def fails(module, given):
        nonlocal calls
        calls += 1
        if calls > 4:
            raise KeyError("planted")

    model[6].register_forward_pre_hook(fails)
    hooks = [len(module._forward_hooks) for module in model.modules()]
    with pytest.raises(KeyError, match="planted"):
        for _ in range(9):
            explain(method, model, x)
    assert all(module.training for module in model.modules())
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert len(model[6]._forward_pre_hooks) == 1 and not model[2]._backward_hooks


HALF, SHORT, SINGLE, DOUBLE = torch.float16, torch.bfloat16, torch.float32, torch.float64
PRECISIONS = [
    (weights, pixels)
    for weights in (HALF, SHORT, SINGLE, DOUBLE)
    for pixels in (HALF, SHORT, SINGLE, DOUBLE)
    if (weights, pixels) != (SINGLE, SINGLE)
]


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_any_precision_gives_the_map_of_float32(method, x, some, subtests):
    wanted = explain(method, network().eval(), x).attributions.double()
    for weights, pixels in some(PRECISIONS):
        with subtests.test(weights=weights, pixels=pixels):
            found = explain(method, network().to(weights).eval(), x.to(pixels)).attributions
            assert found.dtype == pixels and found.isfinite().all()
            coarse = torch.bfloat16 in (weights, pixels)
            agree = nn.functional.cosine_similarity(found.double().flatten(1), wanted.flatten(1))
            assert agree.min() > (0.9 if coarse else 0.99)


def test_float16_that_overflows_is_computed_in_float32(x):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 2))
    model[1].weight.data.fill_(3e4)
    model[3].weight.data.fill_(1e-4)
    found = explain("integrated_gradients", model.half(), x)
    assert found.attributions.isfinite().all() and found.attributions.abs().max() > 0


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_what_is_not_finite_is_an_error_that_names_the_method(method, x):
    with pytest.raises(ValueError, match=f"`{method}` gave NaN or infinity|needs a convolution"):
        explain(method, lambda x: x.flatten(1)[:, :2] / 0, x)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_images_that_are_not_finite_are_refused(bad, x):
    x[1, 0, 0, 0] = bad
    with pytest.raises(ValueError, match="`inputs` must be finite, row 1 is not"):
        explain("saliency", network(), x)


Output = namedtuple("Output", "logits hidden")
FORMS = {
    "a dict": lambda y: {"anything": y},
    "a named tuple": lambda y: Output(y, None),
    "an ordered dict": lambda y: OrderedDict(logits=y, loss=y.sum()),
    "logits and indices": lambda y: (y, y.argmax(1)),
    "several names": lambda y: {"logits": y, "aux_logits": y + 1},
    "not contiguous": lambda y: torch.stack([y, y], -1)[..., 0],
    "a tuple": lambda y: (y,),
    "logits and features": lambda y: {"features": y[:, :2], "logits": y},
    "a list": lambda y: [y],
    "a fully convolutional output": lambda y: y[:, :, None, None],
}


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_any_clear_form_gives_the_same_map(method, x, some, subtests):
    model = network().eval()
    wanted = explain(method, model, x).attributions
    for form in some(FORMS):
        with subtests.test(form=form):
            found = explain(method, lambda x, form=form: FORMS[form](model(x)), x).attributions
            torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_one_number_for_each_image_is_one_output(method, x):
    model = network().eval()
    found = explain(method, lambda x: model(x)[:, 1], x, target=None)
    torch.testing.assert_close(found.attributions, explain(method, model, x).attributions)
    assert found.target.tolist() == [0, 0, 0]


@pytest.mark.parametrize("method", OF_FUNCTIONS)
def test_inference_mode_is_enough_for_methods_without_gradient(method, x):
    with torch.inference_mode():
        model = network().eval()  # weights that autograd refuses
    for forward in (model, torch.inference_mode()(network().eval().__call__)):
        if method in FREE:
            wanted = explain(method, network().eval(), x).attributions
            torch.testing.assert_close(explain(method, forward, x).attributions, wanted)
        else:
            with pytest.raises(ValueError, match=f"`{method}` needs a gradient"):
                explain(method, forward, x)


@pytest.mark.parametrize("target", [np.int64(1), [1, 1, 1], np.array([1, 1, 1]), 1.0, "1"])
def test_targets_of_any_kind_ask_the_same(target, x):
    model = network().eval()
    found = explain("saliency", model, x, target)
    assert torch.equal(found.attributions, explain("saliency", model, x, 1).attributions)


@pytest.mark.parametrize("target", [2.7, "seven", [1, 2], True, [0.5] * 3])
def test_other_targets_are_refused(target, x):
    with pytest.raises(ValueError, match="`target` must be one whole number, or a list of 3, got"):
        explain("saliency", network(), x, target)


def test_a_map_of_three_channels_is_for_all_of_them(subtests):
    """On grey images as colour, shares are those of the grey network, whose weights add up."""
    for method in [name for name in METHODS if name != "critic"]:
        with subtests.test(method=method):
            grey, colour = network(1).eval(), network(3).eval()
            colour.load_state_dict(
                {**grey.state_dict(), "0.weight": grey[0].weight.repeat(1, 3, 1, 1) / 3}
            )
            x = torch.rand(3, 1, 8, 8)
            wanted = explain(method, grey, x).attributions
            found = explain(method, colour, x.repeat(1, 3, 1, 1)).attributions
            assert found.shape == (3, 8, 8) and found.isfinite().all()
            if method == "edges":
                wanted = wanted * 3**0.5  # the length over three equal channels
            if method == "saliency":
                wanted = wanted / 3  # the largest of three equal slopes
            if method not in ("random", "smoothgrad", "guided_gradcam"):
                torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", [name for name, card in METHODS.items() if card.complete])
def test_shares_of_three_channels_sum_to_the_change(method):
    x, model = torch.rand(3, 3, 8, 8), network(3).eval()
    found = explain(method, model, x)
    b = torch.full_like(x[:1], 0.25)
    change = (model(x) - model(b))[:, 1]
    gap = (found.attributions.sum((1, 2)) - change).abs() / change.abs()
    assert (gap < 0.021).all() or re.search("do not sum to the output's change", found.warning)
    assert METHODS[method].name not in ("shapley_sampling", "deep_lift") or gap.max() < 1e-3
