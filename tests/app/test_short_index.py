"""Pages of a model whose index covers the first train images only."""

import numpy as np
import pytest

from dashboard.links import PAGES
from dashboard.views.compare import loader
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle

from .conftest import _open

COVERED = 12


@pytest.fixture(scope="module")
def short(tiny_parts, tmp_path_factory):
    index = tiny_parts["index"]
    kept = index[(index["split"] == "test") | (np.arange(len(index)) < COVERED)]
    root = tmp_path_factory.mktemp("short")
    save_bundle(root / "checkpoints" / "short", **{**tiny_parts, "index": kept})
    save_bundle(root / "checkpoints" / "whole", **tiny_parts)
    return root


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(page, short, monkeypatch):
    monkeypatch.chdir(short)
    for bundle, image in (("short", "train:11"), ("whole", "test:3")):
        app = _open(page, bundle=bundle, image=image)
        assert not app.error


def test_an_image_outside_the_index_is_not_selected(short, monkeypatch, text_of):
    monkeypatch.chdir(short)
    app = _open(bundle="short", image="train:30")
    assert "There is no image `train:30` in `short`" in text_of(app)


def test_models_are_compared_on_the_images_of_both_indexes(short):
    both = [load_bundle(short / "checkpoints" / name) for name in ("short", "whole")]
    for pair in (both, both[::-1]):
        found = loader.compared(*pair, "train")
        assert (found.images, found.differ) == (COVERED, [])
        assert found.agreement.share == 1
        assert loader.compared(*pair, "test").images == 20
