"""Counterfactuals of functions as people give them: precision, form, mode, channels."""

import copy
import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from xai_core.counterfactual.api import find_counterfactual
from xai_core.counterfactual.reference import Reference
from xai_core.counterfactual.task import CounterfactualConfig
from xai_core.models.prior import MixturePrior
from xai_core.plots.counterfactual.sheet import draw_counterfactuals

METHODS = ("default", "diffeomorphic", "pixel", "nearest")
SIDE = 4
CODES = torch.tensor([[-1.5, 0.0], [-1.2, 0.3], [1.5, 0.0], [1.2, -0.3]])


class Model(nn.Module):
    """Two codes that draw a left and a right bar; the classifier compares the bars."""

    def __init__(self, channels=1, height=SIDE, width=SIDE):
        super().__init__()
        bars = torch.zeros(2, channels, height, width)
        bars[0, ..., : width // 2], bars[1, ..., width // 2 :] = 1, 1
        self.draw = nn.Linear(2, bars[0].numel())
        self.draw.weight.data.copy_((bars[1] - bars[0]).flatten()[:, None].repeat(1, 2) * 0.6)
        self.draw.bias.data.zero_()
        self.read = nn.Linear(bars[0].numel(), 2)
        self.read.weight.data.copy_(6 * bars.flatten(1) / bars[0].sum())
        self.read.bias.data.zero_()
        self.dropout, self.shape = nn.Dropout(0.5), tuple(bars.shape[1:])

    def encode(self, x):
        left, right = self.read(self.dropout(x.flatten(1))).T
        return torch.stack([(right - left) / 6, 0 * left], 1)

    def decode(self, z):
        return self.draw(self.dropout(z)).sigmoid().unflatten(1, self.shape)

    def forward(self, x):
        return 2 * self.read(self.dropout(x.flatten(1)))


def asked(model, images, method, **changed):
    exact = copy.deepcopy(model).eval().float()
    with torch.no_grad():
        real = exact.decode(CODES)
    reference = Reference(
        images=real if real.shape[1] > 1 else real[:, 0],
        classes=torch.tensor([0, 0, 1, 1]), codes=CODES,
    )  # fmt: skip
    prior = MixturePrior(2, 2, fixed=False).requires_grad_(False)
    prior.mean.copy_(torch.tensor([[-1.3, 0.0], [1.3, 0.0]]))
    given = {"encode": model.encode, "decode": model.decode, "forward": model, "target": 1}
    config = CounterfactualConfig(
        method=method, target_probability=0.9, search_probability=0.95, path_points=5
    )
    return find_counterfactual(
        images, **{**given, "prior": prior, "reference": reference, "config": config, **changed}
    )


def images(*shape, count=3):
    with torch.no_grad():
        codes = torch.tensor([[-1.4, 0.1], [-1.1, -0.2], [-1.6, 0.2]])[:count]
        return Model(*shape).eval().decode(codes)


def test_every_search_works_in_any_precision(some, subtests):
    for method in METHODS:
        wanted = asked(Model().eval(), images(), method)
        for weights, pixels in some(
            [
                (torch.float64, torch.float64),
                (torch.float32, torch.float64),
                (torch.float64, torch.float32),
                (torch.bfloat16, torch.bfloat16),
                (torch.bfloat16, torch.float32),
                (torch.float16, torch.float16),
                (torch.float16, torch.float32),
                (torch.float32, torch.float16),
                (torch.float32, torch.bfloat16),
                (torch.bfloat16, torch.float64),
                (torch.float16, torch.float64),
                (torch.float64, torch.bfloat16),
            ]
        ):
            with subtests.test(method=method, weights=weights, pixels=pixels):
                found = asked(Model().to(weights).eval(), images().to(pixels), method)
                assert found.converged.all() and wanted.converged.all()
                assert found.counterfactuals.dtype == found.images.dtype == pixels
                assert torch.equal(found.images, images().to(pixels))
                tolerance = 1e-2 if weights is torch.float64 or pixels is torch.float64 else 0.15
                change = (found.counterfactuals.float() - wanted.counterfactuals).abs().max()
                assert change < tolerance
                assert found.frames(0, 4).isfinite().all()


COLOURED = {
    "rows of pixels": lambda m: {"decode": lambda z: m.decode(z).flatten(1)},
    "a tuple": lambda m: {"decode": lambda z: (m.decode(z), z)},
    "a mean and a variance": lambda m: {"encode": lambda x: (m.encode(x), 0 * m.encode(x))},
    "names": lambda m: {"forward": lambda x: {"logits": m(x), "x": x.mean()}},
    "an array of one image": lambda m: {"target": np.ones(3, int)},
    "no set of real images": lambda m: {"reference": None},
    "no prior": lambda m: {"prior": None},
    "channels last in memory": lambda m: {
        "decode": lambda z: m.decode(z).contiguous(memory_format=torch.channels_last)
    },
    "colours reversed twice": lambda m: {"forward": lambda x: m(x[:, [2, 1, 0]][:, [2, 1, 0]])},
    "parts of two": lambda m: {
        "config": CounterfactualConfig(target_probability=0.9, batch_size=2)
    },
    "plain steps": lambda m: {
        "config": CounterfactualConfig(
            method="diffeomorphic", ascent="plain", target_probability=0.9
        )
    },
    "steps on pixels": lambda m: {
        "config": CounterfactualConfig(method="pixel", target_probability=0.9)
    },
}
"""Ways to give functions of colour images."""


def test_colour_is_searched_however_functions_give_it(some, subtests):
    shape = (3, 6, 8)
    x, model = images(*shape), Model(*shape).eval()
    for name, changed in some(COLOURED.items()):
        with subtests.test(name=name):
            found = asked(model, x, "default", **changed(model))
            assert found.counterfactuals.shape == found.reconstructions.shape == x.shape
            assert found.frames(0, 3).shape == (3, *shape) and found.converged.all()
            again = model(found.counterfactuals).softmax(-1)
            torch.testing.assert_close(again, found.probabilities, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 64, 64), (1, 32, 48), (3, 48, 48)])
def test_every_search_changes_images_of_any_shape(shape):
    x, model = images(*shape), Model(*shape).eval()
    for method in METHODS:
        found = asked(model, x, method)
        assert found.converged.all(), method
        assert found.counterfactuals.shape == found.frames(0, 3)[[0, 1, 2]].shape == x.shape
        again = model(found.counterfactuals).softmax(-1)
        torch.testing.assert_close(again, found.probabilities, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(found.l1, (found.counterfactuals - x).abs().sum((1, 2, 3)))
    drawn, scale = draw_counterfactuals(found, rows=2), round(84 / max(shape[1:]))
    first = np.asarray(drawn)[24::scale, 8::scale][: shape[1], : shape[2]]
    wanted = (x[0] * 255).round().expand(3, -1, -1).permute(1, 2, 0).byte().numpy()
    assert np.array_equal(first, wanted), "colour is drawn as colour"


def test_the_size_of_an_image_does_not_change_what_is_found():
    """The same bars in more pixels: distances grow with the pixels, and the path stays."""
    small, large = (asked(Model(*shape).eval(), images(*shape), "default")
                    for shape in ((1, 28, 28), (3, 56, 56)))  # fmt: skip
    torch.testing.assert_close(large.path, small.path, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(large.l1, 12 * small.l1, rtol=1e-3, atol=1e-2)


def test_real_images_of_another_shape_are_refused():
    grey = Reference(images=images()[:, 0], classes=torch.tensor([0, 1, 1]), codes=CODES[:3])
    with pytest.raises(ValueError, match=r"`reference` must hold images of shape \(3, 4, 4\)"):
        asked(Model(3), images(3), "default", reference=grey)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_in_train_mode_is_searched_in_evaluation_mode(method):
    model = Model().train()
    found = asked(model, images(), method)
    wanted = asked(Model().eval(), images(), method)
    assert torch.equal(found.counterfactuals, wanted.counterfactuals)
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


@dataclass
class Output:
    """What a network of a library returns: its logits and more."""

    logits: torch.Tensor
    hidden: torch.Tensor


class Posterior(NamedTuple):
    """Mean and logarithm of the variance."""

    mu: torch.Tensor
    log_var: torch.Tensor


FORMS = {
    "rows of pixels": {"decode": lambda m: lambda z: m.decode(z).flatten(1)},
    "without a channel": {"decode": lambda m: lambda z: m.decode(z)[:, 0]},
    "mean and log_var": {"encode": lambda m: lambda x: (m.encode(x), torch.zeros(len(x), 2))},
    "a dict of codes": {"encode": lambda m: lambda x: {"mu": m.encode(x), "log_var": None}},
    "a tuple of logits": {"forward": lambda m: lambda x: (m(x),)},
    "logits by name": {"forward": lambda m: lambda x: {"logits": m(x), "loss": m(x).sum()}},
    "a dataclass of logits": {"forward": lambda m: lambda x: Output(m(x), x)},
    "logits with axes of length 1": {"forward": lambda m: lambda x: m(x)[:, :, None, None]},
    "logits beside decisions": {"forward": lambda m: lambda x: [m(x), m(x).argmax(1)]},
    "a partial": {"forward": lambda m: functools.partial(Model.forward, m)},
    "a distribution of codes": {
        "encode": lambda m: lambda x: torch.distributions.Normal(m.encode(x), torch.ones(()))
    },
    "codes with axes of length 1": {"encode": lambda m: lambda x: m.encode(x)[:, :, None, None]},
    "a named tuple of codes": {"encode": lambda m: lambda x: Posterior(m.encode(x), m.encode(x))},
    "an image beside its code": {"decode": lambda m: lambda z: (m.decode(z), z)},
    "an image by name": {"decode": lambda m: lambda z: {"sample": m.decode(z)}},
    "a distribution of images": {
        "decode": lambda m: lambda z: torch.distributions.ContinuousBernoulli(m.decode(z))
    },
    "rows with an axis of length 1": {
        "decode": lambda m: lambda z: m.decode(z).flatten(1)[..., None]
    },
    "all three": {
        "encode": lambda m: lambda x: [m.encode(x)],
        "decode": lambda m: lambda z: [m.decode(z)],
        "forward": lambda m: lambda x: [m(x)],
    },
}


def test_any_clear_form_gives_the_same_answer(some, subtests):
    for method in METHODS:
        model = Model().eval()
        wanted = asked(model, images(), method)
        for form in some(FORMS):
            with subtests.test(method=method, form=form):
                changed = {name: make(model) for name, make in FORMS[form].items()}
                found = asked(model, images(), method, **changed)
                torch.testing.assert_close(found.counterfactuals, wanted.counterfactuals)


def test_what_cannot_be_used_is_refused_at_the_first_call(subtests):
    for changed, message in [
        (
            {"decode": lambda z: z},
            r"`decode` must return floats \(batch, 1, 4, 4\).*float32 \(2, 2\)",
        ),
        ({"encode": lambda x: (x.sum(), x)}, r"`encode` must return floats \(batch, latent\)"),
        ({"forward": lambda x: x.flatten(1).argmax(1)}, "`forward` must return floats .*int64"),
        ({"forward": lambda x: torch.rand(len(x), 2)}, "`forward` must return the same for"),
        ({"forward": torch.no_grad()(lambda x: x.flatten(1))}, "'default' needs a gradient"),
        (
            {"decode": lambda z: torch.full((len(z), 16), torch.nan)},
            "needs a gradient, and `decode`",
        ),
        (
            {"decode": lambda z: z[:, :1].expand(-1, 16) * torch.nan},
            "'default' gave NaN or infinity",
        ),
        ({"target": 0.7}, "`target` must be one whole number"),
        ({"target": 2}, r"`target` must be in \[0, 2\)"),
        ({"target": [0, 1]}, "`target` "),
        ({"forward": lambda x: None}, "`forward` must return .*got a NoneType"),
        ({"forward": lambda x: (x.flatten(1), x.flatten(1))}, "got a tuple of float32"),
        ({"forward": lambda x: x.flatten(1).detach().numpy()}, "'default' needs a gradient"),
        ({"forward": lambda x: x.flatten(1)[:1]}, r"for 2 rows, got float32 \(1, 16\)"),
        ({"forward": lambda x: x.flatten(1).softmax(0)}, "must return the same for the same row"),
        ({"forward": lambda x: x.flatten(1).tolist()}, "got a list of"),
        ({"encode": lambda x: x.flatten(1)[:1]}, r"`encode` must return .*for 2 rows"),
        (
            {"encode": lambda x: x.flatten(1)[:, :3]},
            r"`decode` fails for the codes of `encode`, float32 \(2, 3\): mat1",
        ),
        ({"decode": lambda z: [torch.rand(2, 16)] * 2}, r"got a list of float32 \(2, 16\); "),
        ({"decode": lambda z: torch.rand(len(z), 3, 4, 4)}, r"got float32 \(2, 3, 4, 4\)"),
        ({"decode": lambda z: z.new_zeros(len(z), 1, 5, 5)}, r"got float32 \(2, 1, 5, 5\)"),
        ({"decode": lambda z: (255 * z.new_ones(len(z), 16)).byte()}, "got uint8"),
    ]:
        with subtests.test(changed=changed, message=message):
            with pytest.raises(ValueError, match=message):
                asked(Model().eval(), images(), "default", **changed)


@pytest.mark.parametrize("target", [np.int64(1), [1, 1, 1], np.array([1, 1, 1]), 1.0, "1"])
def test_targets_of_any_kind_ask_the_same(target):
    found = asked(Model().eval(), images(), "default", target=target)
    wanted = asked(Model().eval(), images(), "default")
    assert torch.equal(found.counterfactuals, wanted.counterfactuals)
