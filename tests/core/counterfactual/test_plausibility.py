"""How near a counterfactual lies to the decoder's images and to real images of its target."""

import pytest
import torch

from xai_core.counterfactual.plausibility import nearest_drawn
from xai_core.counterfactual.reference import Reference


def line(z):
    """Draw images along one direction: the first pixel is z, the others are 0.5."""
    images = torch.full((len(z), 1, 2, 2), 0.5)
    return torch.cat([z.reshape(-1, 1), images.flatten(1)[:, 1:]], 1).reshape(-1, 1, 2, 2)


def test_the_distance_is_the_ink_that_the_decoder_cannot_draw():
    images = torch.tensor([[[[0.3, 0.5], [0.5, 0.5]]], [[[0.9, 0.5], [0.1, 0.8]]]])
    found = nearest_drawn(images, encode=lambda x: torch.zeros(len(x), 1), decode=line)
    torch.testing.assert_close(found.l1, torch.tensor([0.0, 0.7]), atol=0.1, rtol=0)
    torch.testing.assert_close(found.images, line(found.codes))
    torch.testing.assert_close(found.l1, (found.images - images).abs().flatten(1).sum(1))


def test_more_steps_never_end_farther_away(tiny_bundle):
    x = tiny_bundle.dataset.test.images[:6].float().reshape(6, 1, 28, 28) / 255
    model = tiny_bundle.model
    found = [
        nearest_drawn(x, encode=model.encode_mean, decode=model.decode, steps=steps).l1
        for steps in (0, 10, 40)
    ]
    with torch.no_grad():
        reconstructed = model.decode(model.encode_mean(x))
    torch.testing.assert_close(found[0], (reconstructed - x).abs().flatten(1).sum(1))
    assert (found[1] <= found[0]).all() and (found[2] <= found[1]).all()
    assert all(p.grad is None for p in model.parameters())


def test_an_image_that_the_decoder_draws_is_nearer_than_noise(tiny_bundle):
    model = tiny_bundle.model
    with torch.no_grad():
        drawn = model.decode(tiny_bundle.latents[:4])
    noisy = (drawn + 0.3 * torch.randn(drawn.shape)).clamp(0, 1)
    near, far = (
        nearest_drawn(x, encode=model.encode_mean, decode=model.decode).l1 for x in (drawn, noisy)
    )
    assert (near < far / 2).all()


def test_negative_steps_are_refused():
    with pytest.raises(ValueError, match="`steps` must be at least 0, got -1"):
        nearest_drawn(torch.zeros(1, 1, 2, 2), encode=torch.flatten, decode=line, steps=-1)


@pytest.mark.parametrize("scale", [1, 255])
def test_the_nearest_real_images_give_their_classes(scale):
    real = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).reshape(5, 1, 1).expand(5, 2, 2)
    real = real if scale == 1 else (real * scale).to(torch.uint8)
    reference = Reference(
        images=real.contiguous(), classes=torch.tensor([0, 0, 1, 2, 2]), codes=torch.zeros(5, 1)
    )
    images = torch.tensor([0.04, 0.97]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert reference.nearest_classes(images, count=2).tolist() == [[0, 0], [2, 2]]
    assert reference.nearest_classes(images, count=99).shape == (2, 5)
