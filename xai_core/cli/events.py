"""What a training tells other programs while it runs: a JSON object a line, appended.

    {"event": "begin", "at": 1.7e9, "expected": {"vae": 647.5, ...}, "num_clusters": 10}
    {"event": "epoch", "at": 1.7e9, "stage": "vae", "epoch": 1, "epochs": 10, "loss": ...}
    {"event": "progress", "at": 1.7e9, "stage": "vae", "done": 235, "total": 2340}

A training that goes on begins anew and tells the epochs of before again; the last line of a
stage's epoch counts. What is not a finite number is null.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..terminal import plain

if TYPE_CHECKING:
    from ..data.sources import Dataset
    from ..model.vae import ClusterVAEConfig
    from ..training import EpochMetrics, Progress, TrainingConfig

__all__ = ["EventFile", "event_file", "expected_seconds"]

MILLISECONDS = {
    "assign": 1.96,
    "vae": 1.08,
    "classifier": 0.44,
    "surrogate": 0.20,
    "critic": 1.12,
    "evaluation": 0.88,
    "index": 1.12,
}
"""An image and epoch takes in each stage, measured with the default preset on 2 CPU cores."""


class EventFile:
    """Appends events to a file, each whole as soon as it is told; to none where there is none."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def on_begin(
        self, dataset: "Dataset", model: "ClusterVAEConfig", training: "TrainingConfig"
    ) -> None:
        """Tell that a training begins, and how long its stages are against each other."""
        expected = expected_seconds(dataset, model, training)
        self._tell("begin", expected=expected, num_clusters=model.num_clusters)

    def on_epoch(self, row: "EpochMetrics") -> None:
        """Tell an epoch's row of the history."""
        self._tell("epoch", **asdict(row))

    def on_progress(self, progress: "Progress") -> None:
        """Tell how far a stage is."""
        self._tell("progress", **asdict(progress))

    def _tell(self, event: str, **more: object) -> None:
        if self._file is not None:
            line = plain({"event": event, "at": time.time(), **more})
            self._file.write(json.dumps(line, allow_nan=False) + "\n")
            self._file.flush()


@contextmanager
def event_file(path: Path | None) -> Iterator[EventFile]:
    """Open a file for events, or none.

    Raises:
        OSError: If it cannot be written.
    """
    if path is None:
        yield EventFile(None)
        return
    with path.open("a", encoding="utf-8") as file:
        if file.tell():
            file.write("\n")  # the last line may have been cut short
        yield EventFile(file)


def expected_seconds(
    dataset: "Dataset", model: "ClusterVAEConfig", training: "TrainingConfig"
) -> dict[str, float]:
    """Estimate the seconds of each stage that a training will have, on 2 CPU cores."""
    count = min(len(dataset.train), training.train_images or len(dataset.train))
    everything = len(dataset.train) + len(dataset.test)
    work = {"vae": count * training.epochs, "evaluation": everything, "index": everything}
    if training.guess_weight > 0 and model.num_clusters > 1:
        work["assign"] = min(count, training.guess_images)
    if dataset.train.labels is not None:
        work["classifier"] = count * training.classifier_epochs
    if training.critic is not None and (model.num_clusters > 1 or "classifier" in work):
        shown = min(count, training.critic.train_images)
        work["surrogate"] = shown * training.critic.surrogate_epochs
        work["critic"] = shown * training.critic.epochs
    return {stage: work[stage] * ms / 1000 for stage, ms in MILLISECONDS.items() if stage in work}
