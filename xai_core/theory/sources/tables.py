"""Read the two tables of the source documents."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Erratum", "Statement", "errata", "statements"]

FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of a source document, and where the dashboard covers it.

    Attributes:
        id: "R-1" (report), "X-1" (exercise sheet), "S-1" (slides), "B-1" (note) and so on.
        document: Name of the document.
        place: Section, equation or slide.
        statement: The statement in words and symbols.
        page: Name of the page; empty if none covers it yet.
        said: A sentence of that page, or the line of a derivation, "D-1.3".
    """

    id: str
    document: str
    place: str
    statement: str
    page: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Erratum:
    """An erratum of a source document.

    Attributes:
        id: "E-1" and so on.
        document: Name of the document.
        serious: Whether it changes the conclusion; otherwise it is a typo.
        says: The place and its text.
        holds: The correct statement.
        advice: One line for a student.
    """

    id: str
    document: str
    serious: bool
    says: str
    holds: str
    advice: str


@cache
def statements() -> tuple[Statement, ...]:
    """Return the statements of all source documents, in their order."""
    return tuple(Statement(**row) for row in _rows("statements"))


@cache
def errata() -> tuple[Erratum, ...]:
    """Return the errata of all source documents, in their order."""
    return tuple(
        Erratum(
            id=row["id"],
            document=row["document"],
            serious=row["serious"] == "1",
            says=row["says"],
            holds=row["holds"],
            advice=row["advice"],
        )
        for row in _rows("errata")
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
