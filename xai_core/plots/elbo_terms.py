"""The evidence lower bound of one image, term by term, among the images of its split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .axes import Axis, Plot
from .drawing import Drawing, breadth, mark, rectangle, segment, text
from .style import signed

__all__ = [
    "Term",
    "added",
    "contributions",
    "extremes",
    "label",
    "peers",
    "steps",
    "summary",
    "waterfall",
]


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of the bound.

    Attributes:
        name: Name in running text.
        formula: Formula in the notation of the Theory pages.
        sign: Whether it is added (1) or subtracted (-1).
    """

    name: str
    formula: str
    sign: int = 1


TERMS: Mapping[str, Term] = {
    "elbo": Term(name="ELBO", formula="sum of the four terms"),
    "reconstruction": Term(name="Reconstruction", formula="E[log p(x|z,c)]"),
    "expected_log_prior": Term(name="Expected log prior", formula="E[log p(z|c)]"),
    "kl_c": Term(name="KL of the cluster", formula="KL(q(c|x) || p(c))", sign=-1),
    "entropy_z": Term(name="Entropy of the code", formula="\N{MINUS SIGN}E[log q(z|x)]"),
}
"""The bound and its terms, by their column in the index."""

WIDTH, STEPS, ROW = 520, 440, 46
"""Width of the waterfall with percentiles and of one without, and height of a row."""

ORDER = ("reconstruction", "expected_log_prior", "kl_c", "entropy_z", "elbo")


def contributions(index: pd.DataFrame, term: str) -> NDArray[np.float64]:
    """Return what a term adds to the bound of each image, in nats: minus the KL, plus the rest."""
    return TERMS[term].sign * index[term].to_numpy(float)


def added(facts: pd.Series, term: str) -> float:
    """Return what a term adds to the bound of one image, in nats."""
    return float(TERMS[term].sign * facts[term])


def peers(facts: pd.Series) -> str:
    """Return the split that an image is compared with: its own, or test for a user's image."""
    return "train" if facts["split"] == "train" else "test"


def summary(index: pd.DataFrame, facts: pd.Series) -> pd.DataFrame:
    """Tabulate one image's terms: nats added to the bound, and percentile among its peers.

    The percentile is the share of the split's images whose bound gains less from the term; ties
    count half.
    """
    same = (index["split"] == peers(facts)).to_numpy()
    lines = []
    for key in ORDER:
        others, own = contributions(index, key)[same], added(facts, key)
        below = (others < own).mean() + (others == own).mean() / 2
        lines.append((TERMS[key].name, TERMS[key].formula, own, 100 * float(below)))
    return pd.DataFrame(lines, columns=["term", "formula", "nats", "percentile"])


def extremes(
    index: pd.DataFrame, term: str, split: str, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the rows of a split whose bound gains most, and least, from a term, in order."""
    rows = np.flatnonzero((index["split"] == split).to_numpy())
    order = rows[np.argsort(-contributions(index, term)[rows], kind="stable")]
    return order[:count], order[::-1][:count]


def waterfall(table: pd.DataFrame, split: str, dark: bool) -> Drawing:
    """Draw the terms as steps up to the bound, and each term's percentile in the split.

    Args:
        table: Result of `summary`, with the bound in the last row.
        split: "train" or "test", for the titles.
        dark: Whether the page has a dark theme.
    """
    names, nats = [label(key) for key in ORDER], table["nats"].tolist()
    left, low, above = breadth(names) + 10, ROW * len(ORDER), []
    room = WIDTH - left
    ranks = Plot(
        box=(WIDTH - 0.3 * room - 14, 4, 0.3 * room, low),
        x=Axis(low=-6, high=106, ticks=[(v, f"{v}") for v in (0, 50, 100)], title="percentile"),
        y=_rows([""] * len(ORDER)),
    )
    for k, (name, p) in enumerate(zip(names, table["percentile"], strict=True)):
        title = f"{name}: adds more than in {p:.1f} % of {split} images"
        above.append(mark(*ranks.at(p, k + 0.5), title, kind="diamond", size=6))
    return Drawing.of(
        (WIDTH, low + 44),
        [*_steps((left, 4, 0.62 * room, low), nats, names, _room(table), dark), *ranks.axes(),
         *above],
        columns=("term", "nats", "percentile"),
        rows=[(r.term, signed(r.nats), f"{r.percentile:.1f}") for r in table.itertuples()],
    )  # fmt: skip


def steps(
    nats: Sequence[Number],
    names: Sequence[str],
    span: tuple[Number, Number],
    dark: bool,
    *,
    digits: int = 1,
) -> Drawing:
    """Draw contributions as cumulative steps and their sum, the last value, as a bar.

    Args:
        nats: Value in nats of each contribution, and their sum.
        names: Names of each, and of the sum.
        span: Range of the axis, in nats.
        dark: Whether the page has a dark theme.
        digits: Digits after the decimal point.
    """
    left, low = breadth(names) + 10, ROW * len(names)
    box = (left, 4, STEPS - left - 10, low)
    return Drawing.of(
        (STEPS, low + 44),
        _steps(box, nats, names, span, dark, digits),
        columns=("term", "nats"),
        rows=[(name, signed(v, digits)) for name, v in zip(names, nats, strict=True)],
    )


def _steps(
    box: tuple[Number, Number, Number, Number],
    nats: Sequence[Number],
    names: Sequence[str],
    span: tuple[Number, Number],
    dark: bool,
    digits: int = 1,
) -> list[str]:
    """Draw contributions, each from the end of the last one, then their sum, within axes."""
    plot = Plot(box=box, x=Axis.numbers(*span, "nats", most=4), y=_rows(names))
    colours, parts, start = theme.hex_colours(theme.diverging(dark)), plot.axes(), 0.0
    for k, (name, value) in enumerate(zip(names, nats, strict=True)):
        last, written = k == len(nats) - 1, signed(value, digits)
        start = 0.0 if last else start
        (x0, top), (x1, low) = plot.at(start, k + 0.18), plot.at(start + value, k + 0.82)
        colour = "currentColor" if last else colours[215 if value > 0 else 45]
        bar = (min(x0, x1), top, max(abs(x1 - x0), 1), low - top)
        x, anchor = (x1 + 5, "start") if value > 0 else (x1 - 5, "end")
        parts += [
            rectangle(bar, colour, f"{name}: {written} nats"),
            text(written, x, (top + low) / 2, anchor=anchor),
        ]
        if not last:
            parts.append(segment([(x1, low), (x1, plot.at(0, k + 1.18)[1])], opacity=0.4))
        start += float(value)
    return parts


def _rows(names: Sequence[str]) -> Axis:
    """Return an axis with one row per name, the first at the top."""
    return Axis(low=len(names), high=0, ticks=[(k + 0.5, n) for k, n in enumerate(names)])


def _room(table: pd.DataFrame) -> tuple[float, float]:
    """Widen the range for the numbers beside the bars."""
    sums = table["nats"].to_numpy()[:-1].cumsum()
    low, high = min(sums.min(), 0.0), max(sums.max(), 0.0)
    pad = 0.45 * (high - low)
    return float(low - pad), float(high + (pad if high > 0 else pad / 10))


def label(key: str) -> str:
    """Return a term's name with its sign in the bound."""
    sign = "=" if key == "elbo" else "\N{MINUS SIGN}" if TERMS[key].sign < 0 else "+"
    return TERMS[key].name if key == "reconstruction" else f"{sign} {TERMS[key].name}"
