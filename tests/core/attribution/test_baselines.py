"""Baselines against closed forms."""

import pytest
import torch

from xai_core.attribution.baselines import BASELINES, blurred
from xai_core.attribution.of_bundle import baselines_of, mean_image, other_cluster, prototypes
from xai_core.data.preprocessing import to_float
from xai_core.latent_space.traversal import transport


def test_blurring_keeps_what_is_constant_and_takes_away_contrast():
    flat = torch.full((2, 1, 28, 28), 0.3)
    torch.testing.assert_close(blurred(flat), flat)
    dot = torch.zeros(1, 1, 28, 28)
    dot[..., 14, 14] = 1
    found = blurred(dot, 2.0)
    assert found.sum() == pytest.approx(1, abs=1e-3)
    assert found.max() == found[0, 0, 14, 14] == pytest.approx(1 / (2 * torch.pi * 4), rel=0.02)
    torch.testing.assert_close(found, found.transpose(2, 3))


def test_the_mean_image_is_that_of_the_train_split(tiny_bundle):
    wanted = to_float(tiny_bundle.dataset.train.images).mean(0, keepdim=True)
    torch.testing.assert_close(mean_image(tiny_bundle).cpu(), wanted)


def test_prototypes_decode_the_centres(tiny_bundle):
    model = tiny_bundle.model
    torch.testing.assert_close(prototypes(tiny_bundle), model.decode(model.prior.mean))


def test_the_other_cluster_is_where_a_code_is_carried_to(tiny_bundle):
    x = to_float(tiny_bundle.dataset.test.images[:8], tiny_bundle.device)
    model, prior = tiny_bundle.model, tiny_bundle.model.prior
    found = other_cluster(tiny_bundle, x)
    for image, decoded in zip(x.split(1), found, strict=True):
        posterior = model.encode(image)
        own = int(posterior.cluster_logits.argmax())
        options = {"source": own, "mean": prior.mean, "scale": prior.scale, "rescale": True}
        z = transport(posterior.mean[0], **options)[1 - own]
        torch.testing.assert_close(decoded, model.decode(z[None])[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_has_the_rows_its_card_says(name, tiny_bundle):
    x, card = to_float(tiny_bundle.dataset.test.images[:5], tiny_bundle.device), BASELINES[name]
    found = baselines_of(tiny_bundle, x, name)
    assert found.shape[1:] == (1, 28, 28) and 0 <= found.min() and found.max() <= 1
    assert len(found) == (5 if card.per_image else 2 if card.several else 1)
    assert card.serves("one") or card.serves("set")
    assert card.note.endswith(".") and not card.serves("none")


def test_an_unknown_baseline_is_refused(tiny_bundle):
    with pytest.raises(ValueError, match="must be one of mean, zero, blurred, .*, got 'grey'"):
        baselines_of(tiny_bundle, torch.zeros(1, 1, 28, 28), "grey")
