"""What a training has told so far, read from the file of `xai train --events`."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

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
    moves = [e for e in events[begins[-1] :] if e["event"] == "progress"]
    last: Row = moves[-1] if moves else {"stage": "", "done": 0, "total": 0}
    share, left = _share_and_seconds_left(begun, moves, now)
    return News(
        epochs=tuple(rows.values()),
        stage=last["stage"],
        done=last["done"],
        total=last["total"],
        share=share,
        seconds_left=left,
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


def _share_and_seconds_left(begun: Row, moves: list[Row], now: float) -> tuple[float, float]:
    """Compare the time since the first move with what it was expected to take."""
    expected = {stage: float(seconds) for stage, seconds in begun["expected"].items()}
    whole = sum(expected.values())
    reached, since = (_work(expected, moves[-1]), moves[-1]["at"]) if moves else (0, begun["at"])
    left = (whole - reached) * _slowness(expected, moves) - (now - since)
    return min(reached / whole, 1.0), max(left, 0.0)


def _slowness(expected: dict[str, float], moves: list[Row]) -> float:
    """Measure the seconds that a step takes against those expected, over steps one by one.

    Stages of a single step say nothing: after an interruption they take no time.
    """
    worked = took = 0.0
    for before, after in pairwise(moves):
        if before["stage"] == after["stage"] and after["total"] > 1:
            worked += _work(expected, after) - _work(expected, before)
            took += after["at"] - before["at"]
    return took / worked if worked > 0 and took > 0 else 1.0


def _work(expected: dict[str, float], move: Row) -> float:
    """Add up the expected seconds of what is done."""
    stages = list(expected)
    if move["stage"] not in expected:
        return 0.0
    before = stages[: stages.index(move["stage"])]
    within = expected[move["stage"]] * move["done"] / max(move["total"], 1)
    return sum(expected[stage] for stage in before) + within
