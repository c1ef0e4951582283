"""Group means against plain sums; the comparison of two sets against its promises."""

import pytest
import torch

from xai_core.attribution.group_means import compare_sets, group_means, shares_of_attention


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_group_means_and_spreads_are_those_of_each_group(shape):
    maps, groups = torch.randn(7, *shape), torch.tensor([0, 2, 0, 2, 2, 0, 0])
    found = group_means(maps, groups, 3)
    assert found.count.tolist() == [4, 0, 3]
    for group in (0, 2):
        own = maps[groups == group]
        torch.testing.assert_close(found.mean[group], own.mean(0), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            found.spread[group], own.std(0, correction=0), rtol=1e-3, atol=1e-4
        )
    assert found.mean[1].isnan().all() and found.spread[1].isnan().all()


def test_every_map_weighs_the_same_and_an_empty_one_nothing():
    maps = torch.stack([torch.ones(2, 2), -10 * torch.ones(2, 2), torch.zeros(2, 2)])
    assert shares_of_attention(maps).abs().sum((1, 2)).tolist() == [1, 1, 0]


def test_what_differs_is_found_with_the_pixels_that_do():
    first, second = torch.rand(40, 6, 6), torch.rand(60, 6, 6)
    first[:, 2, 3] += 3
    found = compare_sets(first, second)
    assert found.differs and found.p_value == pytest.approx(1 / 1000)
    assert 0 < found.low < found.distance < found.high
    assert found.pixels[2, 3] and found.difference[2, 3] > 0
    assert found.pixels.sum() < 36  # the others lose a little share each


def test_the_interval_holds_the_true_distance():
    """Two sources whose mean maps are known; every map has the same sum of sizes."""
    base = torch.rand(8, 8) + 0.5
    base /= base.sum()
    tilt = torch.linspace(-1, 1, 64).reshape(8, 8) * 0.002
    truth = 2 * tilt.norm() / base.norm()
    held = 0
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(60, 8, 8, generator=generator) * 0.003
        noise -= noise.mean((1, 2), keepdim=True)
        maps = base + noise
        found = compare_sets(maps[:30] + tilt, maps[30:] - tilt, seed=seed, draws=299)
        held += found.low <= truth <= found.high
    assert held >= 38


def test_sets_of_one_source_are_told_apart_in_at_most_seven_of_a_hundred():
    maps, alarms, marked = torch.rand(2000, 7, 7).square(), 0, 0
    for run in range(200):
        generator = torch.Generator().manual_seed(run)
        rows = torch.randperm(2000, generator=generator)[:50]
        found = compare_sets(maps[rows[:20]], maps[rows[20:]], seed=run, draws=199)
        alarms += found.differs
        marked += bool(found.pixels.any())
        assert found.differs == (found.low > 0)
    assert alarms <= 14 and marked <= 16


def test_identical_sets_do_not_differ():
    maps = torch.rand(10, 4, 4)
    found = compare_sets(maps, maps)
    assert found.distance == pytest.approx(0, abs=1e-12) and found.low == 0
    assert not found.differs and not found.pixels.any()


def test_a_set_of_nothing_is_refused():
    with pytest.raises(ValueError, match="Both sets need a map, got 0 and 2"):
        compare_sets(torch.zeros(0, 2, 2), torch.zeros(2, 2, 2))
