"""Which clusters persist when the model is trained again."""

from typing import TYPE_CHECKING

import pandas as pd

from dashboard import state
from dashboard.services import cache
from dashboard.ui import download, messages, naming
from dashboard.ui.components.drawing import drawing
from dashboard.ui.frame import layout
from xai_core.evaluation.persistence import STABLE, read_sweep
from xai_core.models.adopted import AdoptedVAE
from xai_core.plots.clusters.persistence import finding, persistence_table

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.evaluation.persistence import Sweep

HOW_TO_READ = (
    "The model is trained again, without labels, with other numbers of clusters K and other "
    "random seeds. A cell compares a cluster of this model (row) with the most similar cluster of "
    "a training: the Jaccard similarity is the number of images in both, divided by the number in "
    f"either. From {STABLE} on (bold) the cluster counts as the same (Hennig, 2007). With fewer "
    "clusters than this model has, some must merge. *Two seeds agree* compares two trainings of "
    "one K by the adjusted Rand index: **a K at which seeds agree is a better guess than one at "
    "which they do not**, and this needs no labels."
)


def show(bundle: "Bundle") -> None:
    """Show the sweep of a bundle, or how to make one."""
    if isinstance(bundle.model, AdoptedVAE):
        return
    found = read_sweep(bundle.path, bundle.digest)
    if found is None:
        layout.section(
            "Do these clusters persist?",
            "Train again with other numbers of clusters and seeds, and see which clusters return.",
            HOW_TO_READ,
        )
        messages.note(
            f"The model has not been trained again. Run `xai sweep {bundle.name}` in a terminal: "
            "48 short trainings. Then reload this page."
        )
        return
    names, order = naming.cluster_names(bundle), naming.cluster_order(bundle)
    of = f"{len(found.seeds)} seeds" if len(found.seeds) > 1 else "one seed"
    layout.section(
        messages.literal(finding(found, names, order)),
        f"How similar each cluster is to the nearest cluster of trainings with {of} per K, on "
        f"{found.num_images:,} train images.",
        HOW_TO_READ,
    )
    dark = state.dark()
    words = f"Similarity of {len(names)} clusters to those of other trainings, by K"
    figure = cache.cached_per_bundle(
        bundle,
        f"persistence {hash(found)} dark {dark}",
        lambda: persistence_table(found, names, order, dark),
    )
    drawing(figure, key="persistence", alt=words)
    download.table(bundle, _long(found, names), name="persistence", seeds=len(found.seeds))


def _long(sweep: "Sweep", names: list[str]) -> pd.DataFrame:
    rows = [
        {"cluster": name, "K": number, "similarity": value}
        for name, row in zip(names, sweep.persistence, strict=True)
        for number, value in zip(sweep.clusters, row, strict=True)
    ]
    return pd.DataFrame(rows)
