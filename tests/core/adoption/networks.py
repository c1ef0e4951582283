"""Networks as ONNX files: exported by torch, and as Keras exports them."""

import warnings

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torchvision.models import resnet18


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(), nn.Linear(4 * 8 * 8, 3),
    ).eval()  # fmt: skip


def export(network, shape, path):
    """Write a network as torch exports it for one image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, torch.rand(1, *shape), path, dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "batch"}},
        )  # fmt: skip
    return path


def keras_cnn(path):
    """Write a network as tf2onnx exports Keras': channels last, softmax, padding by name."""
    draw = np.random.default_rng(0)
    weights = {
        "kernel": draw.normal(size=(4, 3, 3, 3)), "bias": draw.normal(size=4),
        "dense": draw.normal(size=(8 * 8 * 4, 3)) / 9, "offset": draw.normal(size=3),
    }  # fmt: skip
    nodes = [
        ("Transpose", ["x"], {"perm": [0, 3, 1, 2]}),
        ("Conv", ["kernel", "bias"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
        ("Relu", [], {}),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
        ("Reshape", ["flat"], {}),
        ("MatMul", ["dense"], {}),
        ("Add", ["offset"], {}),
        ("Softmax", [], {"axis": -1}),
    ]
    made, last = [], []
    for number, (name, more, attributes) in enumerate(nodes):
        made.append(helper.make_node(name, [*last, *more], [f"y{number}"], **attributes))
        last = [f"y{number}"]
    stored = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    stored.append(numpy_helper.from_array(np.array([-1, 8 * 8 * 4]), "flat"))
    return write(made, path, ["n", 16, 16, 3], last[0], stored)


def write(nodes, path, shape, output, stored=()):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "network", [value("x", TensorProto.FLOAT, shape)],
        [value(output, TensorProto.FLOAT, None)], list(stored),
    )  # fmt: skip
    opset = [helper.make_opsetid("", 15)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


NETWORKS = {
    "small_cnn": ((1, 16, 16), lambda path: export(small_cnn(), (1, 16, 16), path)),
    "resnet18": (
        (3, 64, 64),
        lambda path: export(resnet18(num_classes=3).eval(), (3, 64, 64), path),
    ),
    "keras_cnn": ((3, 16, 16), keras_cnn),
}
"""Form of the images, and what writes the file."""
