"""Results as HTML for a notebook: a picture and the main numbers."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import image_sheet, sprites, theme
from .counterfactual import change
from .probabilities import percent

if TYPE_CHECKING:
    from ..attribution.api import Attribution
    from ..bundle.reading import Bundle
    from ..counterfactual.api import Counterfactual

__all__ = ["attribution", "bundle", "counterfactual"]

SHOWN = 10
"""Largest number of images shown."""


def attribution(found: "Attribution") -> str:
    """Draw the first maps on one scale."""
    values = found.attributions[:SHOWN].detach().float().cpu().numpy()
    limit = image_sheet.shared_limit([values]) if len(values) else 1.0
    total = len(found.attributions)
    numbers = [
        ("method", found.method),
        ("maps", f"{total:,}" if total <= SHOWN else f"{total:,}, the first {SHOWN} shown"),
        ("targets", ", ".join(str(t) for t in found.target[:SHOWN].tolist())),
        ("colours", f"\N{MINUS SIGN}{limit:.3g} (cold) to +{limit:.3g} (warm)"),
    ]
    if found.warning:
        numbers.append(("warning", found.warning))
    pixels = theme.colourise(values, theme.diverging(False), limit)
    return _card([("Maps", pixels)], numbers)


def counterfactual(found: "Counterfactual") -> str:
    """Draw the first inputs, counterfactuals and changes."""
    x, after = (
        part[:SHOWN].detach().float().cpu().numpy()
        for part in (found.images, found.counterfactuals)
    )
    reached = found.probabilities.gather(1, found.target[:, None])[:SHOWN, 0]
    numbers = [
        ("method", str(found.method)),
        ("reached", f"{int(found.converged.sum()):,} of {len(found):,}"),
        ("from, to", ", ".join(f"{a} to {b}" for a, b in zip(
            found.source[:SHOWN].tolist(), found.target[:SHOWN].tolist(), strict=True))),
        ("p(target)", ", ".join(percent(p) for p in reached.tolist())),
        ("ink changed (L1)", ", ".join(f"{v:.1f}" for v in found.l1[:SHOWN].tolist())),
    ]  # fmt: skip
    rows = [("Input", x), ("Counterfactual", after), ("Change", change.coloured(after - x, False))]
    return _card(rows, numbers)


def bundle(opened: "Bundle") -> str:
    """Draw the prototype of each cluster; without a decoder, the train image nearest to it."""
    from ..attribution.of_bundle import prototypes

    config, data = opened.model.config, opened.manifest.dataset
    order = list(opened.clusters.order)
    name = "Prototypes" if "decode" in opened.model.parts else "Nearest images"
    drawn = prototypes(opened)[order].float().cpu().numpy()
    scores = opened.manifest.metrics.get("test", {})
    numbers = [
        ("bundle", f"{opened.name} ({opened.digest[:16]})"),
        ("data", f"{data.name}: {data.num_train:,} train and {data.num_test:,} test images"),
        ("clusters", ", ".join(opened.clusters.names[c] for c in order)),
        ("latent dimensions", str(config.latent_dim)),
        *((name, f"{scores[name]:.4g}") for name in ("accuracy", "nmi", "elbo")
          if isinstance(scores.get(name), float)),
    ]  # fmt: skip
    return _card([(name, drawn)], numbers)


def _card(
    rows: Sequence[tuple[str, NDArray[np.generic]]], numbers: Sequence[tuple[str, str]]
) -> str:
    """Lay out rows of images above a table."""
    parts = []
    for name, images in rows:
        if not len(images):
            continue
        url = sprites.data_url(
            sprites.png(sprites.sheet(images, columns=len(images), gap=1, fill=255))
        )
        parts.append(
            f'<div>{escape(name)}<br><img alt="{escape(name)}" src="{url}" '
            f'style="image-rendering: pixelated; height: 84px"></div>'
        )
    cells = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(value)}</td></tr>'
        for name, value in numbers
    )
    return f"<div>{''.join(parts)}<table>{cells}</table></div>"
