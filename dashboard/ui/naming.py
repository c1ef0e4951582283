"""Names of clusters, classes and images as pages show them; plain text, to be escaped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboard.services import image_data, outputs
from dashboard.ui import messages
from xai_core.plots import theme
from xai_core.plots.clusters import table
from xai_core.plots.latent_map import colouring
from xai_core.plots.probabilities import percent

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

_VOWELS = tuple("8AEIOUaeiou")


def class_names(bundle: "Bundle", output: str, count: int) -> list[str]:
    """Return the names of a function's classes, in order."""
    if not outputs.classes(bundle, output).labelled:
        return cluster_names(bundle)
    return [label_name(bundle, c) for c in range(count)]


def class_colours(bundle: "Bundle", output: str, count: int) -> list[str]:
    """Return one colour per class: that of the cluster named after it."""
    clusters = bundle.model.config.num_clusters
    if not outputs.classes(bundle, output).labelled:
        return theme.categorical(clusters)
    column = next(c for c in colouring.COLUMNS if c.name == "predicted")
    return colouring.palette(column, count, clusters, list(bundle.cluster_labels), dark=False)


def called(bundle: "Bundle", output: str, name: str) -> str:
    """Return a class as part of a sentence: "an 8", or "cluster 3 → 7"."""
    classes = outputs.classes(bundle, output)
    if not classes.labelled:
        return f"{classes.noun} {name}"
    return f"{'an' if name.startswith(_VOWELS) or name in ('11', '18') else 'a'} {name}"


def cluster_names(bundle: "Bundle") -> list[str]:
    """Return the name of each cluster: its number, and the label that it was matched with."""
    clusters, class_names = bundle.model.config.num_clusters, bundle.manifest.dataset.class_names
    return table.cluster_names(clusters, bundle.cluster_labels, class_names)


def arrow_means(bundle: "Bundle") -> str:
    """Explain names of clusters by one of this bundle, as Markdown; "" without labels."""
    said = table.explain_names(bundle.cluster_labels, bundle.manifest.dataset.class_names)
    return messages.literal(said)


def describe(bundle: "Bundle", image_id: str) -> str:
    """Return one line on what is known of an image: id, label, cluster, confidence."""
    return describe_all(bundle, [image_id])[0]


def describe_all(bundle: "Bundle", ids: Sequence[str]) -> list[str]:
    """Return one line per image on what is known of it; plain text."""
    known, names = image_data.table(bundle, ids), cluster_names(bundle)
    labels = [f", label {label_name(bundle, v)}" if v >= 0 else "" for v in known["label"]]
    return [
        f"{display_name(image_id)}{label}, in cluster {names[cluster]} "
        f"({percent(confidence)} sure)"
        for image_id, cluster, confidence, label in zip(
            ids, known["cluster"], known["confidence"], labels, strict=True
        )
    ]


def display_name(image_id: str) -> str:
    """Return an image's name in a sentence: its id, or "your image" if a visitor brought it."""
    return "your image" if image_data.is_own(image_id) else image_id


def marked(image_id: str) -> str:
    """Return an image's name in Markdown."""
    name = display_name(image_id)
    return f"`{name}`" if name == image_id else name


def label_name(bundle: "Bundle", label: int) -> str:
    """Return the data set's name of a label; a dash for no label."""
    class_names = bundle.dataset.class_names
    if label < 0:
        return "-"
    return class_names[label] if label < len(class_names) else str(label)
