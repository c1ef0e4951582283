"""What a training has told so far, read from the file of `xai train --events`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xai_core.estimate import Move, left

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class News:
    """Where a training is.

    Attributes:
        epochs: Rows of the history, the last told of each stage and epoch, in order.
        stage: What it is at; empty before its first word.
        done: Steps of the stage.
        total: All steps of the stage.
        share: Of the whole work that is done, in [0, 1].
        seconds_left: Until the end, estimated; None before the training has begun.
        num_clusters: K, where it is known.
    """

    epochs: tuple[Row, ...] = ()
    stage: str = ""
    done: int = 0
    total: int = 0
    share: float = 0.0
    seconds_left: float | None = None
    num_clusters: int | None = None


def read_news(path: Path, now: float) -> News:
    """Read what was told until now.

    Args:
        path: The file of events; it need not be there yet.
        now: Seconds since 1970, to say what is left.
    """
    events = _events(path)
    begins = [number for number, event in enumerate(events) if event["event"] == "begin"]
    if not begins:
        return News()
    begun = events[begins[-1]]
    rows = {(e["stage"], e["epoch"]): e for e in events if e["event"] == "epoch"}
    moves = [
        Move(e["stage"], e["done"], e["total"], float(e["at"]))
        for e in events[begins[-1] :]
        if e["event"] == "progress"
    ]
    last = moves[-1] if moves else Move("", 0, 0, now)
    expected = {stage: float(seconds) for stage, seconds in begun["expected"].items()}
    ahead = left(expected, moves, begun=float(begun["at"]), now=now)
    return News(
        epochs=tuple(rows.values()),
        stage=last.stage,
        done=last.done,
        total=last.total,
        share=ahead.share,
        seconds_left=ahead.whole,
        num_clusters=begun.get("num_clusters"),
    )


def _events(path: Path) -> list[Row]:
    """Read the whole lines; one cut short by a kill is left out."""
    if not path.exists():
        return []
    events = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and {"event", "at"} <= event.keys():
            events.append(event)
    return events
