import pytest
import torch

from xai_core.counterfactual.certificate import certify
from xai_core.models.jacobian import decoder_jacobian


@pytest.fixture
def weights():
    return torch.randn(16, 3, dtype=torch.float64)


def linear(weights):
    return lambda z: (z @ weights.T).reshape(-1, 1, 4, 4)


def bent(weights):
    return lambda z: (z @ weights.T).sigmoid().reshape(-1, 1, 4, 4)


def two_classes(images):
    return torch.stack([images.flatten(1)[:, :8].sum(1), images.flatten(1)[:, 8:].sum(1)], 1)


def test_the_jacobian_of_a_linear_decoder_is_its_matrix(weights):
    z = torch.randn(5, 3, dtype=torch.float64)
    assert torch.allclose(decoder_jacobian(z, linear(weights)), weights.expand(5, -1, -1))


def test_the_law_is_exact_for_a_linear_decoder(weights):
    z = torch.randn(4, 3, dtype=torch.float64)
    found = certify(z, target=1, decode=linear(weights), forward=two_classes)
    assert found.residuals.max() < 1e-10
    assert torch.allclose(found.share_in_span, torch.ones(4, dtype=torch.float64))
    expected = torch.linalg.svdvals(weights).expand(4, -1)
    assert torch.allclose(found.singular_values, expected)


def test_the_residual_of_a_bent_decoder_falls_with_slope_two(weights):
    z = torch.randn(4, 3, dtype=torch.float64)
    target = torch.tensor([0, 1, 0, 1])
    found = certify(z, target=target, decode=bent(weights), forward=two_classes)
    assert ((found.slope - 2).abs() < 0.1).all()
    assert (found.share_in_span > 0.999).all()
    assert (found.shares <= 1 + 1e-12).all() and found.residuals.shape == (4, 5)


@pytest.mark.parametrize("lengths", [(0.1,), (0.0, 0.1), (0.2, 0.1)])
def test_lengths_must_rise(weights, lengths):
    z = torch.zeros(1, 3, dtype=torch.float64)
    with pytest.raises(ValueError, match="at least two positive, increasing values"):
        certify(z, target=0, decode=linear(weights), forward=two_classes, lengths=lengths)
