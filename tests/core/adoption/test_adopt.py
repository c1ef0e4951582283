"""Own models in Python: three examples of about thirty lines, saving, and what is refused."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import nn
from torchvision.models import resnet18

import xai_core
from dashboard import notebook
from xai_core.bundle.adopted import ADAPTERS, adopt_classifier
from xai_core.bundle.manifest import sealed
from xai_core.data.dataset import Split, build_dataset
from xai_core.data.preprocessing import to_float
from xai_core.data.shapes import draw_shapes
from xai_core.evaluation.health import health_of
from xai_core.models.adopted import LatentModel
from xai_core.training.config import TrainingConfig

from ...adopted import dense

ODD, EVEN = slice(1, None, 2), slice(0, None, 2)


class Encoder(nn.Module):
    """As pythae's encoders: mean and log variance by name."""

    def __init__(self, pixels, dim):
        super().__init__()
        self.mean, self.log_var = nn.Linear(pixels, dim), nn.Linear(pixels, dim)

    def forward(self, x):
        x = x.flatten(1)
        return OrderedDict(embedding=self.mean(x), log_covariance=self.log_var(x))


class Decoder(nn.Module):
    """As pythae's decoders: one image by name."""

    def __init__(self, pixels, dim):
        super().__init__()
        self.pixels = nn.Linear(dim, pixels)

    def forward(self, z):
        return OrderedDict(reconstruction=self.pixels(z).sigmoid())


def test_a_plain_vae_in_the_interface_of_pythae(tiny_dataset, tmp_path):
    """A VAE's encoder and decoder; a Gaussian mixture on its codes gives the clusters."""
    torch.manual_seed(0)
    encoder, decoder = Encoder(784, 3), Decoder(784, 3)
    x = to_float(tiny_dataset.train.images)
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-2)
    for _ in range(60):
        code = encoder(x)
        z = code["embedding"] + torch.randn(len(x), 3) * (code["log_covariance"] / 2).exp()
        loss = nn.functional.binary_cross_entropy(
            decoder(z)["reconstruction"], x.flatten(1), reduction="sum"
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    bundle = xai_core.adopt(tiny_dataset, encode=encoder, decode=decoder, num_clusters=2)

    assert bundle.manifest.configs["adopted"]["clusters"].startswith("a Gaussian mixture")
    assert isinstance(bundle.model, LatentModel)
    found = xai_core.encode(bundle, tiny_dataset.test.images[:4])
    with torch.no_grad():
        code = encoder(to_float(tiny_dataset.test.images[:4]))
    torch.testing.assert_close(found.encoding.mean, code["embedding"])
    torch.testing.assert_close(found.encoding.log_var, code["log_covariance"].clamp(-12, 4))
    heat = xai_core.attributions(bundle, tiny_dataset.test.images[:2], "saliency", output="elbo")
    assert heat.attributions.isfinite().all()
    changed = xai_core.counterfactuals(
        bundle, tiny_dataset.test.images[:1], "all", output="cluster", method="nearest"
    )
    assert changed.counterfactuals.shape == (1, 1, 28, 28)
    with pytest.raises(xai_core.BundleError, match="no classifier"):
        xai_core.attributions(bundle, tiny_dataset.test.images[:1], "saliency")
    with pytest.raises(xai_core.BundleError, match="cannot store.*={'(encode|classify)"):
        xai_core.save_bundle(tmp_path / "vae", bundle)


def test_pca_and_a_gaussian_mixture():
    """scikit-learn's models as functions of tensors; q(c|x) is the mixture's."""
    images = draw_shapes(60, seed=0, side=16).images
    pixels = images.flatten(1).numpy() / 255
    pca = PCA(4, random_state=0).fit(pixels)
    mixture = GaussianMixture(3, random_state=0).fit(pca.transform(pixels))
    axes, mean = (torch.from_numpy(part).float() for part in (pca.components_, pca.mean_))

    def encode(x):
        return (x.flatten(1) - mean) @ axes.mT

    def decode(z):
        return z @ axes + mean

    def cluster_probs(x):
        return mixture.predict_proba(encode(x).detach().numpy())

    bundle = xai_core.adopt(images, encode=encode, decode=decode, cluster_probs=cluster_probs)

    assert bundle.model.config.num_clusters == 3 and bundle.spec.shape == (3, 16, 16)
    probs = xai_core.encode(bundle, images[:8]).encoding.cluster_probs
    expected = mixture.predict_proba(pca.transform(pixels[:8]))
    np.testing.assert_allclose(probs.numpy(), expected, atol=1e-4)
    heat = xai_core.attributions(bundle, images[:2], "occlusion", output="cluster")
    assert heat.attributions.shape == (2, 16, 16)
    assert notebook.reconstruction(bundle, ["test:0"]).data
    assert notebook.prototypes(bundle).data


def test_a_torchvision_classifier_with_our_vae_as_its_map(tmp_path, monkeypatch):
    """ResNet-18 explained through a cluster VAE that is trained on the same images."""
    shapes = draw_shapes(48, seed=0, side=32)
    train, test = (Split(images=shapes.images[s], labels=shapes.labels[s]) for s in (ODD, EVEN))
    data = build_dataset(name="shapes", train=train, test=test, class_names=tuple("abcde"))
    torch.manual_seed(0)
    network = resnet18(num_classes=5).eval()
    factory = xai_core.Factory(path="torchvision.models:resnet18", kwargs={"num_classes": 5})
    classifier = adopt_classifier(
        network, to_float(data.train.images[:8]), data.spec, factory=factory
    )
    monkeypatch.setenv(ADAPTERS, "torchvision.models")
    path = xai_core.train(
        data, tmp_path / "through",
        model=xai_core.ClusterVAEConfig(num_clusters=3, latent_dim=2, likelihood="gaussian"),
        training=TrainingConfig(epochs=1, critic=None, likelihood_images=1),
        classifier=classifier,
    )  # fmt: skip

    bundle = xai_core.load_bundle(path)
    x = data.test.images[:2]
    with torch.no_grad():
        torch.testing.assert_close(
            bundle.classifier(to_float(x)), network(to_float(x)), atol=1e-5, rtol=1e-5
        )
    heat = xai_core.attributions(bundle, x, "lrp")
    assert heat.attributions.shape == (2, 32, 32)
    monkeypatch.delenv(ADAPTERS)
    with pytest.raises(xai_core.BundleError, match="export XAI_ADAPTERS=torchvision.models"):
        xai_core.load_bundle(path)


@pytest.fixture(scope="module")
def two_classes(tiny_dataset):
    torch.manual_seed(0)
    network = dense((1, 28, 28), torch.randn(2, 784) / 9, torch.zeros(2), "Softmax")
    return xai_core.adopt(tiny_dataset, classify=network)


def test_a_saved_bundle_gives_the_same_numbers(two_classes, tmp_path):
    path = xai_core.save_bundle(tmp_path / "saved", two_classes)
    opened = xai_core.load_bundle(path)
    x = two_classes.dataset.test.images[:3]
    before, after = (xai_core.encode(bundle, x) for bundle in (two_classes, opened))
    torch.testing.assert_close(after.class_probs, before.class_probs)
    torch.testing.assert_close(after.encoding.mean, before.encoding.mean)
    torch.testing.assert_close(after.umap, before.umap)
    assert opened.manifest.configs["adopted"]["codes"] == "the outputs of the classifier"
    assert "decode" not in opened.model.parts and "encode" not in opened.model.parts
    sizes = {name: entry["bytes"] for name, entry in opened.manifest.files.items()}
    assert sizes["model.safetensors"] < 1000 < sizes["classifier.safetensors"]  # not stored twice


def test_what_lacks_a_part_says_which(two_classes):
    x = two_classes.dataset.test.images[:1]
    for call, said in [
        (lambda: xai_core.counterfactuals(two_classes, x, 1), "no decoder"),
        (lambda: xai_core.attributions(two_classes, x, "saliency", output="latent:0"), "encoder"),
        (lambda: notebook.reconstruction(two_classes, ["test:0"]), "no decoder"),
    ]:
        with pytest.raises(xai_core.BundleError, match=said):
            call()
    assert xai_core.attributions(two_classes, x, "deep_lift_shap").attributions.isfinite().all()
    assert "Nearest images" in two_classes._repr_html_()
    problems = health_of(two_classes.manifest)
    again = "xai adopt --data DATA --classifier FILE.onnx --out checkpoints/adopted-2"
    assert problems and {problem.remedy for problem in problems} == {again}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda part: part["graph"]["nodes"][0].__setitem__(0, "System"), "System"),
        (lambda part: part["graph"]["weights"].update(w1=[1 << 30, 1 << 30]), "weights"),
        (lambda part: part.update(kind="pickle"), "pickle"),
        (lambda part: part.update(kind="factory", factory="os:system", kwargs={}, method=""),
         "XAI_ADAPTERS"),
        (lambda part: part.pop("layout"), "layout"),
    ],
)  # fmt: skip
def test_a_damaged_description_is_refused(change, said, two_classes, tmp_path):
    path = xai_core.save_bundle(tmp_path / "bad", two_classes)
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest["configs"]["adopted"]["class_probs"])
    (path / "manifest.json").write_text(json.dumps(sealed(manifest)))
    with pytest.raises(xai_core.BundleError, match=said):
        xai_core.load_bundle(path)


def test_wrong_arguments_are_refused(tiny_dataset):
    with pytest.raises(ValueError, match="one of `encode` and `classify`"):
        xai_core.adopt(tiny_dataset)
    with pytest.raises(ValueError, match="must return images in"):
        xai_core.adopt(
            tiny_dataset,
            encode=lambda x: x.mean((1, 2)),
            decode=lambda z: 9 + z[:, :1].expand(-1, 784),
        )
