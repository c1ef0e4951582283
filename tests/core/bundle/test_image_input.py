"""Images reach a bundle's models in the same form, whichever way they come."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from xai_core import cli
from xai_core.attribution.of_bundle import attributions
from xai_core.bundle import image_input
from xai_core.bundle.encode import encode
from xai_core.bundle.image_input import as_byte_images, as_float_images
from xai_core.bundle.reading import load_bundle
from xai_core.counterfactual.of_bundle import counterfactuals
from xai_core.data.preprocessing import read_images
from xai_core.data.preprocessing_config import Preprocessing
from xai_core.errors import DataError
from xai_core.evaluation.faithfulness.table import scores
from xai_core.image_spec import ImageSpec

from ...degenerate import save_set


@pytest.fixture(scope="module")
def raw(tiny_dataset):
    """Dark bars on light paper, 14 x 14, in colour, of 12 bits."""
    paper = 255 - tiny_dataset.train.images[:, 0, ::2, ::2].numpy()
    return np.repeat(paper[..., None], 3, -1).astype(np.uint16) * 16


@pytest.fixture(scope="module")
def trained_on_raw(raw, tiny_parts, tmp_path_factory):
    root = tmp_path_factory.mktemp("raw")
    split = np.array(["train"] * 30 + ["test"] * 10)
    np.savez(root / "paper.npz", images=raw, labels=np.arange(40) % 2, split=split)
    save_set(root / "paper", root / "paper.npz", tiny_parts)
    return root / "paper"


def test_the_reading_of_a_set_is_stored_with_its_bundle(trained_on_raw):
    bundle = load_bundle(trained_on_raw)
    expected = Preprocessing(inverted=True, by_border=True, ground=1, full_scale=4095)
    assert bundle.preprocessing == bundle.dataset.preprocessing == expected
    assert bundle.spec == ImageSpec(look="dark_on_light")


@pytest.mark.parametrize(
    "version", ["schema_1", "schema_2_0", "schema_2_1", "schema_2_2", "schema_2_3"]
)
def test_a_bundle_of_an_older_schema_opens_with_the_same_numbers(version):
    bundle = load_bundle(Path(__file__).parent / "stored" / version)
    assert bundle.model.config.encoder_conditioning == "x"
    assert bundle.manifest.schema_version == "2.4"
    assert bundle.preprocessing == Preprocessing(inverted=True, full_scale=4095)
    images = torch.cat([bundle.dataset.train.images, bundle.dataset.test.images])
    assert images.shape == (4, 1, 28, 28)
    assert torch.allclose(encode(bundle, images).encoding.mean, bundle.latents, atol=1e-6)


def test_the_file_that_trained_a_bundle_is_read_as_it_was_then(
    trained_on_raw, raw, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    bundle, data = load_bundle(trained_on_raw), trained_on_raw.parent / "paper.npz"
    stored = torch.cat([bundle.dataset.train.images, bundle.dataset.test.images])
    assert torch.equal(read_images(data, bundle.preprocessing), stored)
    assert torch.equal(as_byte_images(bundle, raw), stored)
    assert torch.equal(as_byte_images(bundle, raw[:1]), stored[:1])
    commands = (
        ["encode"],
        ["attribute", "--method", "saliency"],
        ["counterfactual", "--target", "1", "--of", "cluster", "--method", "nearest"],
    )
    for command, *options in commands:
        line = [command, str(trained_on_raw), "--images", str(data), "--out", "x.npz", *options]
        result = CliRunner().invoke(cli.app, line)
        assert result.exit_code == 0, result.stderr
        assert "40 images were inverted, as the images of the bundle were." in result.stderr
        assert "40 images were made grey from colour." in result.stderr
        arrays = dict(np.load("x.npz"))
        if command == "encode":
            assert np.allclose(arrays["mean"], bundle.latents.numpy(), atol=1e-6)
        if command == "counterfactual":
            assert np.array_equal(arrays["images"], stored[:, 0].numpy() / np.float32(255))


def test_a_folder_of_the_same_images_is_read_alike(trained_on_raw, raw, tmp_path):
    bundle = load_bundle(trained_on_raw)
    grey = raw[..., 0]
    for number, image in enumerate(grey):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "ab"[number % 2] / f"{number:02}.png")
    found = read_images(tmp_path, bundle.preprocessing)
    expected = as_byte_images(bundle, np.concatenate([grey[::2], grey[1::2]]))
    # files of 16 bits are resized before they become bytes, so that a set fits into memory
    assert (found.int() - expected.int()).abs().max() <= 1


FORMS = {
    "bytes": lambda x: x[:, 0],
    "bytes with a channel": lambda x: x,
    "floats": lambda x: (x.float() / 255)[:, 0],
    "floats with a channel": lambda x: x.float() / 255,
    "doubles": lambda x: x.double() / 255,
    "a little above 1": lambda x: x.float() / 255 * 1.0000001,
    "floats to 255": lambda x: x.float(),
    "array of bytes": lambda x: x[:, 0].numpy(),
    "array of floats": lambda x: x.numpy() / 255,
    "array in colour": lambda x: np.repeat(x[:, 0].numpy()[..., None], 3, -1),
    "array of colours first": lambda x: np.repeat(x.numpy(), 3, 1),
    "array of whole numbers": lambda x: x.numpy().astype(int),
}


def test_a_form_of_the_images_changes_no_answer(tiny_bundle, subtests):
    for form in FORMS:
        with subtests.test(form=form):
            images = tiny_bundle.dataset.test.images
            given = FORMS[form](images)
            assert torch.equal(as_byte_images(tiny_bundle, given), images)
            expected = as_float_images(tiny_bundle, images)
            assert torch.allclose(as_float_images(tiny_bundle, given), expected, atol=1e-6)
            assert torch.equal(
                encode(tiny_bundle, given).encoding.mean, encode(tiny_bundle, images).encoding.mean
            )


ASKED = {
    "encode": encode,
    "attributions": lambda bundle, x: attributions(bundle, x, "saliency"),
    "counterfactuals": lambda bundle, x: counterfactuals(bundle, x, 1),
    "scores": lambda bundle, x: scores(bundle, x, ["saliency"]),
}


def test_no_way_in_takes_what_is_no_image(tiny_bundle, subtests):
    for asked in ASKED:
        for change, message in [
            (lambda x: x * float("nan"), "NaN or infinity in row 0"),
            (lambda x: x / 51, "values from 0 to .* Divide them by their white"),
            (lambda x: x / 255 - 0.5, "Shift and scale them"),
            (lambda x: (x * float("nan")).numpy(), "NaN or infinity in row 0"),
        ]:
            with subtests.test(asked=asked, change=change, message=message):
                with pytest.raises(DataError, match=message):
                    ASKED[asked](tiny_bundle, change(tiny_bundle.dataset.test.images.float()))
                with pytest.raises(ValueError, match=r"`images` must be uint8 \(N, 1, 28, 28\)"):
                    ASKED[asked](tiny_bundle, torch.zeros(2, 1, 14, 14))


def test_a_path_may_begin_with_a_tilde_everywhere(tiny_bundle_path, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars").symlink_to(tiny_bundle_path)
    np.savez(tmp_path / "x.npz", images=np.zeros((2, 28, 28), np.uint8))
    for line in (
        ["encode", "~/bars", "--images", "~/x.npz", "--out", "~/z.npz"],
        ["encode", "~/bars", "--images=~/x.npz", "--out=~/y.npz"],
    ):
        result = CliRunner().invoke(cli.app, line)
        assert result.exit_code == 0, result.stderr
    assert (tmp_path / "z.npz").is_file() and (tmp_path / "y.npz").is_file()
    assert not (tmp_path / "~").exists()


def test_what_is_no_array_is_refused_with_the_way_to_one(tiny_bundle, subtests):
    for images in (["test:0"], "test:0", None, 3, [[0.0]], {"images": 1}, Image.new("L", (28, 28)),
                   (torch.rand(1, 28, 28),), b"", 0.5):  # fmt: skip
        with subtests.test(images=images):
            with pytest.raises(TypeError, match=r"tensor or a NumPy array, got a \w+\. `bundle"):
                image_input._of_form.__wrapped__(tiny_bundle, images)
