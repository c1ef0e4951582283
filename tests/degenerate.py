"""Data sets at the edge of what can be used, as files and as bundles.

Each lacks something that a page or a command may take for granted.
"""

from dataclasses import replace

import numpy as np
import torch

from xai_core.bundle.writing import save_bundle
from xai_core.data.registry import load_dataset
from xai_core.data.shapes import draw_shapes
from xai_core.evaluation.metrics import evaluate
from xai_core.latent_space.encoding import encode_dataset, predicted_classes
from xai_core.latent_space.umap_layout import build_index
from xai_core.models.classifier import Classifier
from xai_core.models.critic import Critic, critic_config
from xai_core.models.vae import ClusterVAE
from xai_core.training.pipeline import _cluster_labels

SETS = (
    *("one_class", "one_image_in_a_class", "one_test_image", "no_test_images", "no_labels"),
    *("colour", "fewest_images", "one_image_repeated", "constant_images", "odd_names"),
)

ALIKE = SETS[-4:]
"""Sets whose models are those of another set here, which is all that the Theory pages read."""


def write_set(name, split, path):
    """Write the images of a split, which holds 40 of two labels, as the data set of that name."""
    images, labels = split.images.numpy(), split.labels.numpy().copy()
    words = np.array(["train"] * 32 + ["test"] * 8)
    if name == "one_class":
        labels[:] = 1
    if name == "one_image_in_a_class":
        labels[0] = 2
    if name == "one_test_image":
        words[:] = ["train"] * 39 + ["test"]
    if name == "no_test_images":
        words[:] = "train"
    if name == "colour":
        images = draw_shapes(40, seed=0, side=16).images.numpy()[:, :, 2:-2]
    if name == "fewest_images":  # each of a class of its own, so that test has one train lacks
        images, labels, words = images[:3], np.array([0, 1, 7]), words[[0, 0, -1]]
    if name == "one_image_repeated":
        images = images[:1].repeat(40, 0)
    if name == "constant_images":
        images = np.repeat(np.arange(0, 240, 6, dtype=np.uint8), 784).reshape(40, 28, 28)
    if (
        name == "odd_names"
    ):  # one class with 95 %, and names that cannot be seen or look like others
        labels = np.array(["", " \t", "7", "all"])[[0, 2, 3, *[1] * 36, 3]]
    arrays = {"images": images, "labels": labels, "split": words}
    if name == "no_labels":
        del arrays["labels"]
    np.savez(path, **arrays)
    return path


def save_set(path, data, parts):
    """Save a bundle of a data set without training: the tiny cluster VAE, networks at random."""
    dataset, model = load_dataset(data), parts["model"]
    torch.manual_seed(0)
    if dataset.spec != model.image:
        model = ClusterVAE(replace(model.config, likelihood="gaussian"), dataset.spec)
        model = model.eval().requires_grad_(False)
    classes = len(dataset.class_names)
    classifier = (
        Classifier(classes, dataset.spec).eval().requires_grad_(False) if classes else None
    )
    targets = {"classifier": classes, "cluster": model.config.num_clusters}
    critics = {
        of: Critic(critic_config(dataset.spec), count, dataset.spec).eval().requires_grad_(False)
        for of, count in targets.items()
        if count > 1
    }
    train = encode_dataset(model, dataset.train.images, device="cpu")
    names = _cluster_labels(dataset, train, model.config.num_clusters)
    scores = {
        split: evaluate(
            model,
            classifier,
            dataset,
            split,
            device="cpu",
            cluster_labels=names,
            num_likelihood_images=2,
            num_likelihood_samples=2,
        ).as_dict()
        for split in ("train", "test")
    }
    index, quality = build_index(
        model,
        classifier,
        dataset,
        device="cpu",
        seed=0,
        predicted=predicted_classes(classifier, dataset, "cpu"),
    )
    found = {
        "model": model,
        "dataset": dataset,
        "classifier": classifier,
        "critics": critics,
        "index": index,
        "replay": None,
        "metrics": {**scores, "map": vars(quality), "cluster_labels": names},
    }
    return save_bundle(path, **{**parts, **found})
