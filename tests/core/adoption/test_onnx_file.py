"""Networks from ONNX files equal ONNX Runtime; every rule explains them; bad files are refused."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from xai_core.attribution.api import attribute
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.registry import METHODS
from xai_core.bundle.adopted import adopt_classifier
from xai_core.errors import ConfigError, DataError
from xai_core.image_spec import ImageSpec
from xai_core.models.graph.onnx_file import read_onnx

from .networks import NETWORKS, export, keras_cnn, small_cnn, write

QUICK = AttributionConfig(n_steps=4, n_samples=2, n_points=2, patch=8, stride=8, n_permutations=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("onnx")
    return {name: make(str(root / f"{name}.onnx")) for name, (_, make) in NETWORKS.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_classifier_equals_onnx_runtime_and_every_method_explains_it(name, files):
    shape = NETWORKS[name][0]
    x = torch.rand(2, *shape)
    image = ImageSpec(channels=shape[0], height=shape[1], width=shape[2], look="natural")
    classifier = adopt_classifier(read_onnx(files[name]), x, image)
    session = onnxruntime.InferenceSession(files[name])
    given = x.permute(0, 2, 3, 1) if name == "keras_cnn" else x
    theirs = torch.from_numpy(session.run(None, {"x": given.contiguous().numpy()})[0])
    ours = classifier(x).detach()
    ours = ours.softmax(-1) if name == "keras_cnn" else ours
    assert torch.allclose(ours, theirs, atol=1e-4)
    applicable = [card for card in METHODS.values() if card.needs not in ("mask", "nothing")]
    for card in applicable:
        found = attribute(
            x[:1], forward=classifier, target=1, method=card.name, config=QUICK,
            baselines=None if card.baseline == "none" else torch.zeros(1, *shape),
        )  # fmt: skip
        assert found.attributions.shape == (1, *shape[1:]), card.name
        assert found.attributions.isfinite().all(), card.name


def test_an_export_for_one_image_takes_several(tmp_path):
    network, path = small_cnn(), str(tmp_path / "one.onnx")
    with torch.no_grad(), pytest.warns():
        torch.onnx.export(network, torch.rand(1, 1, 16, 16), path, dynamo=False)
        x = torch.rand(5, 1, 16, 16)
        assert torch.allclose(read_onnx(path).network(x), network(x), atol=1e-5)


def test_a_network_for_other_images_is_refused(files):
    image = ImageSpec(channels=1, height=28, width=28)
    with pytest.raises(ConfigError, match="--image-size"):
        adopt_classifier(read_onnx(files["keras_cnn"]), torch.rand(2, 1, 28, 28), image)


def changed(path, change):
    model = onnx.load(path)
    change(model)
    path.write_bytes(model.SerializeToString())


def outside(model):
    """Move a weight into another file, whose path leads away."""
    weight = model.graph.initializer[0]
    weight.data_location = TensorProto.EXTERNAL
    weight.ClearField("raw_data")
    weight.external_data.add(key="location", value="../../etc/passwd")


def huge(model):
    model.graph.initializer[0].dims[:] = [1 << 40, 1 << 20]


def unknown(model):
    model.graph.node[2].op_type = "Loop"


def foreign(model):
    model.graph.node[2].domain = "com.example"


def not_finite(model):
    bias = numpy_helper.from_array(np.full(4, np.nan, np.float32), "bias")
    model.graph.initializer[1].CopyFrom(bias)


def unwired(model):
    model.graph.node[3].input[0] = "nowhere"


def two_inputs(model):
    value = helper.make_tensor_value_info("more", TensorProto.FLOAT, [1])
    model.graph.input.append(value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (outside, "in another file"),
        (huge, "impossibly large"),
        (unknown, "'?Loop'?.* not known"),
        (foreign, "domain com.example"),
        (not_finite, "not finite"),
        (unwired, "nothing computes"),
        (two_inputs, "one input"),
    ],
)
def test_a_hostile_file_is_refused(change, said, tmp_path):
    path = keras_cnn(tmp_path / "bad.onnx")
    changed(path, change)
    with pytest.raises(DataError, match=said):
        read_onnx(path)


def test_what_is_no_network_is_refused(tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(keras_cnn(tmp_path / "whole.onnx").read_bytes()[:900])
    for content in (path.read_bytes(), b"", b"PK\x03\x04" * 99):
        path.write_bytes(content)
        with pytest.raises(DataError, match="whole ONNX file"):
            read_onnx(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_onnx(tmp_path / "none.onnx")
    filled = [helper.make_node("Expand", ["x", "b"], ["y"])]
    big = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "b")
    with pytest.raises(DataError, match="cannot be evaluated"):
        read_onnx(write(filled, tmp_path / "big.onnx", [1, 4], "y", [big]))


def test_exports_by_name(tmp_path):
    """An encoder with two outputs gives both."""

    class Encoder(torch.nn.Module):
        def forward(self, x):
            z = x.flatten(1)[:, :4]
            return z, z * 0.5 - 1

    found = read_onnx(export(Encoder(), (1, 16, 16), str(tmp_path / "e.onnx")))
    mean, log_var = found.network(torch.rand(3, 1, 16, 16))
    assert mean.shape == log_var.shape == (3, 4)
