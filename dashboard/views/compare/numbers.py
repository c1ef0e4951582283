"""Two model cards side by side: the measures, and how each bundle was made."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.ui import download, messages
from dashboard.views.compare.settings import Pair
from xai_core.report import model_card

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle


def measures(pair: Pair) -> None:
    """Show the measures of both on their test images, and the difference."""
    first, second = pair.both
    rows = model_card.differences(first.manifest.metrics, second.manifest.metrics)
    table = pd.DataFrame(rows, columns=["Measure", *_names(pair), "Difference"])
    messages.text_table(table, key="measures of both")
    download.table(first, table, name="measures of both", **pair.about)


def making(pair: Pair) -> None:
    """Show how their settings differ; an expander holds those that are the same."""
    cards = [_settings(bundle) for bundle in pair.both]
    rows = []
    for what in dict.fromkeys([*cards[0], *cards[1]]):
        one, two = (card.get(what, model_card.number(None, "")) for card in cards)
        rows.append((what, "same" if one == two else "differs", one, two))
    table = pd.DataFrame(rows, columns=["What", "In both", *_names(pair)])
    differs = table["In both"] == "differs"
    if differs.any():
        messages.text_table(table[differs].drop(columns="In both"), key="differences in making")
    else:
        st.caption("They were made in the same way.")
    with st.expander(f"{(~differs).sum()} lines that are the same in both"):
        same = table[~differs][["What", pair.first.name]]
        messages.text_table(same, key="the same in making")
    download.table(pair.first, table, name="making of both", **pair.about)


def _settings(bundle: "Bundle") -> dict[str, str]:
    """Return how a bundle was made: every setting by its name, hashes shortened."""
    made = dict(model_card.making(bundle.manifest, bundle.model.config))
    made["Data SHA-256"] = f"{made['Data SHA-256'][:16]}\N{HORIZONTAL ELLIPSIS}"
    return made | dict(_flat(bundle.manifest.configs))


def _flat(settings: Mapping[str, object], within: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name}: ")
        else:
            yield f"{within}{name}", str(value)


def _names(pair: Pair) -> tuple[str, str]:
    return pair.first.name, pair.second.name
