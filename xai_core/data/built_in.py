"""The names of the data sets that need no file of one's own; reading them imports no torch."""

__all__ = ["BUILT_IN"]

BUILT_IN = ("mnist", "fashion-mnist", "kmnist", "emnist-digits")
"""MNIST comes with the package; the others are downloaded at first use (`downloads.REMOTE`)."""
