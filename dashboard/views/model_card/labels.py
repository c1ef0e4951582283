"""Test images whose labels may be wrong."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dashboard.services import bundles, outputs
from dashboard.ui import download, image_strip, messages, naming
from dashboard.ui.frame import layout
from dashboard.views.model_card import loader
from xai_core.errors import DataError

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

COUNT = 24
HOW_TO_READ = (
    "Test images are ranked by $-\\log p(label)$, in nats, under a model that was not trained on "
    "them: the classifier, or without one the clusters as names of labels. Counted are those for "
    "which it finds another label more probable. **Either the label is wrong, or the model is: "
    "look at the image.** Train images are left out, because the classifier was taught their "
    "labels."
)


def show(bundle: "Bundle") -> None:
    """Show the images with the most doubtful labels; a click selects one."""
    try:
        found = loader.doubtful_labels(bundle)
    except DataError as error:
        layout.section("Labels that may be wrong", messages.plain_message(str(error)), HOW_TO_READ)
        return
    index, who = bundle.index.take(found.rows), outputs.classes(bundle, found.output).who
    doubted = np.flatnonzero(found.suggested != index["label"].to_numpy())
    if not len(doubted):
        said = f"For each of the {len(index):,} images, {who} finds its label the most probable."
        layout.section("No test label is doubted", said, HOW_TO_READ)
        return
    layout.section(
        f"{len(doubted):,} of {len(index):,} test labels may be wrong",
        f"For these images, {who} finds another label more probable. The most doubtful come "
        "first; click one to select it.",
        HOW_TO_READ,
    )
    some = doubted[:COUNT]
    labels = [naming.label_name(bundle, v) for v in index["label"].to_numpy()[some]]
    seen = [naming.label_name(bundle, v) for v in found.suggested[some]]
    image_strip.show(
        bundle,
        [str(i) for i in bundles.rows(bundle)[found.rows[some]]],
        key="doubtful labels",
        captions=[f"{a}, or {b}?" for a, b in zip(labels, seen, strict=True)],
    )
    table = pd.DataFrame(
        {
            "id": index["id"],
            "label": index["label"],
            "suggested": found.suggested,
            "nats": found.losses,
        }
    )
    download.table(bundle, table.iloc[doubted], name="doubtful_labels", judged_by=found.output)
