"""The health of a bundle: what it failed to learn, and the command that improves it.

The numbers are measured once, at the end of training, and stored in the manifest. Older bundles
are judged by the numbers that they have.
"""

import math
import shlex
from dataclasses import dataclass
from typing import Literal

from ..bundle.manifest import Manifest
from ..data.built_in import BUILT_IN

__all__ = ["Kind", "Problem", "health_of"]

Kind = Literal["classifier", "reconstruction", "collapse", "steps", "images"]

LEAST_SKILL = 0.25
"""Least (accuracy - chance) / (1 - chance) of a classifier that has learned something."""
LEAST_KEPT = 0.8
"""Least share of test images whose reconstruction keeps its class."""
LEAST_R2 = 0.25
"""Least share of the variance of test images that reconstructions explain."""
LEAST_INFORMATION = 0.5
"""Least mutual information of clusters and images, as a share of ln K."""
FEWEST_STEPS = 300
"""Least number of steps of the cluster VAE."""
FEWEST_TEST_IMAGES = 200
"""Least number of test images: half a percent of them, one image, lies below the bound's limit."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that a bundle did not learn.

    Attributes:
        kind: Which part of the bundle it concerns.
        sentence: What was measured and what follows from it.
        remedy: A command that improves it.
    """

    kind: Kind
    sentence: str
    remedy: str


def health_of(manifest: Manifest) -> tuple[Problem, ...]:
    """List what a bundle failed to learn.

    Args:
        manifest: Manifest of the bundle. Numbers come from `metrics["health"]`, which older
            bundles lack, and `metrics["test"]`.

    Returns:
        The problems, none where the bundle is healthy or holds no numbers to judge it by.
    """
    checks = (_classifier, _reconstruction, _collapse, _steps, _images)
    return tuple(problem for check in checks if (problem := check(manifest)) is not None)


def _classifier(manifest: Manifest) -> Problem | None:
    accuracy = _measured(manifest, "classifier_accuracy")
    classes = len(manifest.dataset.class_names)
    chance = _measured(manifest, "chance") or 1 / max(classes, 1)
    if accuracy is None or classes < 2 or accuracy - chance >= LEAST_SKILL * (1 - chance):
        return None
    steps = _measured(manifest, "classifier_steps")
    epochs = int(2 * _setting(manifest, "classifier_epochs", 12))
    longer = f"epochs {epochs}" if steps is None else f"min-steps {_more(steps)}"
    return Problem(
        kind="classifier",
        sentence=f"The classifier decides {_percent(accuracy)} of the test images correctly; "
        f"chance is {_percent(chance)}. Explanations of its decisions are meaningless.",
        remedy=_train(manifest, f"--classifier-{longer}"),
    )


def _reconstruction(manifest: Manifest) -> Problem | None:
    kept, whose = _measured(manifest, "class_kept"), "class"
    if kept is None:
        kept, whose = _measured(manifest, "cluster_kept"), "cluster"
    r2 = _measured(manifest, "r2")
    if r2 is not None and r2 < LEAST_R2:
        found = f"explain {_percent(max(r2, 0.0))} of the variance between test images"
    elif kept is not None and kept < LEAST_KEPT:
        found = f"keep their {whose} for {_percent(kept)} of the test images"
    else:
        return None
    steps = _vae_steps(manifest)
    epochs = int(2 * _setting(manifest, "epochs", 10))
    longer = f"--epochs {epochs}" if steps is None else f"--min-steps {_more(steps)}"
    return Problem(
        kind="reconstruction",
        sentence=f"Reconstructions {found}: what is found in the latent space need not hold for "
        "the images.",
        remedy=_train(manifest, longer),
    )


def _collapse(manifest: Manifest) -> Problem | None:
    information = _measured(manifest, "cluster_information")
    clusters = int(_setting(manifest, "num_clusters", 1, "model"))
    if (
        information is None
        or clusters < 2
        or information >= LEAST_INFORMATION * math.log(clusters)
    ):
        return None
    fewer = max(2, round(math.exp(max(information, 0.0))))
    guided = _setting(manifest, "pseudo_label_weight", 1) > 0
    return Problem(
        kind="collapse",
        sentence="The clusters have collapsed: they carry "
        f"{max(information, 0):.2f} nats about the images, of at most "
        f"ln {clusters} = {math.log(clusters):.2f}.",
        remedy=_train(manifest, f"--clusters {fewer}" if guided else "--preset default"),
    )


def _steps(manifest: Manifest) -> Problem | None:
    steps = _vae_steps(manifest)
    if steps is None or steps >= FEWEST_STEPS:
        return None
    return Problem(
        kind="steps",
        sentence=f"The cluster VAE was trained for {steps} steps only; it needs at least "
        f"{FEWEST_STEPS}.",
        remedy=_train(manifest),
    )


def _images(manifest: Manifest) -> Problem | None:
    count = manifest.dataset.num_test
    if count >= FEWEST_TEST_IMAGES:
        return None
    return Problem(
        kind="images",
        sentence=f"{count} test images are too few to say which images are unlike the training "
        f"images: add images until at least {FEWEST_TEST_IMAGES} are for testing.",
        remedy=_train(manifest),
    )


def _measured(manifest: Manifest, name: str) -> float | None:
    """Return a number measured on held-out images; None where the bundle has none."""
    for group in ("health", "test"):
        value = manifest.metrics.get(group, {}).get(name)
        if value is not None:
            return float(value)
    return None


def _vae_steps(manifest: Manifest) -> int | None:
    """Return the steps of the cluster VAE: as measured, or else as its settings imply."""
    steps = _measured(manifest, "vae_steps")
    if steps is not None:
        return int(steps)
    epochs, size = (int(_setting(manifest, name, 0)) for name in ("epochs", "batch_size"))
    if epochs < 1 or size < 1:
        return None
    used = _setting(manifest, "train_images", math.inf)
    count = max(1, int(min(manifest.dataset.num_train, used)))
    return epochs * (count // min(size, count))


def _more(steps: float | int) -> int:
    """Return twice the steps, and at least twice the fewest."""
    return 2 * max(int(steps), FEWEST_STEPS)


def _setting(
    manifest: Manifest, name: str, otherwise: float | int, part: str = "training"
) -> float | int:
    """Return a setting that is a number; `otherwise` if the bundle has no such number."""
    value = manifest.configs.get(part, {}).get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return otherwise
    return value if math.isfinite(value) else otherwise


def _train(manifest: Manifest, options: str = "") -> str:
    """Write the command that trains the same data again under another name.

    Models that were adopted are given again: no option of a training improves them.
    """
    data = manifest.dataset
    source = data.name if data.name in BUILT_IN else data.source
    out = f"checkpoints/{manifest.name[:95]}-2"
    if "adopted" in manifest.configs and "training" not in manifest.configs:
        return f"xai adopt --data DATA --classifier FILE.onnx --out {out}"
    return " ".join(["xai train --data", shlex.quote(source), "--out", out, options]).rstrip()


def _percent(share: float | int) -> str:
    return f"{100 * share:.0f} %"
