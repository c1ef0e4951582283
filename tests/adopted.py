"""Bundles of given models in which a part is missing; their networks are lists of operations."""

import torch

from xai_core.adoption.api import adopt
from xai_core.bundle.writing import save_bundle
from xai_core.models.graph.network import GraphNetwork
from xai_core.models.graph.onnx_file import OnnxNetwork

MISSING = ("no_decoder", "no_classifier")


def dense(shape, weight, bias, *more):
    """A network of one dense layer and further operations, as an ONNX file would give it."""
    nodes = [["Flatten", ["t0"], ["t1"], {}], ["Gemm", ["t1", "w1", "w2"], ["t2"], {"transB": 1}]]
    nodes += [[name, [f"t{k}"], [f"t{k + 1}"], {}] for k, name in enumerate(more, 2)]
    shapes = {"w1": list(weight.shape), "w2": list(bias.shape)}
    graph = {"input": "t0", "outputs": nodes[-1][2], "nodes": nodes, "weights": shapes}
    network = GraphNetwork({**graph, "constants": {}})
    network.load_state_dict({"w1": weight, "w2": bias})
    return OnnxNetwork(network=network.eval(), input_shape=(None, *shape), difference=0.0)


def pca(images, dim):
    """The first principal components of images, as an encoder and a decoder."""
    x = images.flatten(1).float() / 255
    mean = x.mean(0)
    axes = torch.linalg.svd(x - mean, full_matrices=False)[2][:dim].contiguous()
    encode = dense(images.shape[1:], axes, -(axes @ mean))
    return encode, dense((dim,), axes.mT.contiguous(), mean)


def save_missing(name, path, dataset):
    """Save a bundle that lacks the part that its name says."""
    images = dataset.train.images
    if name == "no_classifier":
        encode, decode = pca(images, 3)
        bundle = adopt(dataset.without_labels(), encode=encode, decode=decode, num_clusters=2)
    else:
        torch.manual_seed(0)
        weight = torch.randn(2, images[0].numel()) / 10
        network = dense(images.shape[1:], weight, torch.zeros(2), "Softmax")
        bundle = adopt(dataset, classify=network)
    return save_bundle(path / name, bundle)
