"""Every command on data sets at the edge of what can be used: a right answer or one line."""

import numpy as np
import pytest
from onnx import helper, numpy_helper
from typer.testing import CliRunner

from xai_core import cli

from ...degenerate import SETS
from ..adoption.networks import write

COMMANDS = {
    "list": [],
    "info": ["{}"],
    "evaluate": ["{}", "--likelihood-images", "2", "--likelihood-samples", "2"],
    "evaluate train": ["{}", "--split", "train", "--likelihood-images", "0"],
    "encode": ["{}", "--images", "{data}", "--out", "z.npz"],
    "encode sets": ["{}", "--images", "{data}", "--level", "0.95", "--out", "z.npz"],
    "attribute": ["{}", "--images", "test", "--method", "saliency", "--out", "a.npz"],
    "attribute clusters": ["{}", "--images", "{data}", "--method", "integrated_gradients",
                           "--of", "cluster", "--out", "a.npz", "--scores", "--figure", "a.png"],
    "attribute critic": ["{}", "--images", "test:0", "--method", "critic", "--out", "a.npz"],
    "faithfulness": ["{}", "--methods", "saliency,critic", "--num-images", "2"],
    "faithfulness clusters": ["{}", "--methods", "saliency", "--num-images", "2",
                              "--of", "cluster"],
    "counterfactual": ["{}", "--images", "test:0", "--target", "all", "--out", "cf.npz",
                       "--figure", "cf.png", "--max-steps", "20"],
    "counterfactual clusters": ["{}", "--images", "test:0", "--target", "1", "--of", "cluster",
                                "--method", "nearest", "--out", "cf.npz"],
    "counterfactual nearest": ["{}", "--images", "test:0", "--target", "all", "--method",
                               "nearest", "--out", "cf.npz"],
    "verify": ["{}", "--num-images", "4", "--num-samples", "4"],
    "report": ["{}", "--image", "test:0", "--out", "r.html"],
    "export": ["{}", "--out", "map.html", "--explain", "2"],
    "figures": ["{}", "--out", "figures", "--count", "4"],
    "adopt a classifier": ["--data", "{data}", "--classifier", "{own}/classifier.onnx",
                           "--out", "{}-adopted"],
    "adopt all parts": ["--data", "{data}", "--classifier", "{own}/classifier.onnx",
                        "--encoder", "{own}/encoder.onnx", "--decoder", "{own}/decoder.onnx",
                        "--out", "{}-adopted"],
    "record-collapse": ["--data", "{data}", "--out", "collapse.parquet", "--images", "4",
                        "--train-images", "32", "--epochs", "1", "--run", "pure"],
}  # fmt: skip
WRONG_CLASSIFIER = dict.fromkeys(
    ("adopt a classifier", "adopt all parts"), "labels, and the classifier 2"
)
REFUSED = {
    "one_image_in_a_class": WRONG_CLASSIFIER,
    "fewest_images": WRONG_CLASSIFIER | {"record-collapse": "at least 2 grey test images"},
    "odd_names": WRONG_CLASSIFIER,
    "one_test_image": {"record-collapse": "at least 2 grey test images"},
    "colour": {"record-collapse": "at least 2 grey test images"} | dict.fromkeys(
        ("adopt a classifier", "adopt all parts"), "in that size and number of channels"
    ),
    "one_class": {
        "attribute critic": "has no critic",
        "faithfulness": "at least two classes|has no critic",
        "counterfactual": "at least two classes, got 1",
        "counterfactual nearest": "at least two classes, got 1",
    },
    "no_labels": {"encode sets": "has no labelled test images"} | dict.fromkeys(
        ("attribute", "attribute critic", "faithfulness", "counterfactual",
         "counterfactual nearest"),
        "has no classifier",
    ),
}  # fmt: skip
"""What cannot be answered, and the words that say why."""


@pytest.fixture(scope="module")
def own_networks(tmp_path_factory):
    """A folder of a classifier of two classes, an encoder of two latents and a decoder."""
    folder, draw = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for name, shape in (("classifier", (784, 2)), ("encoder", (784, 2)), ("decoder", (2, 784))):
        weights = {"weights": draw.normal(size=shape).astype(np.float32) / 28}
        weights["shape"] = np.array([-1, 1, 28, 28] if name == "decoder" else [-1, shape[0]])
        steps = [("Reshape", ["shape"]), ("MatMul", ["weights"])]
        steps = [*reversed(steps), ("Sigmoid", [])] if name == "decoder" else steps
        nodes = [
            helper.make_node(step, [f"y{number}" if number else "x", *more], [f"y{number + 1}"])
            for number, (step, more) in enumerate(steps)
        ]
        stored = [numpy_helper.from_array(array, key) for key, array in weights.items()]
        given = ["n", 2] if name == "decoder" else ["n", 1, 28, 28]
        write(nodes, folder / f"{name}.onnx", given, f"y{len(nodes)}", stored)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_or_says_why_not(
    command, degenerate_bundles, degenerate_files, own_networks, tmp_path, monkeypatch, subtests
):
    monkeypatch.setenv("XAI_BUNDLES", str(degenerate_bundles / "checkpoints"))
    for name in SETS:
        with subtests.test(name=name):
            (tmp_path / name).mkdir()
            monkeypatch.chdir(tmp_path / name)
            line = [
                part.format(name, data=degenerate_files[name], own=own_networks)
                for part in COMMANDS[command]
            ]
            answers_or_says_why_not(command, name, line)


def answers_or_says_why_not(command, name, line):
    result = CliRunner().invoke(cli.app, [command.split()[0], *line])
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        f"{type(result.exception)}: {result.exception}"
    )
    refusal = REFUSED.get(name, {}).get(command)
    if command == "verify" and result.exit_code:
        assert (
            "facts fail" in result.stderr.splitlines()[-1]
        )  # 4 images and 4 draws settle no mean
    elif refusal is None:
        assert result.exit_code == 0, result.stderr
    else:
        assert result.exit_code == 1
        (said,) = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
        assert any(words in said for words in refusal.split("|")), said


@pytest.mark.parametrize("name", SETS)
def test_every_set_can_be_trained_on(name, degenerate_files, tmp_path):
    out = tmp_path / name
    line = ["train", "--data", str(degenerate_files[name]), "--out", str(out)]
    line += ["--preset", "smoke", "--clusters", "2", "--latent-dim", "2", "--epochs", "1"]
    result = CliRunner().invoke(cli.app, line)
    assert result.exit_code == 0, (result.exception, result.stderr)
    assert (out / "manifest.json").is_file()
