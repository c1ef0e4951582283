"""The live table of epochs that `xai train` shows on stderr."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from ...training.eta import TimedProgress, TimeLeft, time_left
from ...training.stages.table import stage_title

if TYPE_CHECKING:
    from ...training.progress import EpochMetrics
    from ...training.progress import Progress as StageProgress

__all__ = ["TrainingDisplay"]

COLUMNS = (
    ("stage", "{:<10}"),
    ("epoch", "{:>5}"),
    ("loss", "{:>7}"),
    ("ELBO", "{:>8}"),
    ("recon.", "{:>8}"),
    ("align.", "{:>7}"),
    ("KL(c)", "{:>6}"),
    ("H(z)", "{:>6}"),
    ("I(c;x)", "{:>6}"),
    ("acc.*", "{:>6}"),
    ("NMI*", "{:>5}"),
    ("time", "{:>6}"),
    ("ETA", "{:>6}"),
)
LEGEND = (
    "ELBO = recon. + align. - KL(c) + H(z), means in nats per image; I(c;x) cluster information; "
    "ETA of all stages",
    "* by labels, which the cluster VAE never sees; for information",
)


class _Warnings(logging.Handler):
    """Shows each message that the library logs on one line."""

    def __init__(self, show: Callable[[str, str], None]) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(f"{record.levelname.lower()}: {record.getMessage()}", "yellow")


class TrainingDisplay:
    """A live table of epochs above a progress bar, on stderr."""

    def __init__(self, expected: Mapping[str, float]) -> None:
        """Create the table; `expected` holds the expected seconds of each stage."""
        self._console = Console(stderr=True, highlight=False)
        self._bar = _bar(self._console)
        self._expected = expected
        self._moves: list[TimedProgress] = []
        self._whole = self._bar.add_task("Everything", total=1.0)
        self._tasks: dict[str, TaskID] = {}
        self._headed = False

    @contextmanager
    def shown(self, *sentences: str) -> Iterator[None]:
        """Show some sentences, the table and the library's warnings while the body runs."""
        handler = _Warnings(self._print)
        library = logging.getLogger("xai_core")
        library.addHandler(handler)
        try:
            for sentence in sentences:
                self._print(sentence)
            yield
        finally:
            if self._tasks:
                self._bar.stop()
            library.removeHandler(handler)

    def on_progress(self, progress: "StageProgress") -> None:
        """Move the bar of a stage, which is added if it is new."""
        now, stage = time.monotonic(), progress.stage
        self._moves.append(TimedProgress(stage, progress.done, progress.total, now))
        if not self._tasks:
            self._bar.start()
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage_title(stage), total=progress.total)
        ahead = self._ahead()
        self._bar.update(self._whole, completed=ahead.share, ends=now + ahead.whole)
        self._bar.update(self._tasks[stage], completed=progress.done, ends=now + ahead.stage)

    def on_epoch(self, row: "EpochMetrics") -> None:
        """Add a row to the table."""
        if not self._headed:
            self._print(" ".join(form.format(name) for name, form in COLUMNS), style="bold")
            for line in LEGEND:
                self._print(line, style="dim")
            self._headed = True
        under_way = bool(self._moves) and self._moves[-1].stage == row.stage
        cells = (
            row.stage,
            f"{row.epoch}/{row.epochs}",
            *(
                _number(value, digits)
                for value, digits in (
                    (row.loss, 4),
                    (row.elbo, 2),
                    (row.reconstruction, 2),
                    (row.expected_log_prior, 2),
                    (row.kl_c, 3),
                    (row.entropy_z, 2),
                    (row.cluster_information, 3),
                    (row.accuracy, 4),
                    (row.nmi, 3),
                )
            ),
            _clock(row.seconds),
            _clock(self._ahead().whole) if under_way else "-",
        )
        forms = (form for _, form in COLUMNS)
        self._print(" ".join(f.format(cell) for f, cell in zip(forms, cells, strict=True)))

    def _ahead(self) -> TimeLeft:
        return time_left(self._expected, self._moves, now=time.monotonic())

    def _print(self, line: str, style: str = "") -> None:
        self._console.print(Text(line.rstrip(), style=style), soft_wrap=True)


class _Eta(ProgressColumn):
    """Counts down to the last estimate of the end, also between two reports of progress."""

    def render(self, task: Task) -> Text:
        if task.finished or "ends" not in task.fields:
            return Text("")
        return Text(f"ETA {_clock(max(task.fields['ends'] - time.monotonic(), 0.0))}")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        _Eta(),
        console=console,
        refresh_per_second=2,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _clock(seconds: float) -> str:
    """Write a duration as 4 s, 7:05 or 1:02:03."""
    if round(seconds) < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
