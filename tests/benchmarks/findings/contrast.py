"""`python -m tests.benchmarks.findings.contrast`: does a contrast say why not another class?

For each test image the best class is contrasted with the second best. The pixels of the top 5 % of
each map are replaced by the baseline, and the change of the difference of the two outputs is
measured. Beside the contrast's map: the plain map of the best class, as a person would read it
without contrasts. Ties, where both maps mark the same pixels, count for neither.
"""

import argparse

import torch

from tests.benchmarks import results
from xai_core.attribution.of_bundle import attributions, mean_image
from xai_core.bundle.explained_output import contrast, explained_output
from xai_core.bundle.reading import load_bundle
from xai_core.data.preprocessing import to_float

SHARE = 0.05
METHODS = ("integrated_gradients", "deep_lift", "gradient_shap", "input_x_gradient", "occlusion")


def removed(x, maps, baseline):
    """Replace the pixels with the highest values of each map."""
    count = round(SHARE * maps[0].numel())
    top = maps.flatten(1).topk(count, 1).indices
    mask = torch.zeros_like(maps.flatten(1)).scatter_(1, top, 1.0).reshape(maps.shape) > 0
    return torch.where(mask[:, None], baseline, x)


def compared(bundle, images, method, output):
    """Return the fall of the difference after deletion by the contrast's and by the plain map."""
    base = explained_output(bundle, output)
    x = to_float(images)
    values = base.function(bundle)(x)
    first, second = values.topk(2, 1).indices.unbind(1)
    plain = attributions(bundle, images, method, output=output, target=first).attributions
    maps = torch.empty_like(plain)
    for pair in set(zip(first.tolist(), second.tolist(), strict=True)):
        rows = (first == pair[0]) & (second == pair[1])
        why = contrast(*pair, of=output)
        maps[rows] = attributions(bundle, images[rows], method, output=why).attributions
    falls = []
    for found in (maps, plain):
        after = base.function(bundle)(removed(x, found, mean_image(bundle)))
        moved = values - after
        falls.append((moved.gather(1, first[:, None]) - moved.gather(1, second[:, None]))[:, 0])
    return falls


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", default="checkpoints/mnist")
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    bundle = load_bundle(options.bundle)
    images = bundle.dataset.test.images[: options.images]
    table = results.Table("contrast", "moves it more", "equally", "mean fall", "plain map's")
    for output in ("classifier", "cluster"):
        for method in METHODS:
            ours, plain = compared(bundle, images, method, output)
            shares = [(s.float().mean().item()) for s in (ours > plain, ours == plain)]
            table.row(
                f"{output}, {method}",
                *(("{:.1%}", share) for share in shares),
                *(("{:.2f}", fall.mean().item()) for fall in (ours, plain)),
            )
    table.save()


if __name__ == "__main__":
    main()
