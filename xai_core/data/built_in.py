"""The built-in data sets, readable without importing torch."""

from dataclasses import dataclass

__all__ = ["BUILT_IN", "REMOTE", "RemoteSet"]


@dataclass(frozen=True, kw_only=True)
class RemoteSet:
    """A data set of torchvision whose files have the format of MNIST.

    Attributes:
        factory: Name of its class in `torchvision.datasets`, with `data`, `targets` and `classes`.
        credit: Its authors and its licence.
        variant: Value of the class's `split`, where it has several sets.
        transposed: Whether its images are stored column by column.
    """

    factory: str
    credit: str
    variant: str | None = None
    transposed: bool = False


REMOTE = {
    "fashion-mnist": RemoteSet(
        factory="FashionMNIST", credit="Fashion-MNIST, Xiao, Rasul and Vollgraf, MIT"
    ),
    "kmnist": RemoteSet(factory="KMNIST", credit="KMNIST, ROIS-DS CODH, CC BY-SA 4.0"),
    "emnist-digits": RemoteSet(
        factory="EMNIST",
        credit="EMNIST, Cohen, Afshar, Tapson and van Schaik, https://arxiv.org/abs/1702.05373",
        variant="digits",
        transposed=True,
    ),
}
"""Data sets that are downloaded once, by the name that the user types."""
BUILT_IN = ("mnist", "shapes", "shapes-shortcut", *REMOTE)
"""MNIST is in the package, shapes are generated; the others are downloaded at first use."""
