"""`xai attribute`, `xai faithfulness` and `xai figures`: files, JSON, and errors of one line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from xai_core import cli
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.of_bundle import attributions


def xai(*arguments, status=0):
    result = CliRunner().invoke(cli.app, [str(part) for part in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout, result.stderr


@pytest.fixture(scope="module")
def some_images(tiny_dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "some.npz"
    np.savez(path, images=tiny_dataset.test.images[:3].numpy())
    return path


def test_attribute_writes_what_the_library_gives(tiny_bundle, some_images, tmp_path):
    out, figure = tmp_path / "a.npz", tmp_path / "a.png"
    stdout, _ = xai(
        *("attribute", tiny_bundle.path, "--images", some_images, "--out", out, "--json"),
        *("--method", "integrated_gradients", "--set", "n_steps=6", "--figure", figure),
        *("--device", "cpu"),
    )
    said = json.loads(stdout)
    assert said["method"] == "integrated_gradients" and said["of"] == "classifier"
    assert said["arrays"]["attributions"] == [3, 28, 28] and 0 <= said["gap"] < 0.5
    wanted = attributions(
        tiny_bundle,
        tiny_bundle.dataset.test.images[:3],
        "integrated_gradients",
        config=AttributionConfig(n_steps=6),
    )
    with np.load(out, allow_pickle=False) as found:
        assert set(found) == {
            *("attributions", "targets", "method"),
            *("convergence_delta", "output_change", "incomplete"),
        }
        torch.testing.assert_close(torch.from_numpy(found["attributions"]), wanted.attributions)
        assert found["targets"].tolist() == wanted.target.tolist()
        assert str(found["method"]) == "integrated_gradients"
    with Image.open(figure) as picture:
        assert picture.width > 3 * 28 and picture.text["bundle"] == "bars"


def test_attribute_says_that_maps_are_incomplete(tiny_bundle, some_images, tmp_path, monkeypatch):
    monkeypatch.setattr("xai_core.attribution.api.LARGEST_GAP", -1.0)
    command = ("attribute", tiny_bundle.path, "--images", some_images, "--method", "deep_lift")
    stdout, stderr = xai(*command, "--out", tmp_path / "a.npz", "--json")
    assert json.loads(stdout)["incomplete"] == 3
    assert "warning: The shares of `deep_lift` do not sum to the output's change" in stderr
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert found["incomplete"].tolist() == [True] * 3


def test_attribute_explains_clusters_and_draws_svg(tiny_bundle, some_images, tmp_path):
    out, figure = tmp_path / "a.npz", tmp_path / "a.svg"
    stdout, _ = xai(
        *("attribute", tiny_bundle.path, "--images", some_images, "--out", out),
        *("--method", "saliency", "--of", "cluster", "--target", 1, "--figure", figure),
    )
    assert "attributions" in stdout and figure.read_text().startswith("<svg")
    with np.load(out, allow_pickle=False) as found:
        assert found["targets"].tolist() == [1, 1, 1]
        assert "convergence_delta" not in found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "lime"), "`method` must be one of saliency"),
        (("--method", "saliency", "--of", "labels"), "`output` must be one of classifier"),
        (("--method", "lrp", "--of", "elbo"), "sets rules on layers"),
        (("--method", "saliency", "--set", "steps=3"), "`--set` must name one of n_steps"),
        (("--method", "saliency", "--set", "n_steps=many"), "`--set n_steps` must be a number"),
        (("--method", "saliency", "--set", "n_steps=1"), "`n_steps` must be in"),
        (("--method", "saliency", "--figure", "a.gif"), "must end in .png or .svg"),
        (("--method", "critic", "--of", "elbo"), "has no critic of `elbo`"),
    ],
)
def test_attribute_refuses_with_one_line(options, message, tiny_bundle, some_images, tmp_path):
    out = tmp_path / "a.npz"
    _, stderr = xai(
        *("attribute", tiny_bundle.path, "--images", some_images, "--out", out, *options), status=1
    )
    line = stderr.strip().splitlines()[-1]
    assert line.startswith("error: ") and message in line
    assert not out.exists()


def test_faithfulness_prints_the_table_and_its_reasons(tiny_bundle):
    asked = ("faithfulness", tiny_bundle.path, "--methods", "saliency", "--num-images", 4)
    stdout, _ = xai(*asked, "--json", "--seed", 3)
    said = json.loads(stdout)
    assert [row["method"] for row in said["methods"]] == ["saliency", "random", "edges"]
    assert said["num_images"] == 4 and len(said["shares"]) == 15
    first = said["methods"][0]
    assert len(first["insertion_curve"]) == 15 and first["gap"]["mean"] is None
    assert said["methods"][1]["trusted"] is False
    assert (
        json.loads(xai(*asked, "--json", "--seed", 3)[0])["methods"][0]["insertion"]
        == (first["insertion"])
    )
    text, _ = xai(*asked)
    assert "Do not trust Random here: it hardly changes when everything" in text


def test_figures_writes_the_reports_figures_twice_over(tiny_bundle, tmp_path):
    stdout, _ = xai(
        *("figures", tiny_bundle.path, "--out", tmp_path / "new" / "figures", "--json"),
        *("--count", 2, "--of", "reconstruction", "--method", "input_x_gradient"),
    )
    said = json.loads(stdout)
    names = {path.name for path in (tmp_path / "new" / "figures").iterdir()}
    for stem in ("figure-2-train", "figure-3-test", "methods-test", "clusters-test"):
        assert {f"{stem}.png", f"{stem}.svg"} <= names
    assert len(said["files"]) == len(names) and "figure-1-model.svg" in names
    assert (said["of"], said["method"]) == ("reconstruction", "input_x_gradient")
    _, stderr = xai("figures", tiny_bundle.path, "--out", tmp_path, "--method", "lime", status=1)
    assert "`--method` must be one of saliency" in stderr
