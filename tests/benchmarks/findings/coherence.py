"""`python -m tests.benchmarks.findings.coherence`: are a bundle's parts one model?

Scores the bundles on their test images, as `xai evaluate` does, the log likelihood on 500 of them,
and writes one row for each.
"""

import argparse

import torch

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.evaluation.metrics import evaluate

IMAGES = 500
SHIPPED = ["mnist", "mnist-2d", "mnist-pure-elbo"]
FORMS = {
    "accuracy": "{:.2f} %",
    "agreement": "{:.2f} %",
    "mixture_accuracy": "{:.2f} %",
    "sample_fidelity": "{:.1f} %",
    "sample_fidelity_worst": "{:.1f} %",
    "cluster_kept": "{:.2f} %",
    "optimum_gap": "{:.3f}",
    "log_likelihood": "{:.1f}",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", nargs="*", default=SHIPPED)
    table = results.Table(
        "coherence",
        "accuracy",
        "q(c given x) and p(c given z) agree",
        "accuracy of p(c given z)",
        "samples seen as their cluster",
        "worst cluster",
        "cluster kept",
        "KL(q, q*), nats",
        "log p(x), nats",
    )
    for name in parser.parse_args().bundles:
        bundle = load_bundle(name)
        with torch.inference_mode():
            found = evaluate(
                bundle.model,
                bundle.classifier,
                bundle.dataset,
                "test",
                device="cpu",
                cluster_labels=bundle.cluster_labels,
                num_likelihood_images=IMAGES,
            ).as_dict()
        cells = [
            (form, found[key] * (100 if form.endswith("%") else 1)) for key, form in FORMS.items()
        ]
        table.row(f"`{name}`", *cells)
    table.save()


if __name__ == "__main__":
    main()
