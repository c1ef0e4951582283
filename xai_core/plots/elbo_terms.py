"""The evidence lower bound of one image, term by term, among the images of its split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from .._numbers import Number
from . import theme
from .style import signed, styled

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


def waterfall(table: pd.DataFrame, split: str, dark: bool, *, height: int = 300) -> go.Figure:
    """Draw the terms as steps up to the bound, and each term's percentile in the split.

    Args:
        table: Result of `summary`, with the bound in the last row.
        split: "train" or "test", for the axis.
        dark: Whether the page has a dark theme.
        height: Height on the screen, in pixels.
    """
    names = [label(key) for key in ORDER]
    ranks = _ranks(table["percentile"].tolist(), names, split, dark)
    ranks.update(xaxis="x2")
    return styled(
        [steps(table["nats"].tolist(), names, dark), ranks],
        dark,
        height=height,
        bargap=0.35,
        yaxis={"autorange": "reversed", "showgrid": False},
        xaxis={"domain": [0, 0.66], "title": {"text": "nats"}, "range": _room(table)},
        xaxis2={
            "domain": [0.7, 1],
            "title": {"text": "percentile"},
            "range": [-6, 106],
            "tickvals": [0, 50, 100],
            "zeroline": False,
        },
    )


def steps(
    nats: Sequence[Number], names: Sequence[str], dark: bool, *, digits: int = 1
) -> go.Waterfall:
    """Draw contributions as cumulative steps and their sum, the last value, as a bar.

    Args:
        nats: Value in nats of each contribution, and their sum.
        names: Names of each, and of the sum.
        dark: Whether the page has a dark theme.
        digits: Digits after the decimal point.
    """
    colours = theme.hex_colours(theme.diverging(dark))
    return go.Waterfall(
        orientation="h",
        y=list(names),
        x=list(nats),
        measure=["relative"] * (len(nats) - 1) + ["total"],
        text=[signed(v, digits) for v in nats],
        textposition="outside",
        cliponaxis=False,
        increasing={"marker": {"color": colours[215]}},
        decreasing={"marker": {"color": colours[45]}},
        totals={"marker": {"color": theme.ink(dark)}},
        connector={"line": {"color": theme.muted(dark), "width": 1}},
        hovertemplate="%{y}: %{text} nats<extra></extra>",
    )


def _ranks(percentiles: list[Number], names: list[str], split: str, dark: bool) -> go.Scatter:
    return go.Scatter(
        x=percentiles,
        y=names,
        mode="markers",
        marker={"size": 11, "color": theme.ink(dark), "symbol": "diamond"},
        text=[f"{p:.0f}" for p in percentiles],
        hovertemplate=f"%{{y}}: adds more than in %{{x:.1f}} % of {split} images<extra></extra>",
    )


def _room(table: pd.DataFrame) -> list[float]:
    """Widen the range for the numbers beside the bars."""
    sums = table["nats"].to_numpy()[:-1].cumsum()
    low, high = min(sums.min(), 0.0), max(sums.max(), 0.0)
    pad = 0.45 * (high - low)
    return [float(low - pad), float(high + (pad if high > 0 else pad / 10))]


def label(key: str) -> str:
    """Return a term's name with its sign in the bound."""
    sign = "=" if key == "elbo" else "\N{MINUS SIGN}" if TERMS[key].sign < 0 else "+"
    return TERMS[key].name if key == "reconstruction" else f"{sign} {TERMS[key].name}"
