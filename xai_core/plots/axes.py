"""Axes of static charts: round ticks, and the places of values in a drawing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from .drawing import grid_line, segment, text
from .style import plain

__all__ = [
    "Axis",
    "Plot",
]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The range of an axis, its ticks and its title.

    Attributes:
        low: Value at the left or bottom end.
        high: Value at the other end.
        ticks: Value and text of each tick.
        title: What the values are, with their unit.
    """

    low: Number
    high: Number
    ticks: Sequence[tuple[Number, str]]
    title: str = ""

    @classmethod
    def shares(cls, title: str, *, parts: int = 4, pad: Number = 0.03) -> "Axis":
        """Return an axis from 0 to 100 %, with a little room at both ends."""
        ticks = [(k / parts, f"{100 * k / parts:.0f} %") for k in range(parts + 1)]
        return cls(low=-pad, high=1 + pad, ticks=ticks, title=title)

    @classmethod
    def numbers(cls, low: Number, high: Number, title: str, *, most: int = 6) -> "Axis":
        """Return an axis of numbers, with at most so many round ticks."""
        rough = max(float(high - low), 1e-12) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(k * power for k in (1, 2, 5, 10) if k * power >= rough * (1 - 1e-9))
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        ticks = [(k * step, plain(k * step, digits)) for k in range(first, last + 1)]
        return cls(low=low, high=high, ticks=ticks, title=title)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A rectangle in a drawing, and the axes of what is drawn in it.

    Attributes:
        box: Left, top, width and height.
        x: The horizontal axis.
        y: The vertical axis, upwards.
    """

    box: tuple[Number, Number, Number, Number]
    x: Axis
    y: Axis

    def at(self, x: Number, y: Number) -> tuple[float, float]:
        """Return the place of a point in the drawing."""
        left, top, width, height = self.box
        right = (x - self.x.low) / (self.x.high - self.x.low)
        up = (y - self.y.low) / (self.y.high - self.y.low)
        return float(left + width * right), float(top + height * (1 - up))

    def axes(self) -> list[str]:
        """Draw grid lines, ticks and titles: 38 units below the box, and left of it."""
        left, top, width, height = self.box
        low, parts = top + height, []
        for value, words in self.x.ticks:
            x, _ = self.at(value, self.y.low)
            parts += [
                grid_line(f"M{x:.1f} {top}V{low}"),
                text(words, x, low + 12, anchor="middle"),
            ]
        for value, words in self.y.ticks:
            _, y = self.at(self.x.low, value)
            parts += [
                grid_line(f"M{left} {y:.1f}h{width}"),
                text(words, left - 6, y, anchor="end"),
            ]
        if self.x.title:
            parts.append(text(self.x.title, left + width / 2, low + 30, anchor="middle"))
        if self.y.title:
            parts.append(text(self.y.title, 9, top + height / 2, anchor="middle", turned=-90))
        return parts

    def line(
        self,
        xs: NDArray[np.floating],
        ys: NDArray[np.floating],
        title: str = "",
        *,
        colour: str = "currentColor",
        width: Number = 2.5,
        dash: str = "",
        opacity: Number = 1,
    ) -> str:
        """Draw a line through points; its title shows at the pointer."""
        points = [self.at(x, y) for x, y in zip(xs, ys, strict=True)]
        return segment(points, title, colour=colour, width=width, dash=dash, opacity=opacity)

    def level(self, y: Number, *, width: Number = 1, dash: str = "dot", colour: str = "") -> str:
        """Draw a horizontal line across the plot."""
        ends = [self.at(x, y) for x in (self.x.low, self.x.high)]
        return segment(ends, colour=colour or "currentColor", width=width, dash=dash)

    def upright(self, x: Number, *, width: Number = 1.5, dash: str = "") -> str:
        """Draw a vertical line across the plot."""
        ends = [self.at(x, y) for y in (self.y.low, self.y.high)]
        return segment(ends, width=width, dash=dash)
