"""Names that folders, array keys and words use for training and test images."""

from collections.abc import Collection, Mapping

__all__ = ["PARTS", "held_out", "part_of"]

PARTS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
}
"""The part of a data set that each name stands for, in lower case."""


def part_of(name: str) -> str | None:
    """Return "train", "test" or "validation" for a name of `PARTS`, in any case; else None."""
    return PARTS.get(name.casefold())


def held_out(parts: Collection[str]) -> dict[str, bool] | None:
    """Determine which parts are the test images.

    Validation images are test images if the data set has no others; otherwise they are train
    images.

    Args:
        parts: Some of "train", "test" and "validation".

    Returns:
        Whether each part is for test; None if train or test images are missing.
    """
    found = set(parts)
    if "train" not in found or len(found) < 2:
        return None
    return {part: part == "test" or ("test" not in found and part != "train") for part in found}
