"""Train a cluster VAE, keep what it learned in a bundle, and ask it why.

Names are imported at first use, so that `import xai_core` costs nothing where only an error
or a type is needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .ask.attributions import attributions
    from .ask.counterfactuals import counterfactuals
    from .bundle import Bundle, list_bundles, load_bundle, save_bundle
    from .data.images import read_images
    from .data.sources import Dataset, load_dataset
    from .errors import (
        BundleError,
        BundleNotFoundError,
        BundleVersionError,
        ConfigError,
        DataError,
        OutOfMemoryError,
        ProcessLostError,
        TrainingDivergedError,
        XaiError,
    )
    from .evaluation import Evaluation, evaluate
    from .explain.attribution import METHODS, Attribution, AttributionConfig, attribute
    from .explain.counterfactual import (
        Counterfactual,
        CounterfactualConfig,
        find_counterfactual,
    )
    from .index import LatentIndex, build_index
    from .model.classifier import Classifier
    from .model.vae import ClusterVAE, ClusterVAEConfig, ElboTerms
    from .runtime import Launch
    from .training import PRESETS, EpochMetrics, TrainingConfig
    from .verification import Fact, verify
    from .workflow import Encoded, encode, train

__all__ = [
    "METHODS",
    "PRESETS",
    "Attribution",
    "AttributionConfig",
    "Bundle",
    "BundleError",
    "BundleNotFoundError",
    "BundleVersionError",
    "Classifier",
    "ClusterVAE",
    "ClusterVAEConfig",
    "ConfigError",
    "Counterfactual",
    "CounterfactualConfig",
    "DataError",
    "Dataset",
    "ElboTerms",
    "Encoded",
    "EpochMetrics",
    "Evaluation",
    "Fact",
    "LatentIndex",
    "Launch",
    "OutOfMemoryError",
    "ProcessLostError",
    "TrainingConfig",
    "TrainingDivergedError",
    "XaiError",
    "__version__",
    "attribute",
    "attributions",
    "build_index",
    "counterfactuals",
    "encode",
    "evaluate",
    "find_counterfactual",
    "list_bundles",
    "load_bundle",
    "load_dataset",
    "read_images",
    "save_bundle",
    "train",
    "verify",
]

_HOMES = {
    "ask.attributions": ("attributions",),
    "ask.counterfactuals": ("counterfactuals",),
    "bundle": ("Bundle", "list_bundles", "load_bundle", "save_bundle"),
    "data.images": ("read_images",),
    "data.sources": ("Dataset", "load_dataset"),
    "errors": (
        "BundleError",
        "BundleNotFoundError",
        "BundleVersionError",
        "ConfigError",
        "DataError",
        "OutOfMemoryError",
        "ProcessLostError",
        "TrainingDivergedError",
        "XaiError",
    ),
    "evaluation": ("Evaluation", "evaluate"),
    "explain.attribution": ("METHODS", "Attribution", "AttributionConfig", "attribute"),
    "explain.counterfactual": (
        "Counterfactual",
        "CounterfactualConfig",
        "find_counterfactual",
    ),
    "index": ("LatentIndex", "build_index"),
    "model.classifier": ("Classifier",),
    "model.vae": ("ClusterVAE", "ClusterVAEConfig", "ElboTerms"),
    "runtime": ("Launch",),
    "training": ("PRESETS", "EpochMetrics", "TrainingConfig"),
    "verification": ("Fact", "verify"),
    "workflow": ("Encoded", "encode", "train"),
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return list(__all__)
