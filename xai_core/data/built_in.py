"""The names of the built-in data sets, readable without importing torch."""

__all__ = ["BUILT_IN"]

BUILT_IN = ("mnist", "shapes", "shapes-shortcut", "fashion-mnist", "kmnist", "emnist-digits")
"""MNIST is in the package, shapes are generated; the others are downloaded at first use."""
