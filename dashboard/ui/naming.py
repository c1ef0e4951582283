"""Names of clusters, classes and images as pages show them; plain text, to be escaped."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dashboard.services import image_data, outputs
from dashboard.ui import messages
from xai_core.bundle.cluster_names import class_name
from xai_core.plots import theme
from xai_core.plots.latent_map import colouring
from xai_core.plots.probabilities import percent
from xai_core.report import model_card

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle

_VOWELS = tuple("8AEIOUaeiou")


def class_names(bundle: "Bundle", output: str, count: int) -> list[str]:
    """Return the names of a function's classes, in order."""
    if not outputs.classes(bundle, output).labelled:
        return cluster_names(bundle)
    return [label_name(bundle, c) for c in range(count)]


def class_colours(bundle: "Bundle", output: str, count: int) -> list[str]:
    """Return one colour per class: that of the cluster matched with it."""
    if not outputs.classes(bundle, output).labelled:
        return cluster_colours(bundle)
    column = next(c for c in colouring.COLUMNS if c.name == "predicted")
    order, matched = cluster_order(bundle), bundle.cluster_labels
    return colouring.palette(column, count, order, matched, dark=False)


def called(bundle: "Bundle", output: str, name: str) -> str:
    """Return a class as part of a sentence: "an 8", or "cluster 7s"."""
    classes = outputs.classes(bundle, output)
    if not classes.labelled:
        return f"{classes.noun} {name}"
    return with_article(name)


def with_article(name: str) -> str:
    """Return a name with its article: "an 8"."""
    return f"{'an' if name.startswith(_VOWELS) or name in ('11', '18') else 'a'} {name}"


def cluster_names(bundle: "Bundle") -> list[str]:
    """Return the name of each cluster, by number."""
    return list(bundle.clusters.names)


def cluster_order(bundle: "Bundle") -> list[int]:
    """Return the clusters in the order in which they are listed."""
    return list(bundle.clusters.order)


def class_order(bundle: "Bundle", output: str, count: int) -> list[int]:
    """Return an output's classes in the order in which they are listed."""
    labelled = outputs.classes(bundle, output).labelled
    return list(range(count)) if labelled else cluster_order(bundle)


def cluster_colours(bundle: "Bundle") -> list[str]:
    """Return the colour of each cluster, by number."""
    return theme.cluster_colours(cluster_order(bundle))


def names_mean(bundle: "Bundle") -> str:
    """Explain the names of clusters by an example, as Markdown; "" without labels."""
    return messages.literal(bundle.clusters.meaning)


def describe(bundle: "Bundle", image_id: str) -> str:
    """Return one line about an image: id, label, cluster, confidence."""
    return describe_all(bundle, [image_id])[0]


def describe_all(bundle: "Bundle", ids: Sequence[str]) -> list[str]:
    """Return one line about each image, in plain text."""
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
    """Return an image's name for a sentence: its id, or "your image" for a visitor's own."""
    return "your image" if image_data.is_own(image_id) else image_id


def marked(image_id: str) -> str:
    """Return an image's name in Markdown."""
    name = display_name(image_id)
    return f"`{name}`" if name == image_id else name


def kind(bundle: "Bundle") -> str:
    """Return what the images are called: digits where they are read as such."""
    return model_card.image_kind(bundle.preprocessing.strategy)


def ways_to_bring(bundle: "Bundle") -> str:
    """Return how a visitor brings an image, as an imperative."""
    if bundle.spec.look == "natural":  # a drawing has no colours
        return "Upload a picture"
    return f"Draw {with_article(kind(bundle))} or upload a picture"


def label_name(bundle: "Bundle", label: int) -> str:
    """Return the data set's name of a label; a dash for no label."""
    return class_name(label, bundle.dataset.class_names)
