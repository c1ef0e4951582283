"""`python -m tests.benchmarks.findings.small_sets FOLDER`: what a training by default learns.

Each set is written into FOLDER as a person has it, an .npz or a folder of images, and `xai train`
reads it without a setting. A later call with the same FOLDER goes on with what is unfinished.
Fashion-MNIST stands in for the three classes of hand sketches of which the project has no copy.
Measured are the share of the variance of held-out images that reconstructions explain, how often
the classifier decides image and reconstruction alike, its accuracy, the normalised mutual
information of clusters and labels, how many of 60 counterfactuals with random other targets
converge, and the seconds of the training.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.counterfactual.of_bundle import counterfactuals
from xai_core.data.preprocessing import to_float
from xai_core.data.registry import load_dataset

QUESTIONS, SEED = 60, 18
FASHION = ("T-shirt/top", "Trouser", "Bag")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="holds the sets and their bundles")
    parser.add_argument("--data-root", type=Path, help="as of `xai train`, for Fashion-MNIST")
    parser.add_argument("--only", choices=SETS, nargs="+", default=list(SETS), help="some sets")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    table = results.Table(
        "small_sets", "images", "R2", "class kept", "classifier", "NMI of clusters",
        "counterfactuals", "seconds",
    )  # fmt: skip
    for name in options.only:
        table.row(name, *measured(trained(SETS[name](options.folder, options.data_root))))
    table.save()


def digits_as_array(folder, _):
    path, digits = folder / "digits.npz", load_digits()
    np.savez(path, images=digits.images.astype(np.float32), labels=digits.target)
    return path


def digits_as_files(folder, _):
    path, digits = folder / "digits-png", load_digits()
    for number, (grey, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        file = path / str(label) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((grey * 255 / 16).astype(np.uint8)).resize((32, 32)).save(file)
    return path


def clothes(folder, root):
    path, whole = folder / "clothes.npz", load_dataset("fashion-mnist", root=root)
    chosen = [
        (whole.train.labels == whole.class_names.index(name)).nonzero()[:1000, 0]
        for name in FASHION
    ]
    labels = np.repeat(FASHION, [len(rows) for rows in chosen])
    np.savez(path, images=whole.train.images[torch.cat(chosen)].numpy(), labels=labels)
    return path


SETS = {
    "scikit-learn's digits, an .npz of 8 x 8": digits_as_array,
    "scikit-learn's digits, a folder of 32 x 32 PNGs": digits_as_files,
    "three classes of Fashion-MNIST, an .npz": clothes,
}


def trained(data):
    """Train a bundle by default, or return the one that an earlier call has trained."""
    out = data.parent / "bundles" / data.stem
    command = [sys.executable, "-m", "xai_core", "train", "--resume"]
    if not out.exists():
        subprocess.run([*command, "--data", str(data), "--out", str(out)], check=True)
    return load_bundle(out)


def measured(bundle):
    """Return the cells of one row."""
    held_out, manifest = bundle.dataset.test, bundle.manifest
    health, test = (manifest.metrics[group] for group in ("health", "test"))
    converged = asked(bundle).converged
    shares = (health["class_kept"], test["classifier_accuracy"])
    return (
        ("{:,} + {:,}", len(bundle.dataset.train), len(held_out)),
        ("{:.2f}", health["r2"]),
        *(("{:.1%}", share) for share in shares),
        ("{:.2f}", test["nmi"]),
        ("{} of {}", int(converged.sum()), len(converged)),
        ("{:,.0f}", sum(manifest.seconds.values())),
    )


def asked(bundle):
    """Search counterfactuals of the first test images, each with a random class not its own."""
    x = to_float(bundle.dataset.test.images[:QUESTIONS])
    with torch.no_grad():
        decided = bundle.classifier(x).argmax(1)
    classes = len(bundle.dataset.class_names)
    generator = torch.Generator().manual_seed(SEED)
    further = torch.randint(1, classes, (len(x),), generator=generator)
    return counterfactuals(bundle, x, (decided + further) % classes)


if __name__ == "__main__":
    main()
