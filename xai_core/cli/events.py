"""What a training tells other programs while it runs: a JSON object a line, appended.

    {"event": "begin", "at": 1.7e9, "expected": {"vae": 647.5, ...}, "num_clusters": 10}
    {"event": "epoch", "at": 1.7e9, "stage": "vae", "epoch": 1, "epochs": 10, "loss": ...}
    {"event": "progress", "at": 1.7e9, "stage": "vae", "done": 235, "total": 2340}

A training that goes on begins anew and tells the epochs of before again; the last line of a
stage's epoch counts. What is not a finite number is null.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from ..terminal import plain

if TYPE_CHECKING:
    from ..training import EpochMetrics, Progress

__all__ = ["EventFile", "event_file"]


class EventFile:
    """Appends events to a file, each whole as soon as it is told; to none where there is none.

    Raises:
        DataError: If one cannot be written: nobody could see how the training goes on.
    """

    def __init__(self, file: FileIO | None) -> None:
        self._file = file

    def on_begin(self, expected: Mapping[str, float], num_clusters: int) -> None:
        """Tell that a training begins, and how long its stages are against each other."""
        self._tell("begin", expected=expected, num_clusters=num_clusters)

    def on_epoch(self, row: "EpochMetrics") -> None:
        """Tell an epoch's row of the history."""
        self._tell("epoch", **asdict(row))

    def on_progress(self, progress: "Progress") -> None:
        """Tell how far a stage is."""
        self._tell("progress", **asdict(progress))

    def _tell(self, event: str, **more: object) -> None:
        if self._file is None:
            return
        line = json.dumps(plain({"event": event, "at": time.time(), **more}), allow_nan=False)
        with _writing(self._file.name):
            self._file.write(f"{line}\n".encode())


@contextmanager
def event_file(path: Path | None) -> Iterator[EventFile]:
    """Open a file for events, or none.

    Raises:
        DataError: If it cannot be written.
    """
    if path is None:
        yield EventFile(None)
        return
    with _writing(path):
        file = FileIO(path, "a")
    with file:
        if file.tell():
            with _writing(path):
                file.write(b"\n")  # the last line may have been cut short
        yield EventFile(file)


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Cannot write the events into `{path}`: {error.strerror or error}. Make room or give "
            "another file with --events; a training that was begun goes on with --resume."
        ) from error
