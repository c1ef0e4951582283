"""Bundles whose index covers the first train images only."""

import numpy as np
import pytest
import torch

from xai_core import attributions, counterfactuals, encode
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.errors import DataError
from xai_core.evaluation.conformal import hold_out
from xai_core.evaluation.verification import verify
from xai_core.plots.latent_map.in_browser import fixed
from xai_core.plots.latent_map.points import places
from xai_core.report.model_card import making

COVERED = 12


@pytest.fixture(scope="module")
def short(tiny_parts, tmp_path_factory, device):
    index = tiny_parts["index"]
    kept = index[(index["split"] == "test") | (np.arange(len(index)) < COVERED)]
    folder = tmp_path_factory.mktemp("short") / "checkpoints" / "short"
    save_bundle(folder, **{**tiny_parts, "index": kept})
    return load_bundle(folder, device=device)


def test_it_opens_with_all_images_and_rows_for_some(short):
    assert (len(short.dataset.train), len(short.index), len(short.latents)) == (40, 32, 32)
    assert short.manifest.indexed == {"train": COVERED, "test": 20}
    assert short.row("test:3")["id"] == "test:3"
    assert short.row("train:11")["id"] == "train:11"
    with pytest.raises(DataError, match="train:12' in the index of 'short', which has train:0 to"):
        short.position("train:12")


def test_an_image_outside_the_index_is_placed_beside_its_neighbours(short, tiny_bundle):
    for image_id in ("train:11", "test:3"):
        found = encode(short, short.image(image_id)[None]).umap
        assert torch.equal(found[0], short.latent_index.places[short.position(image_id)])
    new = encode(short, short.image("train:30")[None])
    assert torch.isfinite(new.umap).all()
    whole = tiny_bundle.latents[tiny_bundle.position("train:30")]
    assert torch.allclose(new.encoding.mean[0], whole, atol=1e-4)


def test_explainers_and_checks_read_the_rows_of_the_right_images(short, tiny_bundle):
    images = short.dataset.test.images[:2]
    assert attributions(short, images, "saliency").attributions.shape == (2, 28, 28)
    changed = counterfactuals(short, images, [1, 0])
    assert changed.images.shape == (2, 1, 28, 28)
    facts = verify(short, num_images=10, num_samples=5)
    assert all(fact.holds for fact in facts if fact.name.startswith("The index's"))
    assert np.array_equal(
        hold_out(short, "classifier").p_values, hold_out(tiny_bundle, "classifier").p_values
    )
    assert fixed(short, places(short.latent_index.places.numpy()))["splits"][1] == ["test", 12]


def test_the_card_says_what_the_index_covers(short, tiny_bundle):
    config = short.model.config
    said = dict(making(short.manifest, config))
    assert said["Index and map"] == "the first 12 train and all test images"
    assert said["Data set"] == "bars: 40 train and 20 test"
    assert "Index and map" not in dict(making(tiny_bundle.manifest, config))


def test_saved_again_it_stays_the_same(short, tmp_path):
    again = load_bundle(save_bundle(tmp_path / "again", bundle=short))
    assert again.manifest.indexed_train == COVERED
    assert again.index.equals(short.index)
    assert torch.equal(again.image("train:39"), short.image("train:39"))
