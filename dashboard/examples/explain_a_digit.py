"""Explain one image from Python: `python -m dashboard.examples.explain_a_digit [BUNDLE] [IMAGE]`.

Prints what the bundle says and writes `path.svg`, `map.svg` and `report.html` to the current
folder. In a notebook, leave out `save`: figures and pages show themselves.
"""

import sys

import xai_core
from dashboard import notebook


def explain(bundle: str, image_id: str) -> None:
    """Ask a bundle about one image."""
    digits = xai_core.load_bundle(bundle)
    image = digits.dataset.images([image_id])
    encoded = xai_core.encode(digits, image)
    probs = encoded.encoding.cluster_probs[0]
    print(f"{image_id}: cluster {int(probs.argmax())} ({float(probs.max()):.1%} sure)")
    print(f"ELBO {float(encoded.encoding.terms.elbo[0]):.1f} nats")
    why = xai_core.attributions(digits, image, "integrated_gradients")
    print(f"The map for class {int(why.target[0])} sums to {float(why.attributions.sum()):.2f}")
    changed = xai_core.counterfactuals(digits, image, "all")
    nearest = int(changed.l1.argmin())
    print(
        f"Nearest other class: {int(changed.target[nearest])}, {changed.l1[nearest]:.1f} ink away"
    )
    notebook.counterfactual(digits, image_id, int(changed.target[nearest])).save("path.svg")
    notebook.latent_map(digits, image_id).save("map.svg")
    notebook.report(digits, image_id).save("report.html")


if __name__ == "__main__":
    explain(*(sys.argv[1:3] or ("mnist", "test:18")))
