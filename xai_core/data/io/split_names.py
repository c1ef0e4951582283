"""Names that folders, array keys and words use for training and test images."""

import re
from collections.abc import Collection, Mapping

__all__ = ["PARTS", "held_out", "part_of"]

PARTS: Mapping[str, str] = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "validation"),
    "holdout": "validation",
}
"""The part of a data set that each name stands for, in lower case."""
_ENDING = re.compile(r"[-_ .]?(set|data|images|imgs|split)$")


def part_of(name: str) -> str | None:
    """Return "train", "test" or "validation" for a name of `PARTS`; else None.

    Case does not matter, nor does an ending such as that of `Training_Set` and `test images`.
    """
    return PARTS.get(_ENDING.sub("", name.casefold()))


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
