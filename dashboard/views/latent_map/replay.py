"""The training on the map: where images were after each epoch, and which changed cluster."""

import base64
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.services import cache
from dashboard.ui import download, frontend, naming
from dashboard.ui.frame import layout

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

_replay = frontend.component(__file__, "replay")
HOW_TO_READ = (
    "Press *Play* or drag the slider. Colours are clusters; a ring marks an image that changed "
    "its cluster since the frame before. The last frame shows the images at their places on the "
    "map above. Each earlier frame is a UMAP of that epoch's codes that starts from the frame "
    "after it, turned and scaled to fit it, so only groups can be compared between frames, not "
    "distances. The first frame is the untrained model."
)


def show(bundle: "Bundle") -> None:
    """Show the replay, if the bundle has one."""
    replay = bundle.replay
    if replay is None:
        return
    epochs = replay["epoch"].unique().tolist()
    clusters = replay["cluster"].to_numpy().reshape(len(epochs), -1)
    layout.section("How the map formed", finding(epochs, clusters), HOW_TO_READ)
    _replay(
        key="replay",
        data=cache.cached_per_bundle(bundle, "replay", lambda: _packed(replay, epochs, clusters))
        | {
            "name": cache.fingerprint(bundle),
            "colours": naming.cluster_colours(bundle),
            "alt": f"{clusters.shape[1]:,} train images on the map, coloured by cluster.",
        },
    )
    download.table(bundle, replay, name="replay", images=clusters.shape[1])


def finding(epochs: list[int], clusters: NDArray[np.int64]) -> str:
    """Say when images reached the clusters in which they ended."""
    final = (clusters == clusters[-1]).mean(1)
    at = next(i for i, share in enumerate(final) if share >= 0.95)
    when = f"after epoch {epochs[at]} of {epochs[-1]}" if epochs[at] else "before the training"
    return (
        f"Of the first {clusters.shape[1]:,} train images, {100 * final[at]:.0f} % were in their "
        f"final cluster {when}."
    )


def _packed(
    replay: pd.DataFrame, epochs: list[int], clusters: NDArray[np.int64]
) -> dict[str, object]:
    """Quantise places to 16 bits in one square window and name the frames."""
    places = replay[["x", "y"]].to_numpy()
    low, high = places.min(0), places.max(0)
    side = max(float((high - low).max()), 1e-9)
    square = (places - (low + high) / 2) / side + 0.5
    return {
        "epochs": epochs,
        "images": clusters.shape[1],
        "places": _base64((square * 65535).round().astype("<u2")),
        "clusters": _base64(clusters.astype("<u2")),
        "names": frame_names(epochs, clusters),
    }


def frame_names(epochs: list[int], clusters: NDArray[np.int64]) -> list[str]:
    """Describe each frame: epoch, changes of cluster since the frame before, clusters used."""
    names = []
    for place, epoch in enumerate(epochs):
        used = len(np.unique(clusters[place]))
        when = f"After epoch {epoch} of {epochs[-1]}" if epoch else "Before the training"
        changed = int((clusters[place] != clusters[place - 1]).sum()) if place else 0
        moved = f"; {changed:,} images changed cluster" if place else ""
        names.append(f"{when}{moved}; {used} {'cluster' if used == 1 else 'clusters'} in use.")
    return names


def _base64(values: NDArray[np.uint16]) -> str:
    return base64.b64encode(values.tobytes()).decode()
