"""Scores of maps against closed forms and against Captum's metrics."""

import pytest
import torch
from torch import nn

from xai_core.attribution.api import attribute
from xai_core.evaluation.faithfulness.measures import (
    SHARES,
    area,
    completeness_gap,
    deletion,
    gini,
    infidelity,
    insertion,
    max_sensitivity,
    pixel_order,
    removal_masks,
)
from xai_core.evaluation.infill import paste

WEIGHT = torch.linspace(-1, 2, 64).reshape(8, 8)


def black(x, mask):
    return paste(x, mask, torch.zeros_like(x))


def grey(x, mask):
    return paste(x, mask, torch.full_like(x, 0.5))


def weighted(x):
    """A linear score; the share of a pixel is its weight times its value."""
    return (x[:, 0] * WEIGHT).sum((1, 2))


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)
    ).requires_grad_(False)


def test_pixels_are_sorted_by_value_and_ties_broken_at_random():
    maps = torch.tensor([[[0.0, 3.0], [1.0, -2.0]]])
    assert pixel_order(maps, seed=0).tolist() == [[1, 2, 0, 3]]
    flat = torch.zeros(200, 2, 2)
    first = pixel_order(flat, seed=0)[:, 0]
    assert first.bincount(minlength=4).min() > 30
    assert torch.equal(pixel_order(flat, seed=0)[:, 0], first)


def test_deletion_and_insertion_of_a_linear_score_are_partial_sums():
    x = torch.rand(3, 1, 8, 8)
    shares = tuple(i / 64 for i in range(65))
    gains = (x[:, 0] * WEIGHT).flatten(1)
    order = pixel_order(gains.reshape(3, 8, 8), seed=0)
    partial = gains.sort(1, descending=True).values.cumsum(1)
    steps = torch.cat([torch.zeros(3, 1), partial], 1)
    shown = insertion(x, order, score=weighted, infill=black, shares=shares)
    gone = deletion(x, order, score=weighted, infill=black, shares=shares)
    torch.testing.assert_close(shown, steps, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gone, gains.sum(1, keepdim=True) - steps, rtol=1e-4, atol=1e-5)


def test_no_order_beats_that_of_the_true_shares():
    x = torch.rand(5, 1, 8, 8)
    best = pixel_order(x[:, 0] * WEIGHT, seed=0)
    other = pixel_order(torch.randn(5, 8, 8), seed=0)
    for curve, sign in ((insertion, 1), (deletion, -1)):
        good, bad = (area(curve(x, o, score=weighted, infill=black)) * sign for o in (best, other))
        assert (good > bad).all()


def test_curves_begin_and_end_at_the_image_and_the_fill():
    x = torch.rand(2, 1, 8, 8)
    order = pixel_order(x[:, 0], seed=0)
    empty = weighted(grey(x, torch.zeros(2, 8, 8)))
    gone = deletion(x, order, score=weighted, infill=grey)
    torch.testing.assert_close(gone[:, 0], weighted(x))
    torch.testing.assert_close(gone[:, -1], empty)


def test_the_area_is_that_of_trapezoids():
    assert SHARES[0] == 0 and SHARES[-1] == 1 and list(SHARES) == sorted(SHARES)
    line = torch.tensor(SHARES).unsqueeze(0)
    torch.testing.assert_close(area(line), torch.tensor([0.5]))
    torch.testing.assert_close(area(torch.ones(1, 3), (0.0, 0.1, 1.0)), torch.ones(1))


def test_masks_always_miss_a_patch_and_have_all_shares():
    masks = removal_masks(300, 8, 8, side=4, seed=0)
    assert masks.shape == (300, 8, 8) and set(masks.unique().tolist()) == {0.0, 1.0}
    cells = masks.reshape(300, 2, 4, 2, 4)
    assert (cells == cells[:, :, :1, :, :1]).all()
    kept = masks.mean((1, 2))
    assert kept.max() < 1 and set((4 * kept.unique()).tolist()) == {0, 1, 2, 3}


def test_a_right_forecast_has_no_infidelity_at_any_scale():
    x, masks = torch.rand(4, 1, 8, 8), removal_masks(20, 8, 8, seed=1)
    options = {"score": weighted, "infill": grey, "masks": masks}
    shares, slopes = (x[:, 0] - 0.5) * WEIGHT, WEIGHT.expand(4, 8, 8)
    for maps, contribution in ((shares, True), (7 * shares, True), (slopes, False)):
        found = infidelity(x, maps, contribution=contribution, **options)
        assert found.max() < 1e-4
    nothing = infidelity(x, torch.zeros(4, 8, 8), contribution=True, **options)
    assert torch.equal(nothing, torch.ones(4))
    noise = infidelity(x, torch.randn(4, 8, 8), contribution=True, **options)
    assert noise.mean() > 0.3


@pytest.mark.parametrize("contribution", [True, False])
def test_infidelity_is_captums_normalised_one(contribution):
    from captum.metrics import infidelity as captums

    model, x, maps = network(), torch.rand(3, 1, 8, 8), torch.randn(3, 8, 8)
    masks = removal_masks(12, 8, 8, side=2, seed=2)

    def score(x):
        return model(x)[:, 1]

    def perturb(repeated):
        kept = masks.repeat(len(repeated) // 12, 1, 1)
        changed = grey(repeated, kept)
        return (1 - kept).unsqueeze(1) if contribution else repeated - changed, changed

    wanted = captums(
        model, perturb, x, maps.unsqueeze(1), target=1, n_perturb_samples=12, normalize=True
    )
    changes = torch.stack([score(x) - score(grey(x, m.expand(3, 8, 8))) for m in masks])
    found = infidelity(x, maps, score=score, infill=grey, masks=masks, contribution=contribution)
    torch.testing.assert_close(found * changes.square().mean(0), wanted, rtol=1e-3, atol=1e-6)


def test_max_sensitivity_is_captums_on_the_same_noise():
    from captum.metrics import sensitivity_max

    model, x = network(), torch.rand(3, 1, 8, 8)

    def explain(x):
        return attribute(x, forward=model, target=1, method="input_x_gradient").attributions

    found = max_sensitivity(x, explain, radius=0.1, count=4, seed=5)
    generator = torch.Generator().manual_seed(5)
    noise = [torch.rand(1, 8, 8, generator=generator) * 2 - 1 for _ in range(4)]

    def perturb(repeated, radius):
        return repeated + radius * torch.stack(noise).repeat(len(repeated) // 4, 1, 1, 1)

    wanted = sensitivity_max(
        lambda x: (explain(x[0] if isinstance(x, tuple) else x).unsqueeze(1),),
        x,
        perturb,
        perturb_radius=0.1,
        n_perturb_samples=4,
    )
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_a_map_that_never_changes_has_no_sensitivity():
    x = torch.rand(2, 1, 8, 8)
    for constant in (torch.ones(2, 8, 8), torch.zeros(2, 8, 8)):
        assert not max_sensitivity(x, lambda x, c=constant: c, seed=0).any()


def test_gini_of_one_pixel_of_equal_pixels_and_of_a_ramp():
    one, ramp = torch.zeros(1, 10, 10), torch.arange(1.0, 101).reshape(1, 10, 10)
    one[0, 3, 4] = -2
    assert gini(one).item() == pytest.approx(0.99)
    assert gini(torch.ones(1, 10, 10)).item() == pytest.approx(0, abs=1e-6)
    assert gini(ramp).item() == pytest.approx(99 / 300, abs=1e-5)  # (n - 1) / 3n
    assert gini(torch.zeros(1, 10, 10)).item() == 0
    torch.testing.assert_close(gini(-3 * ramp), gini(ramp))


def test_the_gap_is_relative_to_the_mean_change():
    found = completeness_gap(torch.tensor([-1.0, 2.0]), torch.tensor([30.0, -10.0]))
    torch.testing.assert_close(found, torch.tensor([0.05, 0.1]))
