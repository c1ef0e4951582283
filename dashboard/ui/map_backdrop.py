"""The map of all images as a picture, on which places and paths are drawn."""

from typing import TYPE_CHECKING

from dashboard.services import bundles, cache
from dashboard.ui import naming
from xai_core.plots.latent_map import path, points

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

Backdrop = tuple[str, tuple[float, float, float]]
"""The return value of `xai_core.plots.latent_map.path.backdrop`."""


FAINT, STRONG = 0.35, 0.65


def backdrop(bundle: "Bundle", dark: bool, strength: float = FAINT) -> Backdrop:
    """Draw all images in the colours of their clusters, once per bundle."""
    xy, clusters = bundles.map_places(bundle), bundle.index["cluster"].to_numpy()
    colours = naming.cluster_colours(bundle)
    return cache.cached_per_bundle(
        bundle,
        f"map backdrop dark {dark} {strength}",
        lambda: path.backdrop(xy, clusters, colours, dark, strength=strength),
    )


def middles(bundle: "Bundle") -> list[tuple[str, float, float]]:
    """Return the name of each cluster and the median place of its images."""
    names = naming.cluster_names(bundle)
    xy, clusters = bundles.map_places(bundle), bundle.index["cluster"].to_numpy()
    found = cache.cached_per_bundle(
        bundle, "path middles", lambda: points.medians(xy, clusters, len(names))
    )
    return [(names[c], x, y) for c, x, y in found]
