"""Test images that may be copies of train images."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import bundles
from dashboard.ui import download, image_strip
from dashboard.ui.frame import layout
from dashboard.views.model_card import loader

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.near_duplicates import Copies

PAIRS = 12
ASKED = "copies asked"
QUESTION = "Are there copies of train images among the test images?"
HOW_TO_READ = (
    "Scores on test images say too much if some of them are copies of train images. Images are "
    "compared by their amplitude spectra, which a shift does not change. A copy lies far closer "
    "to one train image than to others: counted are the test images whose fifth nearest train "
    "image is at least twice as far as the nearest. **A ratio above 2 is a hint, not a proof: "
    "look at both images.** Copies that were turned, mirrored or strongly changed are not found, "
    "nor images with more than four copies."
)


def show(bundle: "Bundle") -> None:
    """Show the pairs of a test and a train image that are most alike, once they are asked for."""
    if not state.keep(ASKED, False):
        layout.section(
            QUESTION, "All test images are compared with all train images.", HOW_TO_READ
        )
        st.button(
            "Look for copies", icon=":material/content_copy:", key="look for copies",
            on_click=state.put_setting, args=(ASKED, True),
        )  # fmt: skip
        return
    found = loader.copies(bundle)
    count, total = found.possible, len(found.test_rows)
    title = (
        f"{count:,} of {total:,} test images may be copies"
        if count
        else "No test image looks like a copy"
    )
    layout.section(
        title,
        "Test images beside their nearest train images, the most suspicious pair first. The "
        "number says how many times closer it is than the fifth nearest. Click an image to select "
        "it.",
        HOW_TO_READ,
    )
    table = _table(found)
    ids, captions = [], []
    rows = zip(*(table[name].head(PAIRS) for name in table), strict=True)
    for test, train, ratio in rows:
        ids.append(test)
        captions.append(test)
        if bundles.row_of(bundle, train) is not None:
            ids.append(train)
            captions.append(f"{train}, {ratio:.2f}")
    image_strip.show(bundle, ids, key="copies", captions=captions)
    download.table(bundle, table, name="copies")


def _table(found: "Copies") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "test": [f"test:{row}" for row in found.test_rows],
            "train": [f"train:{row}" for row in found.train_rows],
            "ratio": found.ratios,
        }
    )
