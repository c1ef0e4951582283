"""Prediction sets by split conformal prediction: "a 4 or a 9, at 95 %".

A class is in the set at a level if its p-value exceeds 1 - level. The p-value is the share of the
held-out images of that class to which the model gives at most this image's probability. For images
drawn like the held-out ones, the set then contains the true class with at least that probability,
whatever the model; this holds by class as well, since each class has its own p-values (Mondrian).
A set may be empty: then, for every class, the image would be among the 1 - level least typical
ones.

The test images are held out: no training has seen them. Labels are used for calibration only. New
images are compared with all test images; a test image is compared with the half of the test images
that it is not in. MAPIE and crepes give the same sets, and need more code around them than the
dozen lines here: MAPIE a scikit-learn estimator, crepes one fit per class. The randomised scores
APS and RAPS give larger sets on MNIST, and other sets at each draw:
`python -m tests.benchmarks.findings.conformal` compares them.

References:
    Algorithmic Learning in a Random World (Vovk et al., 2005): split and Mondrian prediction.
    Least Ambiguous Set-Valued Classifiers with Bounded Error Levels (Sadinle et al., 2019),
    https://arxiv.org/abs/1609.00451: the score, 1 - the probability of the true class.
    Classification with Valid and Adaptive Coverage (Romano et al., 2020),
    https://arxiv.org/abs/2006.02544: the randomised score.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .._types import ByteImages
from ..bundle.explained_output import explained_output
from ..bundle.reading import Bundle
from ..data.dataset import parse_id
from ..data.user_images import images_of, is_own
from ..errors import DataError
from ..latent_space.encoding import classify

__all__ = [
    "Calibration",
    "Coverage",
    "HeldOut",
    "by_label",
    "calibrate",
    "coverage",
    "hold_out",
    "images_needed",
    "label_probs",
    "members",
    "obstacle",
    "p_values_of",
    "prediction_sets",
]

ROUNDING = 1e-9
"""Slack in comparing a p-value with 1 - level, both of which are rounded."""

Array = Float[np.ndarray, "images classes"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """The scores of the held-out images of each class.

    Attributes:
        scores: For each class, the probabilities that its held-out images give it, sorted.
    """

    scores: tuple[Float[np.ndarray, " _"], ...]

    def p_values(self, probs: Array) -> Array:
        """Return, for each class, the share of its held-out images with at most this probability.

        The image itself counts as one of them, so that no p-value is 0.
        """
        ranks = [
            np.searchsorted(known, column, side="right")
            for known, column in zip(self.scores, probs.T, strict=True)
        ]
        counts = np.array([len(known) for known in self.scores])
        return (1.0 + np.stack(ranks, 1)) / (1.0 + counts)

    def uncalibrated(self, level: float) -> list[int]:
        """Return the classes that every set contains, having too few held-out images."""
        needed = images_needed(level)
        return [c for c, known in enumerate(self.scores) if len(known) < needed]


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """The prediction sets of a bundle's test images, and the calibration for new images.

    Attributes:
        calibration: On all labelled test images.
        p_values: Of the test images, each calibrated by the half that it is not in.
        labels: Labels of the test images; -1 for none.
    """

    calibration: Calibration
    p_values: Array
    labels: Int[np.ndarray, " images"]

    def coverage(self, level: float) -> "Coverage":
        """Measure the sets of the labelled test images."""
        known = self.labels >= 0
        return coverage(prediction_sets(self.p_values[known], level), self.labels[known])


@dataclass(frozen=True, kw_only=True, eq=False)
class Coverage:
    """How often sets contain the label, and how large they are.

    Attributes:
        overall: Share of the images whose set contains their label.
        by_class: The same share among the images of each label; NaN for a label without images.
        mean_size: Mean number of classes in a set.
        empty: Share of empty sets.
    """

    overall: float
    by_class: Float[np.ndarray, " classes"]
    mean_size: float
    empty: float


def images_needed(level: float) -> int:
    """Return how many held-out images a class needs before a set can leave it out.

    Raises:
        ValueError: If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, such as 0.95, got {level}.")
    return math.ceil(1 / (1 - level) - 1 - ROUNDING)


def calibrate(
    probs: Array, labels: Int[np.ndarray, " images"], *, by_class: bool = True
) -> Calibration:
    """Sort the probabilities that held-out images give their own class.

    Args:
        probs: The model's class probabilities of the held-out images.
        labels: Their labels; an image with -1 is left out.
        by_class: Whether each class is compared with its own images (Mondrian); if not, with all
            images, which covers easy classes too often and hard ones too rarely.
    """
    known = labels >= 0
    probs, labels = probs[known], labels[known]
    own = probs[np.arange(len(labels)), labels]
    everything = np.sort(own)
    return Calibration(
        scores=tuple(
            np.sort(own[labels == c]) if by_class else everything for c in range(probs.shape[1])
        )
    )


def prediction_sets(p_values: Array, level: float) -> Bool[np.ndarray, "images classes"]:
    """Return which classes are in each set at a level, such as 0.95."""
    images_needed(level)  # checks it
    return p_values > 1 - level + ROUNDING


def coverage(
    sets: Bool[np.ndarray, "images classes"], labels: Int[np.ndarray, " images"]
) -> Coverage:
    """Measure sets of images with labels."""
    hits, sizes = sets[np.arange(len(labels)), labels], sets.sum(1)
    of_class = [hits[labels == c] for c in range(sets.shape[1])]
    return Coverage(
        overall=float(hits.mean()),
        by_class=np.array([part.mean() if len(part) else np.nan for part in of_class]),
        mean_size=float(sizes.mean()),
        empty=float((sizes == 0).mean()),
    )


def obstacle(bundle: Bundle, output: str = "classifier") -> str:
    """Explain in a sentence why an output has no prediction sets; "" if it has.

    Raises:
        BundleError: If the bundle lacks the model.
    """
    classes, index = explained_output(bundle, output).classes, bundle.index
    if not ((index["split"] == "test") & (index["label"] >= 0)).any():
        return (
            f"Bundle '{bundle.name}' has no labelled test images to calibrate prediction sets "
            "with. Make one from data with labels and a test split."
        )
    if classes is None or not (classes.labelled or max(bundle.cluster_labels) >= 0):
        return (
            f"`{output}` has no classes that are named after labels, so its answers cannot be "
            "compared with labels."
        )
    return ""


def hold_out(bundle: Bundle, output: str = "classifier", *, seed: int = 0) -> HeldOut:
    """Calibrate a bundle's classifier, or its clusters as names of labels, on its test images.

    Args:
        bundle: The models and their test images.
        output: "classifier", or "cluster" for q(c|x).
        seed: Draws the halves in which test images calibrate each other.

    Raises:
        BundleError: If the bundle lacks the model.
        DataError: If it has no labelled test images, or no cluster is named after a label.
    """
    if problem := obstacle(bundle, output):
        raise DataError(problem)
    probs = label_probs(bundle, output, bundle.dataset.test.images)
    test = (bundle.index["split"] == "test").to_numpy()
    labels = bundle.index["label"].to_numpy(np.int64)[test]
    first = np.random.default_rng(seed).permutation(len(labels)) < len(labels) // 2
    p_values = np.empty(probs.shape)
    for half in (first, ~first):
        p_values[half] = calibrate(probs[~half], labels[~half]).p_values(probs[half])
    return HeldOut(calibration=calibrate(probs, labels), p_values=p_values, labels=labels)


def p_values_of(
    bundle: Bundle, output: str, image_id: str, known: HeldOut
) -> Float[np.ndarray, " classes"]:
    """Return the p-value of each label for one image.

    Args:
        bundle: The models.
        output: "classifier" or "cluster".
        image_id: Id of an image of the data set or of the user's own.
        known: What `hold_out` returns for this bundle and output.

    Raises:
        DataError: If there is no such image.
    """
    if not is_own(image_id):
        split, row = parse_id(image_id)
        if split == "test":
            return known.p_values[row]
    probs = label_probs(bundle, output, images_of(bundle.dataset, [image_id]))
    return known.calibration.p_values(probs)[0]


def members(p_values: Float[np.ndarray, " classes"], level: float) -> list[int]:
    """Return the classes in the set of one image, the most plausible first."""
    order = np.argsort(-p_values, kind="stable")
    return order[prediction_sets(p_values[None], level)[0][order]].tolist()


def label_probs(bundle: Bundle, output: str, images: ByteImages) -> Array:
    """Evaluate the probability of each label of the data set.

    Args:
        bundle: The models.
        output: "classifier" or "cluster".
        images: uint8 (N, C, H, W).
    """
    network = explained_output(bundle, output).function(bundle)
    return by_label(bundle, output, classify(network, images, device=bundle.device).numpy())


def by_label(bundle: Bundle, output: str, probs: Array) -> Array:
    """Convert an output's probabilities to those of labels.

    A cluster stands for the label that it is named after; those without a name are left out.

    Args:
        bundle: The models.
        output: "classifier" or "cluster".
        probs: Probabilities of the output's classes.
    """
    classes = explained_output(bundle, output).classes
    if classes is not None and classes.labelled:
        return probs
    labels = np.array(bundle.cluster_labels)
    found = np.zeros((len(probs), len(bundle.dataset.class_names)), probs.dtype)
    found[:, labels[labels >= 0]] = probs[:, labels >= 0]
    return found
