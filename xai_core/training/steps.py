"""The number of epochs and the batch size with which a stage takes enough steps."""

import math

__all__ = ["SMALLEST_BATCH", "plan_epochs"]

SMALLEST_BATCH = 64
"""Smallest batch size to which a small data set may shrink batches."""


def plan_epochs(
    count: int, epochs: int, batch_size: int, min_steps: int, *, processes: int = 1
) -> tuple[int, int]:
    """Return the number of epochs and the batch size that give at least `min_steps` steps.

    Batches shrink first, down to `SMALLEST_BATCH`, because the cost of a step is proportional to
    its images; then the number of epochs rises. If `epochs` give enough steps, nothing changes.

    Args:
        count: Train images.
        epochs: The least number of epochs.
        batch_size: The largest number of images per step.
        min_steps: The least number of steps; 1 changes nothing.
        processes: Number of processes that share a batch evenly.
    """
    wanted = min(batch_size, max(SMALLEST_BATCH, epochs * count // min_steps), count)
    size = wanted // processes * processes
    return max(epochs, math.ceil(min_steps / (count // size))), size
