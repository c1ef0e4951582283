"""How many epochs, of which batches, take the steps that a stage needs."""

import math

__all__ = ["SMALLEST_BATCH", "plan_epochs"]

SMALLEST_BATCH = 64
"""Images per step below which a small set's batches do not shrink."""


def plan_epochs(
    count: int, epochs: int, batch_size: int, min_steps: int, *, processes: int = 1
) -> tuple[int, int]:
    """Return the epochs and the batch size that take at least `min_steps` steps.

    Batches shrink first, down to `SMALLEST_BATCH`, since a step costs as much as its images; then
    epochs rise. A set whose epochs have steps enough keeps both.

    Args:
        count: Train images.
        epochs: As the settings have them.
        batch_size: Likewise; a batch is never larger.
        min_steps: Steps to take at least; 1 changes nothing.
        processes: Among which a batch is divided evenly.
    """
    wanted = min(batch_size, max(SMALLEST_BATCH, epochs * count // min_steps), count)
    size = wanted // processes * processes
    return max(epochs, math.ceil(min_steps / (count // size))), size
