"""`xai_core/latent_space/plane.py`."""

import pytest
import torch

from xai_core.latent_space.plane import Decisions, Window, decide, grid, window_around


def test_the_grid_has_equal_cells_from_the_upper_left():
    codes = grid(Window(-1.0, 2.0, 4.0), 2)
    assert codes.tolist() == [[0.0, 5.0], [2.0, 5.0], [0.0, 3.0], [2.0, 3.0]]


def test_the_window_is_a_square_around_codes_and_means():
    codes = torch.tensor([[0.0, 1.0], [3.0, 1.2], [1.0, 0.7]])
    means = torch.tensor([[-2.0, 1.0], [1.0, 1.0]])
    found = window_around(codes, means)
    assert (found.left * 2).is_integer() and (found.side * 2).is_integer()
    for x, y in [*codes.tolist(), *means.tolist()]:
        assert found.left <= x <= found.left + found.side
        assert found.bottom <= y <= found.bottom + found.side
    assert found.side <= 6.5


def test_other_dimensions_are_refused():
    with pytest.raises(ValueError, match="two dimensions, these codes have 16"):
        window_around(torch.zeros(3, 16), torch.zeros(2, 16))


def test_decisions_are_those_of_the_model_in_parts(tiny_bundle, monkeypatch):
    monkeypatch.setattr("xai_core.latent_space.plane.AT_ONCE", 7)
    model = tiny_bundle.model
    codes = grid(Window(-3.0, -3.0, 6.0), 5).to(tiny_bundle.device)
    found = decide(model, codes)
    with torch.no_grad():
        images = model.decode(codes)
        assert torch.allclose(found.images, images, atol=1e-5)
        assert torch.allclose(found.branch, model.cluster_probs(images), atol=1e-5)
    assert torch.allclose(found.mixture, model.prior.responsibilities(codes), atol=1e-6)
    assert torch.allclose(found.log_density, model.prior.log_prob(codes), atol=1e-5)


def test_agreement_is_weighted_by_the_prior():
    probs = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    other = torch.tensor([[0.8, 0.2], [0.7, 0.3], [0.9, 0.1]])
    density = torch.tensor([0.5, 0.3, 0.2]).log()
    found = Decisions(torch.zeros(3, 1, 8, 8), probs, other, density)
    assert found.agreement() == pytest.approx(0.7)
