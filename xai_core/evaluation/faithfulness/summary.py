"""Scores of heatmap methods without those of single images, and the file that keeps them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ...atomic_write import atomic_write
from ...bundle.paths import read_result, result_file

__all__ = ["FaithfulnessSummary", "keep_summary", "kept_summary", "summary_file"]

WORDS = ("method", "passed", "failed", "reasons")
"""Columns of text."""
Curves = dict[str, Float[np.ndarray, " shares"]]


@dataclass(frozen=True, kw_only=True, eq=False)
class FaithfulnessSummary:
    """Scores of every method on the same images.

    Attributes:
        table: As `FaithfulnessTable.frame` returns it.
        insertion: Mean output by method as pixels are inserted.
        deletion: The same as pixels are removed.
        shares: Shares of the pixels, where curves are measured.
        images: Number of images.
    """

    table: pd.DataFrame
    insertion: Curves
    deletion: Curves
    shares: tuple[float, ...]
    images: int


def summary_file(folder: Path, output: str) -> Path:
    """Return the file of the scores for an output of the bundle in a folder."""
    return result_file(folder, f"faithfulness.{output}")


def keep_summary(folder: Path, digest: str, output: str, summary: FaithfulnessSummary) -> Path:
    """Write scores beside a bundle.

    Args:
        folder: Folder of the bundle.
        digest: Digest of the bundle.
        output: Name of what is explained.
        summary: The scores.

    Returns:
        The file.

    Raises:
        DataError: If it cannot be written.
    """
    curves = {name: _rounded(getattr(summary, name)) for name in ("insertion", "deletion")}
    rows = json.loads(summary.table.to_json(orient="records", double_precision=5))
    kept = {
        "digest": digest,
        "images": summary.images,
        "shares": summary.shares,
        "rows": rows,
        **curves,
    }
    path = summary_file(folder, output)
    with atomic_write(path) as file:
        file.write(json.dumps(kept).encode())
    return path


def kept_summary(folder: Path, digest: str, output: str) -> FaithfulnessSummary | None:
    """Read the scores that were kept beside a bundle.

    Args:
        folder: Folder of the bundle.
        digest: Digest of the bundle.
        output: Name of what is explained.

    Returns:
        The scores; None if there are none, or they are of another bundle that was in this folder.

    Raises:
        BundleError: If the file is damaged.
    """
    path = summary_file(folder, output)
    return read_result(path, digest, _parsed, command="xai faithfulness --keep")


def _parsed(found: dict[str, Any]) -> FaithfulnessSummary:
    table = pd.DataFrame(found["rows"])
    numbers = [name for name in table.columns if name not in (*WORDS, "trusted")]
    table = table.astype({**dict.fromkeys(numbers, float), "trusted": bool})
    insertion, deletion = (
        {method: np.array(found[kind][method], np.float32) for method in table["method"]}
        for kind in ("insertion", "deletion")
    )
    shares = tuple(map(float, found["shares"]))
    if any(len(curve) != len(shares) for curve in (*insertion.values(), *deletion.values())):
        raise ValueError("lengths")
    return FaithfulnessSummary(
        table=table,
        insertion=insertion,
        deletion=deletion,
        shares=shares,
        images=int(found["images"]),
    )


def _rounded(curves: Curves) -> dict[str, list[float]]:
    return {
        name: [round(value, 5) for value in np.asarray(curve, float).tolist()]
        for name, curve in curves.items()
    }
