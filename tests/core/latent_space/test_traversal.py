import math

import pytest
import torch

from xai_core.latent_space.traversal import (
    carried_nats,
    interpolate,
    prior_deviation,
    transport,
    traverse,
)


def test_carried_nats_is_the_capacity_of_a_gaussian_channel():
    mean = torch.tensor([[-2.0, 0.0], [2.0, 0.0]])  # variances 4 and 0
    log_var = torch.zeros(2, 2)
    torch.testing.assert_close(carried_nats(mean, log_var), torch.tensor([math.log(5) / 2, 0.0]))


def test_prior_deviation_agrees_with_draws_from_the_mixture():
    generator = torch.Generator().manual_seed(0)
    mean, scale = torch.tensor([[0.0, -3.0], [2.0, 3.0]]), torch.tensor([0.5, 1.5])
    c = torch.randint(2, (200_000,), generator=generator)
    z = mean[c] + scale[c, None] * torch.randn(len(c), 2, generator=generator)
    torch.testing.assert_close(prior_deviation(mean, scale), z.std(0), rtol=0.01, atol=0)


def test_traverse_moves_one_dimension_at_a_time():
    z, deviation = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 10.0, 0.5])
    codes = traverse(z, deviation=deviation, offsets=torch.tensor([-2.0, 0.0, 2.0]))
    assert codes.shape == (3, 3, 3)
    torch.testing.assert_close(codes[:, 1], z.expand(3, 3))
    torch.testing.assert_close(codes[1, 2], torch.tensor([1.0, 22.0, 3.0]))
    torch.testing.assert_close(codes[2, 0], torch.tensor([1.0, 2.0, 2.0]))


def test_walk_holds_both_ends_and_equal_steps():
    start, end = torch.tensor([0.0, 4.0]), torch.tensor([2.0, 0.0])
    codes = interpolate(start, end, steps=5)
    torch.testing.assert_close(codes[[0, -1]], torch.stack([start, end]))
    torch.testing.assert_close(codes.diff(dim=0), torch.tensor([[0.5, -1.0]]).expand(4, 2))
    with pytest.raises(ValueError, match="at least 2"):
        interpolate(start, end, steps=1)


@pytest.mark.parametrize("rescale", [False, True])
def test_transport_keeps_the_place_in_the_cluster(rescale):
    mean, scale = torch.randn(4, 3), torch.tensor([1.0, 2.0, 0.5, 1.0])
    z = torch.randn(3)
    codes = transport(z, source=1, mean=mean, scale=scale, rescale=rescale)
    torch.testing.assert_close(codes[1], z)
    offsets = (codes - mean) / (scale[:, None] if rescale else 1)
    torch.testing.assert_close(offsets, offsets[:1].expand(4, 3))
