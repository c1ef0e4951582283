"""`python -m tests.benchmarks.findings.trainings FOLDER ...`: what whole trainings gave.

Each folder is a bundle that `xai train` made. Its manifest has the scores of the test images,
measured at the end of the training, and the seconds of its stages. Of several seeds of one preset
the mean and the standard deviation follow.
"""

import argparse
import dataclasses
import json
import statistics
from pathlib import Path

from tests.benchmarks import results
from xai_core.bundle.manifest import read_manifest
from xai_core.training.config import PRESETS

FORMS = {
    "accuracy": ("accuracy", "{:.2f} %"),
    "NMI": ("nmi", "{:.3f}"),
    "q(c given x) and p(c given z) agree": ("agreement", "{:.2f} %"),
    "accuracy of p(c given z)": ("mixture_accuracy", "{:.2f} %"),
    "samples seen as their cluster": ("sample_fidelity", "{:.1f} %"),
    "worst cluster": ("sample_fidelity_worst", "{:.1f} %"),
    "cluster kept": ("cluster_kept", "{:.2f} %"),
    "log p(x), nats": ("log_likelihood", "{:.1f}"),
    "classifier": ("classifier_accuracy", "{:.2f} %"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="+", type=Path)
    table = results.Table("trainings", *FORMS, "minutes")
    found = [read_manifest(path) for path in parser.parse_args().bundles]
    by_preset = {}
    for manifest in found:
        by_preset.setdefault(preset_of(manifest), []).append(manifest)
    for preset, manifests in by_preset.items():
        for manifest in sorted(manifests, key=lambda one: one.seed):
            without = "" if "critic" in manifest.configs else ", without critics"
            minutes = sum(manifest.seconds.values()) / 60
            cells = [(form, value(manifest, name, form)) for name, form in FORMS.values()]
            table.row(f"`{preset}`, seed {manifest.seed}{without}", *cells, ("{:.1f}", minutes))
        if len(manifests) > 1:
            cells = []
            for name, form in FORMS.values():
                numbers = [value(one, name, form) for one in manifests]
                spread = form.removesuffix(" %")
                both = f"{spread} ± {form}"
                cells.append((both, statistics.mean(numbers), statistics.stdev(numbers)))
            table.row(f"`{preset}`, mean ± standard deviation", *cells, "")
    table.save()


def preset_of(manifest):
    """Name the preset whose model has the settings of a bundle."""
    for name, (model, _) in PRESETS.items():
        if json.loads(json.dumps(dataclasses.asdict(model))) == manifest.configs["model"]:
            return name
    return "own settings"


def value(manifest, name, form):
    """Return a score of the test images in the unit of its column."""
    return manifest.metrics["test"][name] * (100 if form.endswith("%") else 1)


if __name__ == "__main__":
    main()
