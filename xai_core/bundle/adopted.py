"""Users' own models in a bundle: descriptions that are stored, and the modules made from them.

A network from an ONNX file is stored as a list of operations and weights. A network written in
Python is stored as weights and the import path of its factory, `package.module:Factory`, which is
imported only if `$XAI_ADAPTERS` names the module. Nothing is unpickled.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from .._types import Images
from ..data.dataset import Dataset
from ..errors import BundleError, ConfigError, DataError
from ..functions import FORMS
from ..image_spec import ImageSpec
from ..models.adopted import AdoptedClassifier, AdoptedVAE, Called, Ending, Layout, Prepared
from ..models.config import ClusterVAEConfig
from ..models.graph.network import GraphNetwork, without_last
from ..models.graph.onnx_file import OnnxNetwork

__all__ = [
    "ADAPTERS",
    "Adopted",
    "Factory",
    "adopt_classifier",
    "adopt_function",
    "build_classifier",
    "build_model",
    "factory_of",
    "own_tensors",
    "refuse_functions",
    "with_class_names",
]

ADAPTERS = "XAI_ADAPTERS"
"""The environment variable that names modules whose factories bundles may call."""
Description = Mapping[str, Any]
"""How a part is made again, as JSON."""
ENDINGS: dict[tuple[str, bool], Ending] = {
    ("Softmax", False): "logits",
    ("LogSoftmax", False): "logits",
    ("Sigmoid", False): "logits",
    ("Sigmoid", True): "log_odds",
    ("", True): "log_odds",
}
"""What an ONNX network returns without its last operation, by the name of that operation and
whether the output is one number."""


@dataclass(frozen=True, kw_only=True)
class Factory:
    """How a part that is written in Python is made again when a bundle is opened.

    Attributes:
        path: Import path `package.module:Factory` of a class or function that returns the network,
            or an object whose method was given.
        kwargs: Its keyword arguments, as JSON can say them.
    """

    path: str
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Adopted:
    """A part, ready to be called, and the description that makes it again."""

    called: Called
    description: Description


def adopt_function(
    function: Callable[[Tensor], object] | OnnxNetwork,
    name: str,
    image: ImageSpec | None,
    factory: Factory | None = None,
) -> Adopted:
    """Take a network, a function or an ONNX network as a part.

    Args:
        function: The part.
        name: Its name in messages.
        image: Form of the images that it reads; None if it reads codes.
        factory: How it is made again; not for an ONNX network, which is stored whole.

    Raises:
        ValueError: If an ONNX network reads images of another form.
    """
    if isinstance(function, OnnxNetwork):
        layout = "flat" if image is None else _layout(function.input_shape, image, name)
        return _made({"kind": "graph", "graph": dict(function.network.graph), "layout": layout},
                     name, function.network)  # fmt: skip
    if not callable(function):
        raise ValueError(f"`{name}` must be a function or network, got {type(function).__name__}.")
    described: dict[str, Any] = {"kind": "function"}
    if factory is not None:
        method = getattr(function, "__name__", "") if hasattr(function, "__self__") else ""
        described = {"kind": "factory", "factory": factory.path, "kwargs": dict(factory.kwargs)}
        described["method"] = method
    return Adopted(called=Called(function, name), description=described)


@torch.no_grad()
def adopt_classifier(
    function: Callable[[Tensor], object] | OnnxNetwork,
    examples: Images,
    image: ImageSpec,
    *,
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    factory: Factory | None = None,
) -> AdoptedClassifier:
    """Take a classifier, and find out from examples what it returns.

    Args:
        function: Images to logits or probabilities, of all classes or of the second of two.
        examples: Some images, (N, C, H, W) in [0, 1].
        image: Their form.
        mean: What the classifier's own preprocessing subtracts, one per channel or one for all.
        std: What it then divides by; 1 / 255 for a classifier that reads 0 to 255.
        factory: How it is made again, see `Factory`.

    Raises:
        ValueError: If it does not return one row of finite numbers per image.
    """
    if any(len(part) not in (0, 1, image.channels) for part in (mean, std)) or 0 in std:
        raise ValueError(f"`mean` and `std` must have 1 or {image.channels} numbers, none 0.")
    layout: Layout = "nchw"
    ending: Ending = "logits"
    if isinstance(function, OnnxNetwork):
        graph, last = without_last(function.network.graph, "Softmax", "LogSoftmax", "Sigmoid")
        layout = _layout(function.input_shape, image, "classify")
        network = GraphNetwork(graph)
        network.load_state_dict(function.network.state_dict(), assign=True)
        adopted = _made({"kind": "graph", "graph": dict(graph)}, "classify", network.eval())
    else:
        adopted, last = adopt_function(function, "classify", image, factory), ""
    prepared = Prepared(layout, mean, std)
    outputs = FORMS["outputs"](adopted.called(prepared(examples)), len(examples), ())
    if outputs is None or not bool(outputs.isfinite().all()):
        raise ValueError("`classify` must return finite floats (batch, classes).")
    single = outputs.shape[1] == 1
    if isinstance(function, OnnxNetwork):
        ending = ENDINGS.get((last, single), "logits")
    elif bool(((outputs >= 0) & (outputs <= 1)).all()):
        whole = torch.allclose(outputs.sum(-1), torch.ones(len(outputs)).to(outputs), atol=1e-3)
        ending = "probability" if single else "probabilities" if whole else "logits"
    elif single:
        ending = "log_odds"
    classes = 2 if single else outputs.shape[1]
    description = {
        **adopted.description,
        **{"layout": layout, "mean": list(mean), "std": list(std), "ending": ending},
        "sha256": _digest(adopted.called),
    }
    return AdoptedClassifier(adopted.called, classes, image, prepared, ending, description).eval()


def build_classifier(
    description: Description, num_classes: int, image: ImageSpec
) -> AdoptedClassifier:
    """Make a classifier again, without its weights.

    Raises:
        BundleError: If its factory may not be imported, or cannot be.
        ValueError, KeyError, TypeError: If the description is damaged.
    """
    prepared = Prepared(
        description["layout"], tuple(description["mean"]), tuple(description["std"])
    )
    called = _called(description, "classify", {})
    ending: Ending = description["ending"]
    return AdoptedClassifier(called, num_classes, image, prepared, ending, description)


def build_model(
    descriptions: Description,
    config: ClusterVAEConfig,
    image: ImageSpec,
    classifier: nn.Module | None,
) -> AdoptedVAE:
    """Make a latent model again, without its weights; raises what `build_classifier` does."""
    owners: dict[str, object] = {}
    found = {
        part: _called(descriptions[part], part, owners)
        for part in ("encode", "decode", "cluster_probs")
        if part in descriptions
    }
    if "encode" not in found and classifier is None:
        raise ValueError("it has neither an encoder nor a classifier")
    return AdoptedVAE(
        image,
        num_clusters=config.num_clusters,
        latent_dim=config.latent_dim,
        encode=found.get("encode") or Called(classifier, "classify"),  # type: ignore[arg-type]
        decode=found.get("decode"),
        cluster_probs=found.get("cluster_probs"),
        own_codes="encode" in found,
    )


def with_class_names(dataset: Dataset, num_classes: int) -> Dataset:
    """Name the classes of a classifier that no label of the data set has.

    Raises:
        DataError: If the data set has more labels than the classifier has classes.
    """
    names = dataset.class_names
    if len(names) > num_classes:
        raise DataError(
            f"`{dataset.name}` has {len(names)} labels, and the classifier {num_classes} classes. "
            "Give the images of the classes that it knows."
        )
    if not names:
        return dataset
    more = tuple(str(number) for number in range(len(names), num_classes))
    return replace(dataset, class_names=(*names, *more))


def own_tensors(module: nn.Module, but: nn.Module | None = None) -> dict[str, Tensor]:
    """Return each tensor of a module once, without those of another module."""
    seen = set() if but is None else {id(part) for part in but.state_dict(keep_vars=True).values()}
    found = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[name] = tensor
    return found


def refuse_functions(descriptions: Description) -> None:
    """Raise an error for parts that cannot be stored.

    Raises:
        BundleError: If a part was given as a function without a factory.
    """
    for part, description in descriptions.items():
        if isinstance(description, Mapping) and description.get("kind") == "function":
            name = "classify" if part == "class_probs" else part
            raise BundleError(
                f"`{name}` was given as a Python function, which a bundle cannot store. Give "
                f"`factories={{'{name}': Factory(path='package.module:make', kwargs={{...}})}}`, "
                "or export it as an ONNX file."
            )


def _digest(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for tensor in own_tensors(module).values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _made(description: Description, name: str, network: nn.Module) -> Adopted:
    layout = description.get("layout", "nchw")
    whole = network if layout == "nchw" else nn.Sequential(Prepared(layout), network)
    return Adopted(called=Called(whole, name), description=description)


def _called(description: Description, name: str, owners: dict[str, object]) -> Called:
    """Make the function of a part; parts of one object share it."""
    if description["kind"] == "graph":
        network = GraphNetwork(description["graph"])
        layout = "nchw" if name == "classify" else description.get("layout", "nchw")
        return _made({"layout": layout}, name, network).called
    if description["kind"] != "factory":
        raise ValueError(f"a part cannot be a {description['kind']!r:.40}")
    key = repr((description["factory"], sorted(description["kwargs"].items())))
    if key not in owners:
        owners[key] = _imported(description["factory"])(**description["kwargs"])
    made = owners[key]
    method = description["method"]
    return Called(getattr(made, method) if method else made, name)  # type: ignore[arg-type]


def _imported(path: str) -> Callable[..., object]:
    """Import a factory whose module the user allows."""
    module, _, name = path.partition(":")
    allowed = [part.strip() for part in os.environ.get(ADAPTERS, "").split(",")]
    if not module or module not in allowed:
        raise BundleError(
            f"This bundle calls `{path:.100}`, which is code outside the bundle. If you trust "
            f"that module, name it and open the bundle again: export {ADAPTERS}={module:.80}"
        )
    try:
        factory = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BundleError(
            f"This bundle needs `{path:.100}`, which cannot be imported: {error}. Install it, or "
            "put its folder on PYTHONPATH."
        ) from error
    if not callable(factory):
        raise BundleError(f"`{path:.100}` must be a class or function that makes the network.")
    return factory


def _layout(shape: tuple[int | None, ...], image: ImageSpec, name: str) -> Layout:
    """Find how a network reads images, from the shape of its input."""
    sides = shape[1:]
    forms: dict[Layout, tuple[int, ...]] = {
        "nchw": image.shape,
        "nhwc": (image.height, image.width, image.channels),
        "nhw": (image.height, image.width),
        "flat": (image.channels * image.height * image.width,),
    }
    for layout, form in forms.items():
        fits = len(sides) == len(form) and all(
            n in (None, m) for n, m in zip(sides, form, strict=True)
        )
        if fits and (layout != "nhw" or image.channels == 1):
            return layout
    raise ConfigError(
        f"`{name}` reads images of the shape {shape}, and the data set has {image}. Give the "
        "images in that size and number of channels (`--image-size WIDTHxHEIGHT`)."
    )


def factory_of(given: Factory | str | None) -> Factory | None:
    """Read a factory that may be given as its path alone."""
    return Factory(path=given, kwargs={}) if isinstance(given, str) else given
