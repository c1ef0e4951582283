"""Labels that may be wrong: held-out images whose label the model finds least probable.

Test images are ranked by the loss -log p(label) of the classifier, which has not seen them; in a
bundle without a classifier, by that of the clusters as names of labels, which no label has
trained. A label that is found improbable is wrong, or the image is hard: a person has to look.

Of 1 % flipped labels of MNIST's test images, this ranking finds more among its first 1 % than the
labels of the nearest codes do. Confident learning (as in cleanlab) on classifier and clusters
together finds more with one bundle and fewer with another:
`python -m tests.benchmarks.findings.label_errors`.

References:
    Confident Learning: Estimating Uncertainty in Dataset Labels (Northcutt et al., 2021),
    https://arxiv.org/abs/1911.00068, which also ranks by the loss ("self-confidence").
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from ..bundle.explained_output import deciding_outputs
from ..bundle.reading import Bundle
from ..errors import DataError
from .conformal import label_probs, obstacle

__all__ = ["DoubtfulLabels", "doubtful_labels", "label_losses"]

SMALLEST = 1e-30
"""Smallest probability of which the logarithm is taken; float32 has none much smaller."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DoubtfulLabels:
    """Labelled test images, the most doubtful label first.

    Attributes:
        output: The model that judges: "classifier" or "cluster".
        rows: Rows of the bundle's index.
        losses: -log p(label), in nats.
        suggested: The label that the model finds most probable.
    """

    output: str
    rows: Int[np.ndarray, " images"]
    losses: Float[np.ndarray, " images"]
    suggested: Int[np.ndarray, " images"]


def label_losses(
    probs: Float[np.ndarray, "images classes"], labels: Int[np.ndarray, " images"]
) -> Float[np.ndarray, " images"]:
    """Return -log p(label) of each image, in nats."""
    own = probs[np.arange(len(labels)), labels]
    return -np.log(np.maximum(own.astype(np.float64), SMALLEST))


def doubtful_labels(bundle: Bundle) -> DoubtfulLabels:
    """Rank the labelled test images of a bundle by how improbable their label is.

    Raises:
        DataError: If it has no labelled test images, or no model with at least two of the labels.
    """
    names = [one.name for one in deciding_outputs(bundle)]
    problems = {name: obstacle(bundle, name) for name in names}
    output = next((name for name, problem in problems.items() if not problem), None)
    if output is None:
        one_class = f"Bundle '{bundle.name}' has no model that distinguishes two labels."
        raise DataError(next(iter(problems.values()), one_class))
    labels = bundle.index["label"].to_numpy(np.int64)
    rows = np.flatnonzero((bundle.index["split"] == "test").to_numpy() & (labels >= 0))
    images = bundle.dataset.images(bundle.index["id"].take(rows).tolist())
    probs = label_probs(bundle, output, images)
    losses = label_losses(probs, labels[rows])
    order = np.argsort(-losses, kind="stable")
    return DoubtfulLabels(
        output=output,
        rows=rows[order],
        losses=losses[order],
        suggested=probs.argmax(1)[order],
    )
