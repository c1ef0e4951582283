"""A path may begin with `~` wherever a person gives one, and no folder called `~` is made."""

import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dashboard.notebook import Drawing, Page
from dashboard.views.train.loader import absolute
from xai_core import cli
from xai_core.atomic_write import write_arrays
from xai_core.bundle.listing import list_bundles
from xai_core.bundle.paths import find_bundle
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data.preprocessing import convert_path, read_images
from xai_core.data.registry import _downloads, load_dataset
from xai_core.errors import DataError
from xai_core.models.graph.onnx_file import read_onnx

IMAGES = np.random.default_rng(0).integers(0, 256, (14, 28, 28), dtype=np.uint8)


@pytest.fixture
def home(tmp_path, tiny_bundle_path, monkeypatch):
    """A home folder with a bundle, images and a folder of images; the work is elsewhere."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    (home / "folder").mkdir(parents=True)
    elsewhere.mkdir()
    (home / "bars").symlink_to(tiny_bundle_path)
    np.savez(home / "x.npz", images=IMAGES)
    np.save(home / "x.npy", IMAGES)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(elsewhere)
    yield home
    assert not list(elsewhere.iterdir()), "something was written into a folder called ~"


READ = {
    "find_bundle": lambda: find_bundle("~/bars").name == "bars",
    "load_bundle": lambda: load_bundle("~/bars").name == "bars",
    "load_dataset": lambda: len(load_dataset("~/x.npz").train) == 12,
    "read_images of an .npz": lambda: len(read_images("~/x.npz")) == 14,
    "read_images of an .npy": lambda: len(read_images("~/x.npy")) == 14,
    "convert_path": lambda: len(convert_path("~/./x.npz", None).images) == 14,
    "a path": lambda: len(read_images(os.path.join("~", "folder", "..", "x.npz"))) == 14,
    "the page Train": lambda: absolute(" ~/x.npz ") == os.path.expanduser("~/x.npz"),
}


@pytest.mark.parametrize("way", READ)
def test_what_is_read_may_lie_in_the_home_folder(way, home):
    assert READ[way]()


def test_variables_may_name_the_home_folder(home, monkeypatch):
    assert _downloads(None) == home / ".cache" / "xai"
    for name in ("XAI_BUNDLES", "XAI_DATA"):
        monkeypatch.setenv(name, "~")
    assert find_bundle("bars") == home / "bars"
    assert [found.path for found in list_bundles()] == [home / "bars"]
    assert _downloads(None) == home


WRITTEN = {
    "write_arrays": lambda parts: write_arrays(Path("~/made"), {"x": IMAGES}),
    "save_bundle": lambda parts: save_bundle("~/made", **parts),
    "a notebook's figure": lambda parts: Drawing(b"<svg/>").save("~/made"),
    "a notebook's report": lambda parts: Page(b"<html>").save("~/made"),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_what_is_written_may_go_into_the_home_folder(way, home, tiny_parts):
    WRITTEN[way](tiny_parts)
    assert (home / "made").exists()


ATTRIBUTE = "attribute ~/bars --images test:0 --method saliency --out ~/made.npz"
NEAREST = "counterfactual ~/bars --images test:0 --target 1 --method nearest"


@pytest.mark.parametrize(
    ("line", "made"),
    [
        ("encode ~/bars --images ~/x.npz --out ~/made.npz", "made.npz"),
        ("encode ~/bars --images=~/x.npy --out=~/made.npz", "made.npz"),
        (ATTRIBUTE, "made.npz"),
        (f"{ATTRIBUTE} --figure ~/made.png", "made.png"),
        (f"{NEAREST} --out ~/made.npz", "made.npz"),
        (f"{NEAREST} --out ~/other.npz --figure=~/made.png", "made.png"),
        ("info ~/bars", "bars"),
        ("evaluate ~/bars --likelihood-images 0", "bars"),
        ("report ~/bars --image test:0 --out ~/made.html", "made.html"),
        ("figures ~/bars --out ~/made --count 2 --method saliency", "made"),
    ],
)
def test_every_command_takes_paths_in_the_home_folder(line, made, home):
    result = CliRunner().invoke(cli.app, line.split())
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert (home / made).exists()


def test_an_empty_path_is_not_the_current_folder(home, tmp_path, subtests):
    ways = (load_dataset, read_images, lambda path: convert_path(path, None),
            read_onnx)  # fmt: skip
    for way in ways:
        with subtests.test(way=way), pytest.raises(DataError, match="must not be empty"):
            way("")
    for command in (["train", "--data", "", "--out", "x"],
                    ["encode", "~/bars", "--images", "", "--out", "z.npz"]):  # fmt: skip
        with subtests.test(command=command):
            result = CliRunner().invoke(cli.app, command)
            assert result.exit_code == 2 and "must not be empty. Give a value" in result.stderr
