"""Output of the `xai` command: results on stdout, progress and errors on stderr."""

import json
import logging
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.cells import cell_len

__all__ = [
    "print_error",
    "print_json",
    "print_table",
    "print_warning",
    "progress",
    "silence",
    "spinner",
    "text_of",
]


@contextmanager
def silence() -> Iterator[None]:
    """Drop the library's log messages, which the first of several processes shows."""
    handler, library = logging.NullHandler(), logging.getLogger("xai_core")
    library.addHandler(handler)
    try:
        yield
    finally:
        library.removeHandler(handler)


@contextmanager
def spinner(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show a spinner on stderr; yields a function of the steps done and in total."""
    from rich.console import Console

    with Console(stderr=True).status(text) as status:
        yield lambda done, total: status.update(f"{text}: {done:,} of {total:,}")


@contextmanager
def progress(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the time left, on stderr, of work that the same command continues.

    Yields a function of the steps done and in total.
    """
    from rich.console import Console
    from rich.progress import Progress

    try:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(text, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("To continue, give the same command again.") from error


def print_json(value: object) -> None:
    """Print one JSON object on stdout; numbers that are not finite become null."""
    from ..training.events import plain

    sys.stdout.write(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def print_table(
    title: str, rows: Sequence[Sequence[object]], columns: Sequence[str] = ("", "")
) -> None:
    """Print a table on stdout, one line per row."""
    cells = [[_line(text_of(value)) for value in row] for row in rows]
    heading = [[*columns]] if any(columns) else []
    widths = [max(map(cell_len, column)) for column in zip(*heading, *cells, strict=True)]
    if heading:
        heading.append(["-" * width for width in widths])
    lines = [_line(title)] if title else []
    for row in (*heading, *cells):
        padded = (
            f"{text}{' ' * (width - cell_len(text))}"
            for text, width in zip(row, widths, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    sys.stdout.write("\n".join([*lines, "", ""]))


def _line(text: str) -> str:
    """Remove line breaks and terminal control characters from a text."""
    return "".join(mark if mark.isprintable() else " " for mark in text)


def print_error(error: BaseException, process: str = "") -> None:
    """Print an error as one line on stderr."""
    line = " ".join(str(error).split()) or type(error).__name__
    sys.stderr.write(f"error{process}: {line}\n")


def print_warning(text: str) -> None:
    """Print a warning as one line on stderr."""
    sys.stderr.write(f"warning: {' '.join(text.split())}\n")


def text_of(value: object) -> str:
    """Return a value as readable text; a dash for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e-3 else f"{value:,.4f}"
    if isinstance(value, list | tuple):
        return ", ".join(text_of(part) for part in value)
    return str(value)
