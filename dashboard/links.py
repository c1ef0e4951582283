"""The address of each page, and the short, exact and checked encoding of settings in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PAGES = {
    "home": "views/home/view.py",
    "own_image": "views/own_image/view.py",
    "latent_map": "views/latent_map/view.py",
    "reconstructions": "views/reconstructions/view.py",
    "clusters": "views/clusters/view.py",
    "compare": "views/compare/view.py",
    "heatmaps": "views/heatmaps/view.py",
    "counterfactuals": "views/counterfactuals/view.py",
    "theory_contents": "views/theory/contents/view.py",
    "theory_hidden": "views/theory/hidden/view.py",
    "theory_inequalities": "views/theory/inequalities/view.py",
    "theory": "views/theory/bound/view.py",
    "theory_linear_vae": "views/theory/linear_vae/view.py",
    "theory_factorisations": "views/theory/factorisations/view.py",
    "theory_collapse": "views/theory/collapse/view.py",
    "theory_mixtures": "views/theory/mixtures/view.py",
    "theory_probe": "views/theory/mean_field/view.py",
    "theory_manifold": "views/theory/manifold/view.py",
    "model_card": "views/model_card/view.py",
    "train": "views/train/view.py",
}
"""The script of each page, by the page's name, which is also its address."""

MAX_CORNERS = 400
_CENT = 100
_CENTS = re.compile(r"-?[0-9]{1,7}")
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,10})?")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The values that a setting may have, and how the URL writes them.

    Attributes:
        default: Value before the visitor changes it; the URL leaves it out. A list if several
            options may be chosen.
        options: Values to choose from; None if `span` limits the value, or nothing does.
        span: Lowest value, highest value and step of a number.
    """

    default: Any
    options: tuple[Any, ...] | None = None
    span: tuple[float, float, float] | None = None

    def allows(self, value: object) -> bool:
        """Return whether a value is allowed."""
        if self.options is not None:
            several = isinstance(self.default, list)
            if several != isinstance(value, list):
                return False
            chosen = list(value) if isinstance(value, list) else [value]
            return all(v in self.options for v in chosen) and len(chosen) == len(set(chosen))
        if self.span is not None:
            low, high, _ = self.span
            return isinstance(value, int | float) and low <= value <= high
        return True

    def write(self, value: Any) -> str | None:  # noqa: ANN401
        """Return the URL's text for an allowed value; None for the default."""
        if value == self.default:
            return None
        if isinstance(value, list):
            return "_".join(slug(v) for v in value) or "none"
        return f"{value:.10g}" if self.span is not None else slug(value)

    def read(self, text: str) -> Any:  # noqa: ANN401
        """Return the value that a URL holds; the default for anything that is not allowed."""
        value = self._number(text) if self.span is not None else self._chosen(text)
        return value if value is not None and self.allows(value) else self.default

    def _number(self, text: str) -> float | int | None:
        if not _NUMBER.fullmatch(text):
            return None
        value, (low, _, step) = float(text), self.span or (0.0, 0.0, 1.0)
        steps = (value - low) / step
        if abs(steps - round(steps)) > 1e-6:
            return None
        return round(value) if isinstance(self.default, int) else round(value, 10)

    def _chosen(self, text: str) -> Any:  # noqa: ANN401
        named = {slug(option): option for option in self.options or ()}
        if not isinstance(self.default, list):
            return named.get(text)
        parts = [] if text == "none" else text.split("_")
        return [named[p] for p in parts] if all(p in named for p in parts) else None


def slug(option: object) -> str:
    """Write an option in lower-case letters, digits and single hyphens."""
    if isinstance(option, bool):
        return "yes" if option else "no"
    kept = "".join(c if c.isalnum() else " " for c in str(option).lower())
    return "-".join(kept.split())


def write_corners(corners: Sequence[Sequence[float]] | None) -> str | None:
    """Write a line on the map in hundredths of a map unit; None for no line."""
    if not corners:
        return None
    return "_".join(f"{round(x * _CENT)}.{round(y * _CENT)}" for x, y in corners)


def read_corners(text: str) -> list[list[float]] | None:
    """Read a line on the map; None for any other text."""
    found = _read_places(text)
    return found if found and len(found) >= 3 else None


def read_place(text: str) -> list[list[float]] | None:
    """Read one place on the map, written as a line of one corner; None for any other text."""
    found = _read_places(text)
    return found if found and len(found) == 1 else None


def _read_places(text: str) -> list[list[float]] | None:
    pairs = [part.split(".") for part in text.split("_")]
    if len(pairs) > MAX_CORNERS or any(len(pair) != 2 for pair in pairs):
        return None
    if not all(_CENTS.fullmatch(value) for pair in pairs for value in pair):
        return None
    return [[int(x) / _CENT, int(y) / _CENT] for x, y in pairs]


def snapped(corners: Sequence[Sequence[float]]) -> list[list[float]]:
    """Round a line on the map to coordinates that the URL can hold exactly."""
    step = -(-len(corners) // MAX_CORNERS)
    return [[round(x * _CENT) / _CENT, round(y * _CENT) / _CENT] for x, y in corners[::step]]
