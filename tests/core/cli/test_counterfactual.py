import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from xai_core.cli import app
from xai_core.counterfactual.of_bundle import counterfactuals


def run(*arguments):
    return CliRunner().invoke(app, ["counterfactual", *map(str, arguments)])


@pytest.fixture
def images(tiny_dataset, tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, images=tiny_dataset.test.images[:4].numpy())
    return path


def test_the_command_writes_what_the_library_finds(tiny_bundle, images, tmp_path):
    out, figure = tmp_path / "cf.npz", tmp_path / "cf.png"
    asked = ("--images", images, "--target", "all", "--out", out, "--figure", figure, "--json")
    result = run(tiny_bundle.path, *asked, "--device", "cpu", "--probability", "0.9")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    with np.load(out, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    assert {name: list(array.shape) for name, array in found.items()} == said["arrays"]
    assert found["counterfactuals"].shape == found["reconstructions"].shape == (4, 28, 28)
    assert found["distances"].shape == (4, 2)
    assert said["rows"] == 4 and said["converged"] == int(found["converged"].sum())
    assert (found["source"] != found["target"]).all()
    with Image.open(figure) as picture:
        assert picture.size[1] > 4 * 28
    with np.load(images, allow_pickle=False) as arrays:
        pixels = torch.from_numpy(arrays["images"])
    from xai_core.counterfactual.task import CounterfactualConfig

    again = counterfactuals(
        tiny_bundle, pixels, "all", config=CounterfactualConfig(target_probability=0.9)
    )
    assert np.allclose(again.counterfactuals[:, 0].numpy(), found["counterfactuals"], atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--target": "two"}, "`target` must be one whole number or one of |, -"),
        ({"--target": "7"}, "`target` must be in"),
        ({"--target": "9" * 30}, "`target` must be one whole number"),
        ({"--max-steps": "0"}, "`max_steps` must be at least 1"),
        ({"--out": "cf.npy"}, "`--out` must end in .npz"),
        ({"--figure": "cf.pdf"}, "`--figure` must end in .png"),
        ({"--probability": "1.5"}, "`target_probability` must be in"),
    ],
)
def test_wrong_options_are_one_line(tiny_bundle, images, tmp_path, changed, message):
    options = {"--images": images, "--target": 1, "--out": tmp_path / "cf.npz"} | changed
    result = run(tiny_bundle.path, *(part for pair in options.items() for part in pair))
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())


def test_a_target_may_have_to_be_surer_than_the_search_aims_at(tiny_bundle, images, tmp_path):
    out = tmp_path / "cf.npz"
    options = ("--images", images, "--target", 1, "--out", out, "--probability", 0.9999)
    assert run(tiny_bundle.path, *options).exit_code == 0
    assert run(tiny_bundle.path, *options, "--max-steps", 1, "--method", "pixel").exit_code == 0
    assert np.load(out, allow_pickle=False)["reasons"].tolist()[0].startswith("the ascent stalled")
