"""One form for all images of a set: an upload is read as the import was, and colours stay."""

import numpy as np
import pytest
import torch
from PIL import Image

from xai_core.data.io.image_files import read_upload
from xai_core.data.preprocessing import Wanted, convert_array, convert_path, convert_picture
from xai_core.data.preprocessing_config import Preprocessing
from xai_core.data.registry import load_dataset
from xai_core.data.shapes import SHAPES, draw_shapes, load_shapes
from xai_core.errors import ConfigError
from xai_core.image_spec import ImageSpec

from ...conftest import bars


def digits():
    return load_dataset("mnist").test.images[:60, 0].numpy()


def ink_on_paper():
    paper = 240 - bars(60, seed=0).images[:, 0].numpy() // 2
    return np.pad(paper, ((0, 0), (3, 9), (0, 0)), constant_values=240)


def photographs():
    return draw_shapes(60, seed=0, side=40).images[:, :, 4:].permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    ("make", "strategy", "shape"),
    [
        (digits, "digits", (1, 28, 28)),
        (ink_on_paper, "glyphs", (1, 28, 28)),
        (photographs, "natural", (3, 36, 40)),
    ],
)
def test_an_upload_has_the_pixels_of_the_import(tmp_path, make, strategy, shape):
    for number, image in enumerate(make()):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    found = convert_path(tmp_path, None)
    form = found.preprocessing
    assert (form.strategy, form.spec.shape) == (strategy, shape)
    for number, expected in enumerate(found.images):
        content = (tmp_path / f"{number:02}.png").read_bytes()
        upload = read_upload(content, "x.png", channels=form.channels)
        assert torch.equal(convert_picture(upload, form).images[0], expected), number
    assert torch.equal(convert_array(make(), "x", form).images, found.images)
    data = load_dataset(tmp_path)
    assert data.preprocessing == form and data.spec == form.spec


def test_an_upload_is_judged_by_its_own_border():
    form = convert_array(digits()).preprocessing
    white = np.zeros((1, 40, 40), np.uint8)
    white[:, 10:30, 18:22] = 255
    glyphs = Preprocessing(by_border=True)
    expected = convert_array(white, "x", glyphs).images
    for same in (255 - white, 150 + (white // 3).astype(np.uint8)):
        found = convert_array(same, "x", glyphs).images
        assert (found.int() - expected.int()).abs().max() <= 3
        assert (convert_array(same, "x", form).images.int().amax((1, 2, 3)) == 255).all()
    one = Preprocessing(inverted=True)
    assert torch.equal(convert_array(white, "x", one.of_drawings).images, expected)


def test_the_form_can_be_stated(tmp_path):
    np.savez(tmp_path / "set.npz", images=photographs())
    for wanted, shape in (
        (Wanted(size=(16, 24)), (3, 16, 24)),
        (Wanted(strategy="glyphs"), (1, 28, 28)),
        (Wanted(strategy="glyphs", size=(32, 48)), (1, 32, 48)),
    ):
        data = load_dataset(tmp_path / "set.npz", wanted=wanted)
        assert data.spec.shape == shape == tuple(data.train.images.shape[1:])
    for wrong in ({"height": 4}, {"strategy": "digits", "height": 30}, {"invariances": ("x",)}):
        with pytest.raises(ConfigError):
            _ = Preprocessing(**wrong).spec


def test_shapes_come_with_the_truth():
    found = draw_shapes(50, seed=3)
    assert found.images.shape == (50, 3, 48, 48) and found.masks.shape == (50, 48, 48)
    assert found.labels.bincount().tolist() == [10] * len(SHAPES)
    share = found.masks.float().mean((1, 2))
    assert (share > 0.03).all() and (share < 0.45).all()
    x = found.images.float()
    inside, outside = ((x * m[:, None]).sum((2, 3)) / m.sum((1, 2))[:, None]
                       for m in (found.masks, ~found.masks))  # fmt: skip
    assert ((inside - outside).abs().amax(1) > 40).all()
    assert torch.equal(draw_shapes(50, seed=3).images, found.images)
    patched = draw_shapes(50, seed=3, shortcut=True).images
    changed = (patched != found.images).flatten(1).any(1)
    assert torch.equal(changed, found.labels == SHAPES.index("star"))
    factors = found.factors
    assert factors["shape"].tolist() == [SHAPES[label] for label in found.labels]
    places = torch.arange(48) + 0.5
    for name, axis in (("from left", 1), ("from top", 2)):
        centres = (found.masks.sum(axis) * places).sum(1) / found.masks.sum((1, 2)) / 48
        assert (centres - torch.tensor(factors[name].to_numpy())).abs().max() < 0.03
    assert (
        factors.groupby("shape")["angle"].max().between(0, [1e-9, 90, 90, 72, 120]).all()
    )  # circle, cross, square, star, triangle


@pytest.mark.slow
def test_shapes_are_a_data_set_of_the_package():
    data = load_shapes()
    assert data.spec == ImageSpec(channels=3, height=48, width=48, look="natural")
    assert data.sha256 == "ce956cd90fb29d0a563b9c9dd2ae46b19ac432835f640f23a6890ea54b7cf1c3"
    assert list(data.columns) == ["hue", "background hue", "radius", "from left", "from top",
                                  "angle", "shape"]  # fmt: skip
    assert len(data.columns) == 5_000
