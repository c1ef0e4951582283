"""`xai adopt`, and the options of `xai train` for a user's own classifier."""

import json

import numpy as np
from typer.testing import CliRunner

from xai_core.bundle.reading import load_bundle
from xai_core.cli import app
from xai_core.data.shapes import draw_shapes

from .networks import keras_cnn


def test_files_become_a_bundle(tmp_path):
    """The images are scaled into the size that the network reads."""
    made, out = draw_shapes(40, seed=0, side=24), tmp_path / "own"
    np.savez(tmp_path / "set.npz", images=made.images.numpy(), labels=made.labels.numpy() % 3)
    network = str(keras_cnn(tmp_path / "clf.onnx"))
    data = str(tmp_path / "set.npz")
    command = ["adopt", "--data", data, "--classifier", network, "--out", str(out), "--json"]
    done = CliRunner().invoke(app, [*command, "--mean", "0.5", "--std", "0.25,0.25,0.5"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["configs"]["adopted"]["class_probs"]["layout"] == "nhwc"
    bundle = load_bundle(out)
    assert bundle.spec.shape == (3, 16, 16) and bundle.classifier.num_classes == 3
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 1 and "--overwrite" in again.output


def test_what_cannot_be_adopted_is_said_in_a_line(tmp_path):
    none = CliRunner().invoke(app, ["adopt", "--data", "mnist", "--out", str(tmp_path / "a")])
    assert none.exit_code == 1 and "--classifier" in none.output
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    options = ["--data", "mnist", "--classifier", str(tmp_path / "bad.onnx")]
    for command in ("adopt", "train"):
        bad = CliRunner().invoke(app, [command, *options, "--out", str(tmp_path / "a")])
        assert bad.exit_code == 1 and "ONNX file" in bad.output
