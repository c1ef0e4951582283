"""What is unlike the training images is said to be so, and test images mostly are not."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from xai_core.bundle.reading import load_bundle
from xai_core.data.digits import normalise_digit
from xai_core.data.io.pixel_values import channels_first
from xai_core.evaluation.typicality import RARE, SAMPLE, typical_range
from xai_core.latent_space.encoding import encode_dataset


def judged(bundle, images):
    known, seen = (
        typical_range(bundle),
        encode_dataset(bundle.model, channels_first(images, "x"), device="cpu"),
    )
    columns = (seen.terms.elbo.tolist(), seen.mean, seen.confidence.tolist())
    return [known.of(*one) for one in zip(*columns, strict=True)]


def test_shares_and_limits_are_counts(tiny_bundle):
    known, index = typical_range(tiny_bundle), tiny_bundle.index
    train, test = (index["split"] == part for part in ("train", "test"))
    found = known.of(float(index["elbo"][train].median()), tiny_bundle.latents[0])
    assert found.elbo_share == pytest.approx((index["elbo"][train] < found.elbo).mean())
    limits = index["elbo"][test].quantile([RARE / 2, 1 - RARE / 2])
    assert (found.elbo_floor, found.elbo_ceiling) == pytest.approx(tuple(limits))
    z, codes = (
        tiny_bundle.latents[-1],
        tiny_bundle.latents[torch.from_numpy(train.to_numpy().copy())],
    )
    nearest = (codes - z).square().sum(1).sqrt().sort().values[:10].mean()
    assert known.of(0.0, z).distance == pytest.approx(float(nearest), rel=1e-4)
    assert known.of(0.0, z + 100).distance_share == 1 and known.of(0.0, z + 100).unlike
    assert known.of(-1e9, z).badly_explained and known.of(-1e9, z).elbo_share == 0
    assert known.of(1e9, z).too_simple and known.of(1e9, z).unlike
    assert not known.of(found.elbo, tiny_bundle.latents[0]).undecided
    assert known.of(found.elbo, tiny_bundle.latents[0], 0.1).undecided


@pytest.fixture(scope="module")
def mnist():
    return load_bundle("mnist")


def test_few_test_images_are_called_unlike(mnist):
    known, index = typical_range(mnist), mnist.index
    rows = np.random.default_rng(1).permutation(np.flatnonzero(index["split"] == "test"))[:300]
    facts = index[["elbo", "confidence"]].to_numpy(float).tolist()
    unlike = [known.of(facts[r][0], mnist.latents[r], facts[r][1]).unlike for r in rows]
    assert np.mean(unlike) < 3 * RARE and len(known.distances) == SAMPLE


def letter(text):
    page = Image.new("L", (300, 300))
    ImageDraw.Draw(page).text((60, 20), text, fill=255, font=ImageFont.load_default(200))
    return normalise_digit(np.asarray(page))


def test_noise_blank_letters_and_photographs_are_unlike(mnist):
    rng, (y, x) = np.random.default_rng(0), np.mgrid[:28, :28] / 28
    shaded = 0.3 + 0.4 * x + 0.25 * np.sin(9 * y) + 0.05 * rng.normal(size=(28, 28))
    images = {
        "noise": torch.from_numpy(rng.integers(0, 256, (28, 28), dtype=np.uint8)),
        "specks": torch.from_numpy((rng.random((28, 28)) < 0.13).astype(np.uint8) * 255),
        "blank": torch.zeros(28, 28, dtype=torch.uint8),
        "white": torch.full((28, 28), 255, dtype=torch.uint8),
        "like a photograph": torch.from_numpy((255 * shaded.clip(0, 1)).astype(np.uint8)),
        **{text: letter(text) for text in "KMWX"},
    }
    found = dict(zip(images, judged(mnist, torch.stack(list(images.values()))), strict=True))
    assert [name for name, one in found.items() if not one.unlike] == []
    assert found["blank"].undecided and not found["blank"].badly_explained


def test_printed_digits_are_like_them(mnist):
    found = judged(mnist, torch.stack([letter(text) for text in "0235678"]))
    assert sum(one.unlike for one in found) <= 1
