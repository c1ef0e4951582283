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
from xai_core.evaluation.infill import infill_from_rest

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


@pytest.mark.parametrize("shape", SHAPES)
def test_maps_are_scored_on_images_of_any_shape(shape):
    model, x = network(shape).eval(), torch.rand(2, *shape)
    task = Task(images=x, target=TARGET, other=1 - TARGET.clamp(max=1), module=model,
                shown=lambda outputs: outputs.softmax(-1),
                infill=infill_from_rest(blurred, neutral=x[:1]))  # fmt: skip
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
