"""Every method, and what scores it, on images of any shape, grey and colour."""

import pytest
import torch
from torch import nn

from xai_core.attribution.api import attribute
from xai_core.attribution.baselines import blurred
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.registry import METHODS
from xai_core.attribution.task import reduce_channels
from xai_core.evaluation.faithfulness.measures import removal_masks
from xai_core.evaluation.faithfulness.scores import FaithfulnessConfig, Task, measure
from xai_core.evaluation.infill import infill_from_rest, paste

SHAPES = [(3, 64, 64), (1, 32, 48), (3, 48, 48)]
FAST = AttributionConfig(n_steps=128, n_samples=2, n_points=256, n_permutations=1)
TARGET = torch.tensor([2, 0])


def network(shape):
    channels, height, width = shape
    pixels = 4 * (-(-height // 4) // 2) * (-(-width // 4) // 2)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 5, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(pixels, 3),
    ).requires_grad_(False)  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_method_explains_images_of_any_shape(shape):
    model, x = network(shape), torch.rand(2, *shape)
    change = (model(x) - model(torch.zeros(1, *shape)))[[0, 1], TARGET]
    for method, card in METHODS.items():
        found = attribute(x, forward=model, target=TARGET, method=method, config=FAST,
                          mask_of=lambda x, _: x.mean(1), keep_channels=True)  # fmt: skip
        assert found.attributions.shape == (2, *shape[1:]), method
        assert found.channel_maps.shape == x.shape, method
        again = reduce_channels(found.channel_maps, signed=card.signed)
        torch.testing.assert_close(again, found.attributions)
        if card.complete:
            total, slack = found.attributions.sum((1, 2)), 0.05 * change.abs().max()
            assert (total - change).abs().max() < slack, method
            assert (found.output_change - change).abs().max() < 1e-4, method


class Separate(nn.Module):
    """A branch for each colour, as some multispectral networks have."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(1, 2, 3) for _ in range(3))
        self.head = nn.Linear(6 * 6 * 8, 3)

    def forward(self, x):
        parts = [branch(x[:, c : c + 1]) for c, branch in enumerate(self.branches)]
        return self.head(torch.cat(parts, 1).relu().flatten(1))


class Named(nn.Sequential):
    """Answers as libraries of pretrained networks do."""

    def forward(self, x):
        return {"logits": super().forward(x), "features": x.mean((2, 3))}


def layers(*first, inputs):
    return nn.Sequential(*first, nn.Flatten(), nn.Linear(inputs, 3))


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
GREY = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
COLOURED = {
    "a matrix": lambda: layers(inputs=240),
    "a convolution": lambda: layers(nn.Conv2d(3, 2, 3), nn.ReLU(), inputs=96),
    "one pixel at a time": lambda: layers(nn.Conv2d(3, 2, 1), nn.ReLU(), inputs=160),
    "each colour alone": lambda: layers(nn.Conv2d(3, 3, 3, groups=3), nn.ReLU(), inputs=144),
    "separable": lambda: layers(
        nn.Conv2d(3, 3, 3, groups=3), nn.Conv2d(3, 4, 1), nn.ReLU(), inputs=192
    ),
    "a branch for each": Separate,
    "normalised": lambda: layers(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3), nn.ReLU(), inputs=96),
    "channels last in memory": lambda: layers(nn.Conv2d(3, 2, 3), nn.ReLU(), inputs=96).to(
        memory_format=torch.channels_last
    ),
    "pooled": lambda: layers(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), inputs=48),
    "in double precision": lambda: layers(nn.Conv2d(3, 2, 3), nn.ReLU(), inputs=96).double(),
    "with names": lambda: Named(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)),
    "the library's means": lambda: after(lambda x: (x - MEAN) / 0.225),
    "its grey": lambda: after(lambda x: (x * GREY).sum(1, keepdim=True).repeat(1, 3, 1, 1)),
    "its colours in reverse": lambda: after(lambda x: x[:, [2, 1, 0]]),
    "its colours last": lambda: after(lambda x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)),
}
"""Functions of colour images 8 x 10, as people write them."""


def after(change):
    network = layers(nn.Conv2d(3, 2, 3), nn.ReLU(), inputs=96)
    return lambda x: network(change(x))


def logits(model, x):
    found = model(x)
    return found["logits"] if isinstance(found, dict) else found


def test_every_method_gives_one_map_of_three_channels(some, subtests):
    """It belongs to all channels; with `keep_channels` there is one for each of them too."""
    for name, make in some(COLOURED.items()):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = make()
        if isinstance(model, nn.Module):
            model.eval().requires_grad_(False)
        kind = torch.float64 if name == "in double precision" else torch.float32
        x = torch.rand(2, 3, 8, 10, dtype=kind)
        zero = logits(model, torch.zeros_like(x[:1]))
        change = (logits(model, x) - zero)[[0, 1], TARGET]
        for method, card in METHODS.items():
            with subtests.test(name=name, method=method):
                if method == "guided_gradcam" and name == "a matrix":
                    with pytest.raises(ValueError, match="needs a convolution"):
                        attribute(x, forward=model, target=TARGET, method=method)
                    continue
                found = attribute(x, forward=model, target=TARGET, method=method, config=FAST,
                                  mask_of=lambda x, _: x.mean(1), keep_channels=True)  # fmt: skip
                assert found.attributions.shape == (2, 8, 10)
                assert found.channel_maps.shape == x.shape
                assert found.attributions.dtype == x.dtype
                again = reduce_channels(found.channel_maps, signed=card.signed)
                torch.testing.assert_close(again, found.attributions)
                if card.complete:
                    missed = (found.attributions.sum((1, 2)) - change).abs()
                    complete = missed <= 0.02 * change.abs() + 1e-4
                    assert (complete | found.incomplete).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_maps_are_scored_on_images_of_any_shape(shape):
    model, x = network(shape).eval(), torch.rand(2, *shape)
    task = Task(images=x, target=TARGET, other=1 - TARGET.clamp(max=1), module=model,
                shown=lambda outputs: outputs.softmax(-1),
                infill=infill_from_rest(blurred, neutral=x[:1]),
                neutral=lambda x, mask: paste(x, mask, x[:1].expand_as(x)))  # fmt: skip
    few = FaithfulnessConfig(num_masks=2, num_moves=1, sanity_images=1)
    for contribution in (True, False):
        found = measure(
            task,
            lambda x, target, module: (
                attribute(x, forward=module, target=target, method="input_x_gradient").attributions
            ),
            contribution=contribution,
            by_size=not contribution,
            config=few,
        )
        assert found.maps.shape == (2, *shape[1:])
        assert found.infidelity.isfinite().all() and (found.infidelity <= 1).all()
        assert found.merit.isfinite().all() and found.sensitivity.isfinite().all()
    masks = removal_masks(3, *shape[1:], seed=0)
    side = min(shape[1:]) // 7
    assert masks.shape == (3, *shape[1:]) and (masks[:, :side, :side].std((1, 2)) == 0).all()


def test_blurring_treats_every_channel_like_a_grey_image():
    x = torch.rand(2, 3, 28, 28)
    each = torch.cat([blurred(x[:, c : c + 1], 4.0) for c in range(3)], 1)
    torch.testing.assert_close(blurred(x), each)
