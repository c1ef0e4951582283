"""What the explained functions tell apart: names and colours of classes and of clusters."""

from typing import TYPE_CHECKING

from dashboard import theme
from dashboard.components import layout
from dashboard.figures import map_columns

if TYPE_CHECKING:
    from xai_core.bundle import Bundle

WHO = {"classifier": "the classifier", "cluster": "the cluster model"}
TITLES = {"classifier": "Classifier", "cluster": "Clusters"}
SYMBOLS = {"classifier": "p", "cluster": "q"}


def names(bundle: "Bundle", of: str, count: int) -> list[str]:
    """Name the classes that a function tells apart, in order."""
    if of == "cluster":
        return layout.cluster_names(bundle)
    return [layout.label_name(bundle, c) for c in range(count)]


def colours(bundle: "Bundle", of: str, count: int) -> list[str]:
    """Colour classes as their clusters: a class has the colour of the cluster named after it."""
    clusters = bundle.model.config.num_clusters
    if of == "cluster":
        return theme.categorical(clusters)
    column = next(c for c in map_columns.COLUMNS if c.name == "predicted")
    return map_columns.palette(column, count, clusters, list(bundle.cluster_labels), dark=False)


def called(of: str, name: str) -> str:
    """Say a class in a sentence: "an 8", or "cluster 3 → 7"."""
    if of == "cluster":
        return f"cluster {name}"
    return f"{'an' if name[0] in '8AEIOUaeiou' or name in ('11', '18') else 'a'} {name}"
