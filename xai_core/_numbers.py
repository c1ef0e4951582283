"""What figures and texts take as a number; it needs no torch, unlike the aliases of `_types`."""

import numpy as np

__all__ = ["Number"]

Number = float | int | np.floating | np.integer
"""Annotations are checked while tests run, and `float` alone admits no whole number."""
