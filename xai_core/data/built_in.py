"""The data sets that need no file of one's own; reading this table imports no torch."""

from dataclasses import dataclass

__all__ = ["BUILT_IN", "REMOTE", "RemoteSet"]


@dataclass(frozen=True, kw_only=True)
class RemoteSet:
    """A data set of torchvision whose images and labels lie in files as those of MNIST do.

    Attributes:
        factory: Its class in `torchvision.datasets`, with `data`, `targets` and `classes`.
        credit: Its authors and its licence.
        variant: What the class calls `split`, where it has several sets.
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
"""MNIST comes with the package, shapes are made by it; the others are downloaded at first use."""
