"""`xai attribute`, `xai faithfulness` and `xai figures`: files, JSON, and errors of one line."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from xai_core import cli
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.of_bundle import attributions
from xai_core.bundle.reading import digest_of, load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.data.dataset import build_dataset
from xai_core.data.user_images import own_id
from xai_core.evaluation.faithfulness.summary import kept_summary
from xai_core.models.classifier import Classifier


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


NAMED = ("a b", "7", "", "T-shirt/top", "all")
"""Names of the classes of a bundle: "7" is not the class of number 7, and one shows nothing."""


@pytest.fixture
def named(tiny_parts, tmp_path):
    """A bundle with a classifier of five classes with these names."""
    torch.manual_seed(0)
    data = tiny_parts["dataset"]
    parts = tiny_parts | {
        "dataset": build_dataset(
            name="named", train=data.train, test=data.test, class_names=NAMED
        ),
        "classifier": Classifier(5).eval().requires_grad_(False),
        "critics": {},
    }
    return save_bundle(tmp_path / "named", **parts)


@pytest.mark.parametrize(
    ("target", "number"),
    [
        *((name, number) for number, name in enumerate(NAMED)),
        ("''", 2), ("0", 0), ("1", 1), ("3", 3), ("04", 4),
    ],
)  # fmt: skip
def test_a_target_is_a_name_or_else_a_number(target, number, named, some_images, tmp_path):
    for command in ("attribute", "counterfactual"):
        out = tmp_path / f"{command}.npz"
        method = "saliency" if command == "attribute" else "nearest"
        options = ("--images", some_images, "--target", target, "--method", method, "--out", out)
        if (command, target) == ("counterfactual", "all"):
            continue  # there, "all" is every class
        xai(command, named, *options)
        with np.load(out, allow_pickle=False) as found:
            name = "targets" if command == "attribute" else "target"
            assert found[name].tolist() == [number] * 3


@pytest.mark.parametrize("command", ["attribute", "counterfactual"])
@pytest.mark.parametrize("target", ["b", "A B", "t-shirt/top", "1.0", "-1", "a b,7", " ", "one"])
def test_an_unknown_target_is_refused_with_the_names(command, target, named, tmp_path):
    method = "saliency" if command == "attribute" else "nearest"
    options = ("--method", method, "--target", target, "--out", tmp_path / "a.npz")
    _, stderr = xai(command, named, "--images", "test:0", *options, status=1)
    line = stderr.strip().splitlines()[-1]
    assert line.startswith(
        "error: `target` must be one whole number or one of 'a b', 7, '', T-shirt/top, all"
    )
    assert repr(target) in line and not (tmp_path / "a.npz").exists()


def test_python_and_the_command_line_take_the_same_names(named):
    bundle = load_bundle(named)
    images = bundle.dataset.test.images[:2]
    for target in (*NAMED, list(NAMED[:2]), np.array(["all", "7"])):
        found = attributions(bundle, images, "saliency", target=target).target.tolist()
        names = [target] * 2 if isinstance(target, str) else list(target)
        assert found == [NAMED.index(name) for name in names]


WAYS_TO_NAME_IMAGES = {
    "test": lambda test, train, folder: ("test", test),
    "train": lambda test, train, folder: ("train", train),
    "all": lambda test, train, folder: ("all", torch.cat([train, test])),
    "one id": lambda test, train, folder: ("test:2", test[2:3]),
    "ids": lambda test, train, folder: (
        "test:2, train:0",
        torch.stack([test[2], train[0]]),
    ),
    "own image": lambda test, train, folder: (own_id(test[4]), test[4:5]),
    ".npz": lambda test, train, folder: (array(folder / "x.npz", test), test),
    ".npz of floats": lambda test, train, folder: (array(folder / "x.npz", test / 255), test),
    ".npz in parts": lambda test, train, folder: (
        array(folder / "x.npz", train, test),
        torch.cat([train, test]),
    ),
    ".npy": lambda test, train, folder: (array(folder / "x.npy", test), test),
    ".png": lambda test, train, folder: (files(folder, test[:1], "{}.png") / "00.png", test[:1]),
    ".bmp": lambda test, train, folder: (files(folder, test[:1], "{}.bmp") / "00.bmp", test[:1]),
    "folder": lambda test, train, folder: (files(folder, test, "{}.png"), test),
    "folder of classes": lambda test, train, folder: (files(folder, test, "a/{}.png"), test),
    "folder of splits": lambda test, train, folder: (
        files(files(folder, train[:4], "Training/{}.png"), test, "Testing/{}.png"),
        torch.cat([train[:4], test]),
    ),
}


def array(path, images, *more):
    if path.suffix == ".npy":
        np.save(path, images.numpy())
    elif more:
        np.savez(path, x_train=images.numpy(), x_test=more[0].numpy())
    else:
        np.savez(path, images=images.numpy())
    return path


def files(folder, images, name):
    for number, image in enumerate(images):
        path = folder / name.format(f"{number:02}")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(path)
    return folder


@pytest.mark.parametrize("way", WAYS_TO_NAME_IMAGES)
def test_images_may_be_named_in_any_way(way, tiny_bundle, tmp_path):
    test, train = tiny_bundle.dataset.test.images[:5], tiny_bundle.dataset.train.images
    if way in ("test", "all"):
        test = tiny_bundle.dataset.test.images
    (tmp_path / "images").mkdir()
    images, expected = WAYS_TO_NAME_IMAGES[way](test, train, tmp_path / "images")
    out = tmp_path / "a.npz"
    options = ("--method", "saliency", "--target", "|", "--out", out, "--images", images)
    xai("attribute", tiny_bundle.path, *options, "--device", "cpu")
    wanted = attributions(tiny_bundle, expected, "saliency", target=0)
    with np.load(out, allow_pickle=False) as found:
        assert found["targets"].tolist() == [0] * len(expected)
        torch.testing.assert_close(torch.from_numpy(found["attributions"]), wanted.attributions)


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
    _, stderr = xai(*asked, "--keep", status=1)
    assert "Leave out --methods, --images and --set" in stderr


def test_kept_scores_are_found_beside_the_bundle(tiny_bundle_path, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "xai_core.evaluation.faithfulness.table.methods_for", lambda bundle, of: ["saliency"]
    )
    folder = shutil.copytree(tiny_bundle_path, tmp_path / "bars")
    xai("faithfulness", folder, "--keep", "--num-images", 4)
    kept = kept_summary(folder, digest_of(folder), "classifier")
    assert kept.images == 4 and list(kept.table["method"]) == ["saliency", "random", "edges"]


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


def test_figures_of_chosen_images_are_printed_as_a_journal_asks(tiny_bundle, tmp_path):
    chosen = (
        "figures",
        tiny_bundle.path,
        "--out",
        tmp_path / "print",
        "--images",
        "test:1, test:4",
    )
    chosen += ("--of", "reconstruction", "--method", "saliency")
    xai(*chosen, "--format", "pdf,svg", "--width", "8.4cm", "--font", "Times", "--no-title")
    names = {path.name for path in (tmp_path / "print").iterdir()}
    assert names == {
        f"{stem}.{k}" for stem in ("figure-images", "methods") for k in ("pdf", "svg")
    }
    drawn = (tmp_path / "print" / "figure-images.svg").read_text("utf-8")
    assert 'width="84mm"' in drawn and "images: test:1 test:4" in drawn and "Times" in drawn
    for option, value, message in (
        ("--width", "84", "`--width` must be such as 84mm"),
        ("--format", "eps", "`--format` must be some of pdf, svg, png"),
        ("--font", "No Such Font", "No font 'No Such Font' is installed"),
        ("--images", "test:99", "There is no image 'test:99'"),
    ):
        _, stderr = xai(*chosen, option, value, status=1)
        assert message in stderr
