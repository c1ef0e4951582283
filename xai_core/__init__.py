"""Train a cluster VAE, save it as a bundle, and explain what it has learned.

Each name is imported when it is first used, so that `import xai_core` stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

if TYPE_CHECKING:
    from .adoption.api import adopt
    from .attribution.api import Attribution, attribute
    from .attribution.config import AttributionConfig
    from .attribution.of_bundle import attributions
    from .attribution.registry import METHODS
    from .bundle.adopted import Factory
    from .bundle.encode import Encoded, encode
    from .bundle.explained_output import ExplainedOutput, contrast
    from .bundle.listing import list_bundles
    from .bundle.reading import Bundle, load_bundle
    from .bundle.tags import (
        export_notes,
        import_notes,
        rename_tag,
        tag_images,
        undo_notes,
        untag_images,
    )
    from .bundle.writing import save_bundle
    from .counterfactual.api import Counterfactual, find_counterfactual
    from .counterfactual.of_bundle import counterfactuals
    from .counterfactual.task import CounterfactualConfig
    from .data.dataset import Dataset
    from .data.preprocessing import read_images
    from .data.registry import load_dataset
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
    from .evaluation.metrics import Evaluation, evaluate
    from .evaluation.verification import Fact, verify
    from .latent_space.index import LatentIndex
    from .latent_space.umap_layout import build_index
    from .models.adopted import LatentModel
    from .models.classifier import Classifier
    from .models.config import ClusterVAEConfig
    from .models.vae import ClusterVAE, ElboTerms
    from .runtime import Launch
    from .training.config import PRESETS, TrainingConfig
    from .training.pipeline import train
    from .training.progress import EpochMetrics

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
    "ExplainedOutput",
    "Fact",
    "Factory",
    "LatentIndex",
    "LatentModel",
    "Launch",
    "OutOfMemoryError",
    "ProcessLostError",
    "TrainingConfig",
    "TrainingDivergedError",
    "XaiError",
    "__version__",
    "adopt",
    "attribute",
    "attributions",
    "build_index",
    "contrast",
    "counterfactuals",
    "encode",
    "evaluate",
    "export_notes",
    "find_counterfactual",
    "import_notes",
    "list_bundles",
    "load_bundle",
    "load_dataset",
    "read_images",
    "rename_tag",
    "save_bundle",
    "tag_images",
    "train",
    "undo_notes",
    "untag_images",
    "verify",
]

_HOMES = {
    "adoption.api": ("adopt",),
    "attribution.api": (
        "Attribution",
        "attribute",
    ),
    "attribution.config": ("AttributionConfig",),
    "attribution.of_bundle": ("attributions",),
    "attribution.registry": ("METHODS",),
    "bundle.adopted": ("Factory",),
    "bundle.encode": (
        "Encoded",
        "encode",
    ),
    "bundle.explained_output": (
        "ExplainedOutput",
        "contrast",
    ),
    "bundle.listing": ("list_bundles",),
    "bundle.reading": (
        "Bundle",
        "load_bundle",
    ),
    "bundle.tags": (
        "export_notes",
        "import_notes",
        "rename_tag",
        "tag_images",
        "undo_notes",
        "untag_images",
    ),
    "bundle.writing": ("save_bundle",),
    "counterfactual.api": (
        "Counterfactual",
        "find_counterfactual",
    ),
    "counterfactual.of_bundle": ("counterfactuals",),
    "counterfactual.task": ("CounterfactualConfig",),
    "data.dataset": ("Dataset",),
    "data.preprocessing": ("read_images",),
    "data.registry": ("load_dataset",),
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
    "evaluation.metrics": (
        "Evaluation",
        "evaluate",
    ),
    "evaluation.verification": (
        "Fact",
        "verify",
    ),
    "latent_space.index": ("LatentIndex",),
    "latent_space.umap_layout": ("build_index",),
    "models.adopted": ("LatentModel",),
    "models.classifier": ("Classifier",),
    "models.config": ("ClusterVAEConfig",),
    "models.vae": (
        "ClusterVAE",
        "ElboTerms",
    ),
    "runtime": ("Launch",),
    "training.config": (
        "PRESETS",
        "TrainingConfig",
    ),
    "training.pipeline": ("train",),
    "training.progress": ("EpochMetrics",),
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
