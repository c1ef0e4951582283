"""The events of a training, for other programs: one JSON object per line, appended to a file.

    {"event": "begin", "at": 1.7e9, "expected": {"vae": 647.5, ...}, "num_clusters": 10}
    {"event": "epoch", "at": 1.7e9, "stage": "vae", "epoch": 1, "epochs": 10, "loss": ...}
    {"event": "progress", "at": 1.7e9, "stage": "vae", "done": 235, "total": 2340}

A resumed training writes `begin` again and repeats its finished epochs; of each stage and epoch,
the last line counts. A number that is not finite is null.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..bundle.migrations import present_names
from ..errors import DataError
from .eta import TimedProgress, time_left

if TYPE_CHECKING:
    from .progress import EpochMetrics, Progress

__all__ = [
    "EventFile",
    "TrainingProgress",
    "event_file",
    "plain",
    "read_training_progress",
]


class EventFile:
    """Append events to a file immediately; without a file, do nothing.

    Raises:
        DataError: If an event cannot be written, since the training could no longer be monitored.
    """

    def __init__(self, file: FileIO | None) -> None:
        self._file = file

    def on_begin(self, expected: Mapping[str, float], num_clusters: int) -> None:
        """Write that a training begins, with the expected seconds of its stages."""
        self._tell("begin", expected=expected, num_clusters=num_clusters)

    def on_epoch(self, row: "EpochMetrics") -> None:
        """Write one row of the history."""
        self._tell("epoch", **asdict(row))

    def on_progress(self, progress: "Progress") -> None:
        """Write the progress of a stage."""
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
            "another file with --events; a training that was begun continues with --resume."
        ) from error


Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """The progress of a training.

    Attributes:
        epochs: Rows of the history, in order; of each stage and epoch, the last one written.
        stage: The current stage; empty before the first report.
        done: Steps of the stage.
        total: Number of steps of the stage.
        share: Share of the work that is done, in [0, 1].
        seconds_left: Until the end, estimated; None before the training has begun.
        num_clusters: K, if known.
    """

    epochs: tuple[Row, ...] = ()
    stage: str = ""
    done: int = 0
    total: int = 0
    share: float = 0.0
    seconds_left: float | None = None
    num_clusters: int | None = None


def read_training_progress(path: Path, now: float) -> TrainingProgress:
    """Read the progress of a training.

    Args:
        path: The file of events; it need not be there yet.
        now: Seconds since 1970, from which the time left is counted.
    """
    events = _events(path)
    begins = [number for number, event in enumerate(events) if event["event"] == "begin"]
    if not begins:
        return TrainingProgress()
    begun = events[begins[-1]]
    rows = {(e["stage"], e["epoch"]): e for e in events if e["event"] == "epoch"}
    moves = [
        TimedProgress(e["stage"], e["done"], e["total"], float(e["at"]))
        for e in events[begins[-1] :]
        if e["event"] == "progress"
    ]
    last = moves[-1] if moves else TimedProgress("", 0, 0, now)
    expected = {stage: float(seconds) for stage, seconds in begun["expected"].items()}
    ahead = time_left(expected, moves, now=now)
    return TrainingProgress(
        epochs=tuple(rows.values()),
        stage=last.stage,
        done=last.done,
        total=last.total,
        share=ahead.share,
        seconds_left=ahead.whole,
        num_clusters=begun.get("num_clusters"),
    )


def _events(path: Path) -> list[Row]:
    """Read complete lines; a line truncated by a killed process is skipped."""
    if not path.exists():
        return []
    events = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and {"event", "at"} <= event.keys():
            events.append(present_names(event))
    return events


def plain(value: object) -> object:
    """Convert a value to types that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
