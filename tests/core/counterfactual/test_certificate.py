"""The first-order law of counterfactuals on a bundle, in float64."""

import pytest
import torch

from xai_core.counterfactual.of_bundle import certify_images, tangent_images


def test_the_law_holds_with_slope_two_inside_the_tangent_space(tiny_bundle):
    found = certify_images(tiny_bundle, tiny_bundle.dataset.test.images[:4])
    assert found.slope.shape == (4,)
    torch.testing.assert_close(found.slope, torch.full((4,), 2.0).double(), atol=0.1, rtol=0)
    assert (found.share_in_span > 0.999).all()
    assert (found.singular_values.diff(dim=1) <= 0).all()


def test_the_models_of_the_bundle_stay_as_they_are(tiny_bundle):
    certify_images(tiny_bundle, tiny_bundle.dataset.test.images[:1], target=0)
    assert next(tiny_bundle.model.parameters()).dtype == torch.float32
    assert next(tiny_bundle.classifier.parameters()).dtype == torch.float32


@pytest.mark.parametrize("count", [1, 2])
def test_tangent_directions_are_orthonormal(tiny_bundle, count):
    found = tangent_images(tiny_bundle, tiny_bundle.dataset.test.images[:3], count)
    assert found.shape == (3 * count, 1, 28, 28)
    rows = found.reshape(3, count, -1)
    unit = torch.eye(count).double().expand(3, -1, -1)
    torch.testing.assert_close(rows @ rows.mT, unit, atol=1e-8, rtol=0)
    assert (rows.sum(-1) >= 0).all()
