"""One image in two bundles: reconstructions, errors and numbers."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import image_data
from dashboard.ui import download, messages, naming
from dashboard.ui.components import image_grid
from dashboard.views.compare.settings import Pair
from xai_core.plots import elbo_terms, sprites
from xai_core.plots.counterfactual.change import coloured
from xai_core.plots.probabilities import percent
from xai_core.plots.style import plain, signed

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def show(pair: Pair, image_id: str) -> None:
    """Show the image, both reconstructions with their errors, and the numbers of both."""
    x = image_data.images(pair.first, [image_id])[0] / np.float32(255)
    pictures = [_drawn(x)]
    for bundle in pair.both:
        drawn = image_data.inferred(bundle, image_id).reconstruction
        pictures += [_drawn(drawn), coloured((x - drawn)[None], state.dark())[0]]
    names = [b.name for b in pair.both for _ in range(2)]
    kinds = ["reconstruction", "error"] * 2
    image_grid.image_grid(
        np.stack(pictures),
        alt=[naming.describe(pair.first, image_id),
             *(f"{kind} of {name}" for kind, name in zip(kinds, names, strict=True))],
        captions=["input", *(f"{n}\n{k}" for k, n in zip(kinds, names, strict=True))],
        key="compare-image",
        scale=5,
    )  # fmt: skip
    table = _table(pair, image_id)
    messages.text_table(table, key="numbers of the image")
    with st.container(horizontal=True):
        download.table(pair.first, table, name="image in both", image=image_id, **pair.about)
        sheet = sprites.sheet(np.stack(pictures), columns=5, gap=2, fill=255)
        download.picture(pair.first, sheet, name="image in both", image=image_id, **pair.about)


def _table(pair: Pair, image_id: str) -> pd.DataFrame:
    one, two = (image_data.facts(b, image_id) for b in pair.both)
    rows = [
        ("Cluster", *(naming.cluster_names(b)[f.cluster] for b, f in _each(pair, one, two)), ""),
        ("Confidence", percent(one.confidence), percent(two.confidence),
         f"{signed(100 * (two.confidence - one.confidence))} points"),
    ]  # fmt: skip
    for key in elbo_terms.ORDER:
        a, b = float(one[key]), float(two[key])
        rows.append((f"{elbo_terms.TERMS[key].name}, nats", plain(a), plain(b), signed(b - a, 2)))
    errors = [_missed(b, image_id) for b in pair.both]
    rows.append(("Pixel error, full pixels", *(plain(e) for e in errors),
                 signed(errors[1] - errors[0], 2)))  # fmt: skip
    return pd.DataFrame(rows, columns=["What", pair.first.name, pair.second.name, "Difference"])


def _each(pair: Pair, one: pd.Series, two: pd.Series) -> "list[tuple[Bundle, pd.Series]]":
    return list(zip(pair.both, (one, two), strict=True))


def _missed(bundle: "Bundle", image_id: str) -> float:
    x = image_data.images(bundle, [image_id])[0] / np.float32(255)
    return float(np.abs(x - image_data.inferred(bundle, image_id).reconstruction).sum())


def _drawn(image: np.ndarray) -> np.ndarray:
    return sprites.rgb(image[None])[0]
