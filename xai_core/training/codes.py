"""The codes of some train images after some epochs, kept beside the state for the replay."""

import math
from pathlib import Path

from ..latent_space.encoding import Encoding
from ..latent_space.replay import REPLAYED_IMAGES, EpochCodes
from .checkpoint import TrainingState, read_state, write_state

__all__ = ["is_replayed", "read_codes", "write_codes"]

CODES = "codes"
FRAMES = 25
"""Largest number of epochs in a replay, besides the state before the training."""


def is_replayed(epoch: int, epochs: int) -> bool:
    """Return whether an epoch, from 1, is in the replay: the first, the last, some between."""
    return epoch in (1, epochs) or epoch % math.ceil(epochs / (FRAMES - 1)) == 0


def write_codes(run: Path, epoch: int, encoding: Encoding) -> None:
    """Add the codes after an epoch, 0 before the training, to those of the epochs before it."""
    state = read_state(run, CODES)
    known = {} if state is None else state.tensors
    tensors = {name: part for name, part in known.items() if int(name.split(".")[0]) < epoch}
    tensors[f"{epoch}.mean"] = encoding.mean[:REPLAYED_IMAGES].half()
    tensors[f"{epoch}.clusters"] = encoding.clusters[:REPLAYED_IMAGES]
    write_state(run, CODES, TrainingState(tensors, []))


def read_codes(run: Path) -> dict[int, EpochCodes]:
    """Read the codes by epoch; empty if none were written."""
    state = read_state(run, CODES)
    tensors = {} if state is None else state.tensors
    epochs = sorted({int(name.split(".")[0]) for name in tensors})
    return {e: EpochCodes(tensors[f"{e}.mean"], tensors[f"{e}.clusters"]) for e in epochs}
