"""What the last stages need is tried before the first one starts."""

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
"""Imported by stages when they begin."""


def check_surroundings() -> None:
    """Import what a training needs only after hours.

    Raises:
        ConfigError: If something cannot be imported; the message names it and the fix.
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
