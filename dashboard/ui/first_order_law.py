"""The two charts of the first-order law: its residual and the singular values."""

import numpy as np
from numpy.typing import NDArray

from dashboard import state
from dashboard.ui.chart import chart
from xai_core.plots.theory import manifold


def residual_chart(
    lengths: NDArray[np.floating], residuals: NDArray[np.floating], slope: float
) -> None:
    """Draw the residual of the law against the length of the step."""
    chart(
        manifold.residuals(lengths, residuals, slope, state.dark()),
        key="first order law",
        alt=f"Residual of the first-order law against the step: slope {slope:.3f}",
    )


def spectrum_chart(values: NDArray[np.floating]) -> None:
    """Draw the singular values of the decoder's Jacobian, the largest first."""
    chart(
        manifold.singular_values(values.tolist(), state.dark()),
        key="singular values",
        alt=f"Singular values from {values[0]:.2f} down to {values[-1]:.3f}",
    )
