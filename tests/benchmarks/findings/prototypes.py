"""`python -m tests.benchmarks.findings.prototypes`: does MMD-critic represent a cluster?

MMD-critic (Kim, Khanna and Koyejo, 2016, "Examples are not Enough, Learn to Criticize!") chooses
prototypes and criticisms among the train images of each cluster of the bundle `mnist`, by their
codes and without labels. k is an RBF kernel whose scale is the median distance of two codes, or,
as in the paper, is fitted to labels: those of 2,000 train images that are no candidates.

- Prototypes S maximise 2 / (n |S|) sum_{i, j in S} k(x_i, x_j) - 1 / |S|^2 sum_{i, j in S}
  k(x_i, x_j), the squared MMD with its sign turned, up to a constant.
- Criticisms C maximise sum_{l in C} |w(x_l)| + log det K_CC, with the witness function
  w(x) = 1 / n sum_i k(x_i, x) - 1 / |S| sum_{j in S} k(x_j, x).

Both sets grow by the image that adds most. 2,000 test images are judged by pixels: they get the
label of the nearest prototype of any cluster, and their mean distance to it is that of pixels in
[0, 1]. All ways choose among the same 2,000 images of a cluster.
"""

import numpy as np
import torch
from sklearn.cluster import KMeans

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.data.preprocessing import to_float

JUDGED, CANDIDATES, COUNTS, CRITICISMS, SEEDS = 2_000, 2_000, (5, 10), 10, range(5)
SCALES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12)
"""Scales of the kernel that are tried, by the median distance of two codes."""
COPY = 1e-9
"""What an image adds to det K_CC if it is a copy of one in C; copies are left out."""
MEDIAN, FITTED = "MMD-critic, median distance", "MMD-critic, fitted to labels"


def distances(codes):
    """Return the distances of a cluster's codes, by their median."""
    far = torch.cdist(codes.double(), codes.double())
    return far / far[far > 0].median()


def kernel_of(far, scale):
    return torch.exp(-far.square() / (2 * scale**2))


def prototypes(kernel, count):
    """Return the rows of prototypes, each the best addition to those before it."""
    mean, near, chosen = kernel.mean(0), torch.zeros(len(kernel)).double(), []
    linear = square = 0.0
    for size in range(1, min(count, len(kernel)) + 1):
        grown = square + 2 * near + kernel.diagonal()
        gain = 2 / size * (linear + mean) - grown / size**2
        gain[chosen] = -torch.inf
        best = int(gain.argmax())
        chosen.append(best)
        linear, square, near = linear + mean[best], grown[best], near + kernel[best]
    return np.array(chosen)


def witness_of(kernel, chosen):
    return kernel.mean(0) - kernel[chosen].mean(0)


def criticisms(kernel, witness, chosen, count):
    """Return the rows of criticisms, each the best addition to those before it.

    An image adds log(k(x, x) - k_xC K_CC^-1 k_Cx) to log det K_CC; a Cholesky factor of K_CC that
    grows by a row at a time gives it for all images at once.
    """
    left, factor, found = kernel.diagonal().clone(), kernel[:0], []
    allowed = torch.ones(len(kernel), dtype=torch.bool)
    allowed[chosen] = False
    while len(found) < count and (allowed := allowed & (left > COPY)).any():
        gain = witness.abs() + left.clamp(min=COPY).log()
        best = int(gain.where(allowed, -torch.inf).argmax())
        found.append(best)
        row = (kernel[best] - factor[:, best] @ factor) / left[best].sqrt()
        factor, left = torch.cat([factor, row[None]]), left - row.square()
    return np.array(found, dtype=np.int64)


class Members:
    """Candidates of one cluster: rows of the train images, and what is known of them."""

    def __init__(self, bundle, rows, cluster):
        index = bundle.index.iloc[rows]
        rows = rows[(index["cluster"] == cluster).to_numpy()][:CANDIDATES]
        self.rows, self.codes = rows, bundle.latents[rows]
        self.confidence = bundle.index["confidence"].to_numpy()[rows]
        self.other = bundle.index["label"].to_numpy()[rows] != bundle.cluster_labels[cluster]
        self.far = distances(self.codes)

    def near_centres(self, count, seed):
        found = KMeans(count, n_init=1, random_state=seed).fit(self.codes.numpy())
        centres = torch.from_numpy(found.cluster_centers_)
        return torch.cdist(centres, self.codes).argmin(1).numpy()

    def ways(self, count, fitted, seed):
        """Return the rows that each way of choosing prototypes gives."""
        to_mean = (self.codes - self.codes.mean(0)).norm(dim=1)
        return {
            MEDIAN: prototypes(kernel_of(self.far, 1.0), count),
            FITTED: prototypes(kernel_of(self.far, fitted), count),
            "random members": np.random.default_rng(seed).permutation(len(self.rows))[:count],
            "the most confident members": np.argsort(-self.confidence, kind="stable")[:count],
            "the members nearest to the mean": to_mean.argsort(stable=True)[:count].numpy(),
            "the members nearest to k-means' centres": self.near_centres(count, seed),
        }

    def critics(self, scale, seed):
        """Return 10 prototypes, their witness function, and what each way finds beside them."""
        kernel = kernel_of(self.far, scale)
        chosen = prototypes(kernel, max(COUNTS))
        witness = witness_of(kernel, chosen)
        found = criticisms(kernel, witness, chosen, CRITICISMS)
        first = torch.zeros_like(witness).scatter(0, torch.tensor(found[:1]), 1.0)
        orders = {
            "random members": np.random.default_rng(seed).random(len(kernel)),
            "the least sure members": self.confidence,
            "the members farthest from the prototypes": -self.far[chosen].amin(0).numpy(),
        }
        ways = {
            "criticisms": found,
            "log det K_CC alone": criticisms(kernel, first, chosen, CRITICISMS),
        }
        rest = np.setdiff1d(np.arange(len(kernel)), chosen)
        for way, values in orders.items():
            ways[way] = rest[np.argsort(values[rest], kind="stable")][:CRITICISMS]
        return chosen, witness, ways


def judged(x, labels, seen, known, rows):
    """Return accuracy and mean distance of images by their nearest prototype."""
    far = torch.cdist(seen, x[rows])
    right = labels[rows][far.argmin(1)] == known
    return float(right.double().mean()), float(far.amin(1).mean())


def fitted_scale(members, count, judge):
    """Return the scale with the most accurate prototypes."""

    def accuracy(scale):
        chosen = [m.rows[prototypes(kernel_of(m.far, scale), count)] for m in members]
        return judge(np.concatenate(chosen))[0]

    return max(SCALES, key=accuracy)


def of_prototypes(members, fitted, judge):
    table = results.Table(
        "prototypes",
        *(f"{what}, {n} a cluster" for n in COUNTS for what in ("accuracy", "distance")),
    )
    found = {}
    for count in COUNTS:
        for seed in SEEDS:
            ways = [one.ways(count, fitted[count], seed) for one in members]
            for way in ways[0]:
                rows = [m.rows[chosen[way]] for m, chosen in zip(members, ways, strict=True)]
                found.setdefault((way, count), []).append(judge(np.concatenate(rows)))
    for way in ways[0]:
        pairs = [np.mean(found[way, count], 0).tolist() for count in COUNTS]
        table.row(way, *(cell for a, d in pairs for cell in (("{:.1%}", a), ("{:.2f}", d))))
    table.save()


def of_criticisms(members, fitted, x):
    table = results.Table(
        "criticisms", "distance", "with another label", "among the criticisms",
        "positive witness", "members with a larger witness value",
    )  # fmt: skip
    for name, scale in ((MEDIAN, 1.0), (FITTED, fitted[max(COUNTS)])):
        found = {}
        for seed in SEEDS:
            for one in members:
                chosen, witness, ways = one.critics(scale, seed)
                size = witness.abs()
                for way, rows in ways.items():
                    far = torch.cdist(x[one.rows[rows]], x[one.rows[chosen]]).amin(1)
                    values = (
                        far.mean(),
                        one.other[rows].mean(),
                        np.isin(rows, ways["criticisms"]).mean(),
                        (witness[rows] > 0).double().mean(),
                        (size[:, None] > size[rows]).double().mean(),
                    )
                    found.setdefault(way, []).append([float(value) for value in values])
        for way, values in found.items():
            far, *shares = np.mean(values, 0).tolist()
            table.row(f"{name}: {way}", ("{:.2f}", far), *(("{:.1%}", v) for v in shares))
    table.save()


def main():
    bundle = load_bundle("checkpoints/mnist")
    train, test = bundle.dataset.train, bundle.dataset.test
    x, seen = (to_float(images).flatten(1) for images in (train.images, test.images[:JUDGED]))
    drawn = np.random.default_rng(0).permutation(len(x))
    held, rest = drawn[:JUDGED], drawn[JUDGED:]
    members = [Members(bundle, rest, c) for c in range(len(bundle.cluster_labels))]

    def on_train(rows):
        return judged(x, train.labels, x[held], train.labels[held], rows)

    def on_test(rows):
        return judged(x, train.labels, seen, test.labels[:JUDGED], rows)

    fitted = {count: fitted_scale(members, count, on_train) for count in COUNTS}
    print("fitted scales, by the median distance:", fitted)
    of_prototypes(members, fitted, on_test)
    of_criticisms(members, fitted, x)


if __name__ == "__main__":
    main()
