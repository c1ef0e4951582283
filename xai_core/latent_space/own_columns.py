"""The user's own columns of an index, at its end; no slow imports."""

import pandas as pd

__all__ = ["OWN", "own_columns"]

OWN = "own:"
"""What the index puts before the names of the user's own columns."""


def own_columns(index: pd.DataFrame) -> pd.DataFrame:
    """Return the user's own columns of an index, by their own names."""
    own = index[[name for name in index if str(name).startswith(OWN)]]
    return own.rename(columns=lambda name: name.removeprefix(OWN))
