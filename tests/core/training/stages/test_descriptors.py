import torch
from torch.nn import functional

from xai_core.training.stages.pseudo_labels import deslant, oriented_gradients


def stroke(slant: float, shift: int = 0) -> torch.Tensor:
    """Draw a bar whose rows move by `slant` pixels a row."""
    rows = torch.arange(28.0)[:, None]
    columns = torch.arange(28.0)[None]
    centre = 13.5 + shift + slant * (rows - 13.5)
    bar = (1.5 - (columns - centre).abs()).clamp(0, 1) * ((rows - 13.5).abs() < 8)
    return bar[None, None]


def test_deslant_makes_a_slanted_bar_upright_and_centred():
    upright = deslant(stroke(0.0))
    for slanted in (stroke(0.4), stroke(-0.5), stroke(0.3, shift=4)):
        difference = (deslant(slanted) - upright).abs().sum() / upright.sum()
        assert difference < 0.4
        assert (slanted - stroke(0.0)).abs().sum() / upright.sum() > 1.2


def test_features_are_unit_histograms_of_eight_directions():
    features = oriented_gradients(torch.rand(5, 1, 28, 28))
    assert features.shape == (5, 8 * 7 * 7)
    torch.testing.assert_close(features.square().square().sum(1), torch.ones(5))
    assert (features >= 0).all()


def test_features_tell_horizontal_from_vertical_but_ignore_slant():
    upright, slanted = stroke(0.0), stroke(0.35)
    flat = upright.transpose(-1, -2)
    a, b, c = oriented_gradients(torch.cat([upright, slanted, flat]))
    assert functional.cosine_similarity(a, b, 0) > 0.9
    assert functional.cosine_similarity(a, c, 0) < 0.6


def test_a_blank_image_has_finite_features():
    assert oriented_gradients(torch.zeros(1, 1, 28, 28)).isfinite().all()
