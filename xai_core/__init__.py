"""Train a cluster VAE, keep what it learned in a bundle, and ask it why."""

from xai_core._version import __version__

__all__ = ["__version__"]
