"""The address of each page, and the short, exact and checked encoding of settings in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Listed:
    """A page, and how the navigation shows it.

    Attributes:
        folder: Where its `view.py` lies, below `dashboard/views/`.
        section: Of the navigation; the pages of one section stand together.
        title: As the page's own heading says it, Home's apart.
        symbol: Name of one of the Material Symbols.
    """

    folder: str
    section: str
    title: str
    symbol: str

    @property
    def script(self) -> str:
        """Return the path of its script below `dashboard/`."""
        return f"views/{self.folder}/view.py"

    @property
    def icon(self) -> str:
        """Return the symbol as Streamlit writes it."""
        return f":material/{self.symbol}:"


LISTED = {
    "home": Listed("home", "", "Home", "home"),
    "own_image": Listed("own_image", "", "Your image", "draw"),
    "latent_map": Listed("latent_map", "Explore", "Latent map", "scatter_plot"),
    "reconstructions": Listed("reconstructions", "Explore", "Reconstructions", "compare"),
    "clusters": Listed("clusters", "Explore", "Clusters", "category"),
    "compare": Listed("compare", "Explore", "Compare", "balance"),
    "model_card": Listed("model_card", "Explore", "Model card", "fact_check"),
    "heatmaps": Listed("heatmaps", "Explain", "Heatmaps", "gradient"),
    "counterfactuals": Listed("counterfactuals", "Explain", "Counterfactuals", "alt_route"),
    "theory_contents": Listed("theory/contents", "Theory", "Contents", "toc"),
    "theory_hidden": Listed("theory/hidden", "Theory", "Hidden variables", "visibility_off"),
    "theory_inequalities": Listed(
        "theory/inequalities", "Theory", "Inequalities", "compare_arrows"
    ),
    "theory": Listed("theory/bound", "Theory", "The bound", "stacked_line_chart"),
    "theory_linear_vae": Listed("theory/linear_vae", "Theory", "A VAE by hand", "calculate"),
    "theory_plane": Listed("theory/plane", "Theory", "The latent plane", "grid_on"),
    "theory_factorisations": Listed(
        "theory/factorisations", "Theory", "Two factorisations", "call_split"
    ),
    "theory_collapse": Listed("theory/collapse", "Theory", "The collapse", "trending_down"),
    "theory_mixtures": Listed("theory/mixtures", "Theory", "Mixtures by EM", "blur_on"),
    "theory_probe": Listed("theory/mean_field", "Theory", "Mean-field", "linear_scale"),
    "theory_manifold": Listed("theory/manifold", "Theory", "On the manifold", "landscape"),
    "theory_exercises": Listed("theory/exercises", "Theory", "Exercises", "assignment"),
    "train": Listed("train", "Make", "Train", "model_training"),
}
"""Every page in the order of the navigation, by its name, which is also its address."""
QUESTIONS = ("latent_map", "reconstructions", "heatmaps", "counterfactuals", "model_card")
"""The pages that answer Home's five questions, in order."""
PAGES = {name: page.script for name, page in LISTED.items()}
"""The script of each page."""

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
