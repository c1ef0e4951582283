"""The type of numbers in figures and texts; unlike the aliases of `_types`, without torch."""

import numpy as np

__all__ = ["Number"]

Number = float | int | np.floating | np.integer
"""The tests check annotations, and `float` alone does not accept integers."""
