"""Which clusters persist in trainings with other K and seeds."""

from collections.abc import Sequence

from ...evaluation.persistence import STABLE, Sweep
from .. import theme
from ..drawing import BAR, Drawing, breadth, colour_bar, heat_cell, text

__all__ = ["finding", "persistence_table"]

ACROSS, CELL = 46, 34
"""Width and height of a cell."""


def finding(sweep: Sweep, names: Sequence[str], order: Sequence[int]) -> str:
    """Say which clusters persist at the bundle's own K, or the next larger, and at the largest.

    Args:
        sweep: The trainings.
        names: A name per cluster of the bundle.
        order: The clusters in the order in which they are listed.
    """
    own = len(names)
    there = [number for number in sweep.clusters if number >= own]
    if not there:
        return f"No training had as many clusters as this model, {own}"
    stays = sweep.persistent(there[0])
    lost = [str(names[c]) for c in order if c not in stays]
    said = f"{len(stays)} of {own}" if lost else f"All {own}"
    text = f"{said} clusters persist in trainings with {there[0]} clusters"
    if lost:
        text += f", not {', '.join(lost[:4])}{' ...' if len(lost) > 4 else ''}"
    if there[0] == there[-1]:
        return text
    return f"{text}, and {len(sweep.persistent(there[-1]))} with {there[-1]}"


def persistence_table(
    sweep: Sweep, names: Sequence[str], order: Sequence[int], dark: bool
) -> Drawing:
    """Draw the mean Jaccard similarity per cluster and K; bold where it counts as the same.

    The last row is the agreement of two seeds.

    Args:
        sweep: The trainings.
        names: A name per cluster of the bundle.
        order: The clusters from top to bottom.
        dark: Whether the page has a dark theme.
    """
    rows = [(names[c], sweep.persistence[c]) for c in order]
    if len(sweep.seeds) > 1:
        rows.append(("two seeds agree", sweep.agreement))
    left = breadth([name for name, _ in rows]) + 12
    scale = theme.shares(dark)
    parts = colour_bar(
        scale, ("0", "0.5", "1"), "Jaccard similarity, mean of seeds", (left, 0, 260)
    )
    for line, (name, values) in enumerate(rows):
        last = line == len(order)
        top = BAR + CELL * line + (10 if last else 0)
        parts.append(text(name, left - 6, top + CELL / 2, anchor="end"))
        for column, (number, value) in enumerate(zip(sweep.clusters, values, strict=True)):
            colour = scale[round(255 * min(max(value, 0.0), 1.0))]
            box = (left + ACROSS * column, top, ACROSS, CELL)
            what = "two seeds: adjusted Rand index" if last else f"{name}: similarity"
            title = f"{what} {value:.2f} with K = {number}"
            bold = value >= STABLE and not last
            parts += heat_cell(box, colour, f"{value:.2f}", title, bold=bold)
    low = BAR + CELL * len(rows) + 22
    for column, number in enumerate(sweep.clusters):
        parts.append(text(str(number), left + ACROSS * (column + 0.5), low, anchor="middle"))
    right = left + ACROSS * len(sweep.clusters)
    parts.append(text("K, clusters of a training", (left + right) / 2, low + 22, anchor="middle"))
    return Drawing.of(
        (max(right, left + 260) + 14, low + 38),
        parts,
        columns=("cluster", *(f"K = {number}" for number in sweep.clusters)),
        rows=[(name, *(f"{value:.2f}" for value in values)) for name, values in rows],
    )
