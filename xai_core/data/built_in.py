"""The names of the data sets that need no file of one's own; reading them imports no torch."""

__all__ = ["BUILT_IN"]

BUILT_IN = ("mnist", "shapes", "shapes-shortcut", "fashion-mnist", "kmnist", "emnist-digits")
"""MNIST comes with the package, shapes are made by it; the others are downloaded at first use."""
