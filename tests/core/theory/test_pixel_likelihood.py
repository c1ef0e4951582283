"""Nats of single pixels: they add up to the likelihood term, for every kind of model."""

import math

import pytest
import torch

from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.theory.bounds import bound_given_x, draw
from xai_core.theory.pixel_likelihood import pixel_likelihood

SMALL = {"channels": (4, 4, 8), "decoder_channels": (4, 4, 4), "hidden": 8, "latent_dim": 2}


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("conditioning", ["z", "z+c"])
def test_the_pixels_add_up_to_the_term(likelihood, conditioning):
    torch.manual_seed(0)
    config = ClusterVAEConfig(
        num_clusters=3, likelihood=likelihood, decoder_conditioning=conditioning, **SMALL
    )
    model, noise = ClusterVAE(config).eval(), torch.Generator().manual_seed(0)
    x = torch.rand(1, 1, 28, 28, generator=noise).round()
    drawn = draw(model, x, num_samples=300, generator=noise)
    probs = torch.tensor([[0.7, 0.3, 0.0]], dtype=torch.float64)
    found = pixel_likelihood(model, x, drawn.z[:, 0].float(), probs[0].float())
    assert found.nats.shape == (1, 28, 28)
    expected = bound_given_x(drawn, probs).reconstruction.item()
    assert found.total == pytest.approx(expected, abs=2e-3)
    each = (probs[0] * drawn.log_likelihood[:, 0]).sum(-1)
    assert found.error == pytest.approx(each.std().item() / math.sqrt(300), rel=1e-3)


def test_a_pixel_costs_what_the_formula_says():
    """A decoder that draws g = sigmoid(0) everywhere: every binary pixel costs ln 2."""
    model = ClusterVAE(ClusterVAEConfig(num_clusters=2, **SMALL)).eval()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.zero_()
    x = torch.zeros(1, 1, 28, 28)
    x[..., :14] = 1
    found = pixel_likelihood(model, x, torch.zeros(5, 2), torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(found.nats, torch.full((1, 28, 28), -math.log(2)))
    assert found.total == pytest.approx(-784 * math.log(2), rel=1e-6)
    assert found.error == pytest.approx(0, abs=1e-4)
