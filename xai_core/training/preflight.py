"""Check before the first stage that the last stages can run."""

from importlib import import_module

from ..errors import ConfigError
from ..runtime import import_umap

__all__ = ["check_surroundings"]

NEEDED = (
    "sklearn.decomposition",
    "sklearn.mixture",
    "sklearn.neighbors",
    "scipy.spatial",
    "pyarrow",
)
"""Modules that stages import when they begin."""


def check_surroundings() -> None:
    """Import all packages that a training needs, also those of its last stages.

    Raises:
        ConfigError: If a package cannot be imported; the message names it and the fix.
    """
    import_umap()
    for name in NEEDED:
        try:
            import_module(name)
        except ImportError as error:
            raise ConfigError(
                f"Training needs `{name}`, which cannot be imported ({error}). Install this "
                "package again: pip install --force-reinstall cluster-vae-xai"
            ) from error
