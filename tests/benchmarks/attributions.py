"""`python -m tests.benchmarks.attributions`: time, completeness and faithfulness of heatmaps."""

import argparse
import statistics
import time
import warnings

import captum.attr
import torch

from tests.benchmarks import results
from xai_core.attribution.api import attribute
from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.group_means import compare_sets
from xai_core.attribution.of_bundle import attributions, mean_image, prototypes
from xai_core.attribution.perturbation import patches
from xai_core.attribution.registry import METHODS
from xai_core.bundle.reading import load_bundle
from xai_core.data.preprocessing import to_float
from xai_core.evaluation.faithfulness.summary import kept_summary

CONFIG = AttributionConfig()
GRADIENT = [name for name, card in METHODS.items() if card.kind == "gradient"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="checkpoints/mnist")
    parser.add_argument("--only", choices=["time", "gap", "alarms", "table"])
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    parts = {"time": times, "gap": gaps, "alarms": alarms}
    for name, part in parts.items():
        if options.only in (None, name):
            part(bundle)
    if options.only in (None, "table"):
        for output in ("classifier", "cluster"):
            table(bundle, output)


def times(bundle, count=64):
    """Each method against Captum called directly on the same batch, medians of paired runs.

    The ratio is that of processor time, which other work on the machine disturbs less.
    """
    x, target = batch(bundle, count)
    total, written = 0.0, results.Table("attribution_times", "here", "Captum", "ratio")
    for name in METHODS:
        direct, own = captum_call(name, bundle, x, target), our_call(name, bundle, x, target)
        if own is None:
            continue
        ours, theirs = paired(own, direct)
        total += ours if name in GRADIENT else 0
        there = "-" if theirs is None else ("{:.1f} ms", 1000 * theirs)
        ratio = "-" if theirs is None else ("{:.3f}", ours / theirs)
        written.row(f"{name}, {count} images", ("{:.1f} ms", 1000 * ours), there, ratio)
    written.row("all gradient methods, processor time", ("{:.2f} s", total), "-", "-")
    calls = [our_call(name, bundle, x, target) for name in GRADIENT]
    began = time.perf_counter()
    for call in calls:
        call()
    elapsed = time.perf_counter() - began
    written.row("all gradient methods, elapsed time", ("{:.2f} s", elapsed), "-", "-")
    written.save()


def gaps(bundle, count=200):
    """Measure what complete methods miss of the output's change, on test images."""
    x, target = batch(bundle, count)
    written = results.Table("completeness", "mean gap", "largest gap")
    for name, card in METHODS.items():
        if not card.complete or name == "shapley_sampling":
            continue
        for base in ("mean", "zero", "blurred", "prototypes"):
            try:
                found = attributions(bundle, x, name, target=target, baseline=base)
            except ValueError:  # a set for a method that takes one, or the other way round
                continue
            gap = found.convergence_delta.abs() / found.output_change.abs().mean()
            mean, largest = (("{:.2%}", share.item()) for share in (gap.mean(), gap.max()))
            written.row(f"{name}, baseline `{base}`", mean, largest)
    written.save()


def alarms(bundle, runs=200, each=50):
    """Measure how often the test of sets reports a difference between two halves of one set."""
    written = results.Table("false_alarms", "false alarms", "runs with marked pixels")
    for name in ("saliency", "integrated_gradients"):
        images = bundle.dataset.test.images[:2000]
        maps = attributions(bundle, images, name, config=AttributionConfig(n_steps=8)).attributions
        told = marked = 0
        for run in range(runs):
            generator = torch.Generator().manual_seed(run)
            rows = torch.randperm(len(maps), generator=generator)[: 2 * each]
            found = compare_sets(maps[rows[:each]], maps[rows[each:]], seed=run)
            told, marked = told + found.differs, marked + bool(found.pixels.any())
        rates = [("{:.1%}", count / runs) for count in (told, marked)]
        written.row(f"{name}, 2 x {each} test images, {runs} runs", *rates)
    written.save()


def table(bundle, output):
    """Show the scores that `xai faithfulness --keep` has put beside the bundle."""
    kept = kept_summary(bundle.path, bundle.digest, output)
    assert kept, "Run `xai faithfulness --keep` for the classifier and for --output cluster first."
    written = results.Table(
        "faithfulness" if output == "classifier" else f"faithfulness_{output}",
        "insertion", "deletion", "difference", "where the mean image fills", "infidelity",
        "random model", "other class", "verdict",
    )  # fmt: skip
    names = ("insertion", "deletion", "merit", "neutral_merit", "infidelity",
             "randomisation", "class_sensitivity")  # fmt: skip
    for row in kept.table.sort_values("merit", ascending=False).to_dict("records"):
        values = [row[name] for name in names]
        cells = ["-" if value != value else ("{:.2f}", round(value, 2) + 0.0) for value in values]
        written.row(METHODS[row["method"]].title, *cells, row["reasons"] or "passed")
    written.save()


def batch(bundle, count):
    x = to_float(bundle.dataset.test.images[:count], bundle.device)
    return x, bundle.classifier(x).argmax(-1)


def baselines(bundle, name):
    made = {"none": lambda _: None, "one": mean_image, "set": prototypes}
    return made[METHODS[name].baseline](bundle)


def our_call(name, bundle, x, target):
    mask_of = bundle.critics.get("classifier")
    if name == "critic" and mask_of is None:
        return None
    b = baselines(bundle, name)
    return lambda: attribute(
        x, forward=bundle.classifier, target=target, method=name, baselines=b, mask_of=mask_of
    )


def captum_call(name, bundle, x, target):
    """Return a call of Captum with the same settings and the same result."""
    model, attr, b = bundle.classifier, captum.attr, baselines(bundle, name)
    leaf, common = x.clone().requires_grad_(), {"target": target}
    last = [i for i, layer in enumerate(model) if isinstance(layer, torch.nn.Conv2d)][-1]
    delta = {**common, "return_convergence_delta": True}
    per_eval = {"perturbations_per_eval": 8}
    side, stride = CONFIG.window(28, 28)
    squares = patches(28, 28, side)[None, None]
    calls = {
        "saliency": lambda: attr.Saliency(model).attribute(leaf, **common),
        "input_x_gradient": lambda: attr.InputXGradient(model).attribute(leaf, **common),
        "integrated_gradients": lambda: attr.IntegratedGradients(model).attribute(
            x, b, n_steps=CONFIG.n_steps, **delta
        ),
        "smoothgrad": lambda: attr.NoiseTunnel(attr.Saliency(model)).attribute(
            x, nt_samples=CONFIG.n_samples, stdevs=CONFIG.stdevs, abs=False, **common
        ),
        "gradient_shap": lambda: attr.GradientShap(model).attribute(
            x, b, n_samples=CONFIG.n_points, stdevs=0.0, **delta
        ),
        "deep_lift": lambda: attr.DeepLift(model).attribute(leaf, b, **delta),
        "deep_lift_shap": lambda: attr.DeepLiftShap(model).attribute(leaf, b, **delta),
        "guided_backprop": lambda: attr.GuidedBackprop(model).attribute(leaf, **common),
        "deconvolution": lambda: attr.Deconvolution(model).attribute(leaf, **common),
        "guided_gradcam": lambda: attr.GuidedGradCam(model, model[last + 1]).attribute(
            leaf, interpolate_mode="bilinear", **common
        ),
        "occlusion": lambda: attr.Occlusion(model).attribute(
            x, (1, side, side), (1, stride, stride), b, **common, **per_eval
        ),
        "feature_ablation": lambda: attr.FeatureAblation(model).attribute(
            x, b, feature_mask=squares, **common, **per_eval
        ),
        "shapley_sampling": lambda: attr.ShapleyValueSampling(model).attribute(
            x, b, feature_mask=squares, n_samples=CONFIG.n_permutations, **common, **per_eval
        ),
    }
    return calls.get(name)


def paired(own, direct, seconds=4, fewest=5):
    """Return the median processor time of two calls, timed in turns on the same machine.

    The order changes from round to round. The first round warms up, and its time sets how many
    rounds follow.
    """
    calls = [call for call in (own, direct) if call is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spent = {call: [clocked(call)] for call in calls}
        rounds = max(fewest, int(seconds / sum(first for (first,) in spent.values())))
        for round_ in range(rounds):
            for call in calls[:: (-1) ** round_]:
                spent[call].append(clocked(call))
    medians = [statistics.median(spent[call][1:]) for call in calls]
    return medians[0], medians[1] if direct else None


def clocked(call):
    """Return the processor time of a call, in seconds."""
    began = time.process_time()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # which keeps the processor waiting
    return time.process_time() - began


if __name__ == "__main__":
    main()
