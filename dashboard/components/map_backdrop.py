"""The map of all images as a picture, to draw single places and ways on."""

from typing import TYPE_CHECKING

from dashboard import loaders, theme
from dashboard.components import layout
from dashboard.figures import map_path, map_points

if TYPE_CHECKING:
    from xai_core.bundle import Bundle

Backdrop = tuple[str, tuple[float, float, float]]
"""What `map_path.backdrop` gives."""


def backdrop(bundle: "Bundle", dark: bool) -> Backdrop:
    """Draw all images in the colours of their clusters, once a bundle."""
    xy, clusters = loaders.map_places(bundle), bundle.index["cluster"].to_numpy()
    colours = theme.categorical(bundle.model.config.num_clusters)
    return loaders.once(
        bundle,
        f"map backdrop dark {dark}",
        lambda: map_path.backdrop(xy, clusters, colours, dark),
    )


def middles(bundle: "Bundle") -> list[tuple[str, float, float]]:
    """Give the clusters' names and the middles of their places."""
    names = layout.cluster_names(bundle)
    xy, clusters = loaders.map_places(bundle), bundle.index["cluster"].to_numpy()
    found = loaders.once(
        bundle, "path middles", lambda: map_points.medians(xy, clusters, len(names))
    )
    return [(names[c], x, y) for c, x, y in found]
