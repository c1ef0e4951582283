"""`python -m tests.benchmarks.findings.near_duplicates`: are copies of train images found?

500 of MNIST's test images are replaced by copies of train images, 100 of each kind, with three
seeds; the share of them among the first 500 of each ranking is counted. Rankings: the ratio of
distances between spectra, as `xai_core.evaluation.near_duplicates`; the distance between spectra
alone; the ratio of distances between pixels; and the distance between pixels, the simple
alternative. The last row counts the test images that the page reports without any copy planted.
"""

import dataclasses
import io

import numpy as np
import torch
from PIL import Image

from tests.benchmarks import results
from xai_core.data.registry import load_dataset
from xai_core.evaluation import near_duplicates
from xai_core.evaluation.near_duplicates import FAR_CLOSER, FURTHER, find_copies
from xai_core.latent_space.index import NeighbourSearch

SEEDS, EACH, NOISE = 3, 100, 25.5


def compressed(image):
    file = io.BytesIO()
    Image.fromarray(image[0].numpy()).save(file, "JPEG", quality=40)
    return torch.from_numpy(np.array(Image.open(file)))[None]


KINDS = {
    "as they are": lambda image, _: image,
    "shifted by a pixel": lambda image, _: image.roll((1, 1), (1, 2)),
    "noise of 10 %": lambda image, rng: (
        (image + NOISE * torch.randn(image.shape, generator=rng)).clamp(0, 255).byte()
    ),
    "JPEG, quality 40": lambda image, _: compressed(image),
    "darker by 30 %": lambda image, _: (image * 0.7).byte(),
}


def planted(dataset, seed):
    """Replace test images by copies; return the data set and the rows of each kind."""
    rng = torch.Generator().manual_seed(seed)
    count = EACH * len(KINDS)
    sources = torch.randperm(len(dataset.train), generator=rng)[:count]
    rows = torch.randperm(len(dataset.test), generator=rng)[:count].reshape(len(KINDS), -1)
    images = dataset.test.images.clone()
    for make, places, taken in zip(KINDS.values(), rows, sources.reshape(rows.shape), strict=True):
        for place, source in zip(places, taken, strict=True):
            images[place] = make(dataset.train.images[source], rng)
    test = dataclasses.replace(dataset.test, images=images)
    return dataclasses.replace(dataset, test=test), rows.numpy()


def by_distance(vectors_of, dataset):
    """Rank by the ratio of distances, and by the nearest distance."""
    train, test = (vectors_of(part.images) for part in (dataset.train, dataset.test))
    _, far = NeighbourSearch(train).nearest(test, FURTHER)
    far = far.clamp(min=near_duplicates.SMALLEST)
    return (far[:, -1] / far[:, 0]).argsort(descending=True).numpy(), far[:, 0].argsort().numpy()


def main():
    clean = load_dataset("mnist")
    found, reported = {}, []
    for seed in range(SEEDS):
        dataset, rows = planted(clean, seed)
        copies = find_copies(dataset)
        pixels = by_distance(lambda images: images.flatten(1).float() / 255, dataset)
        spectra = by_distance(
            lambda images: near_duplicates._spectra(images, torch.device("cpu")), dataset
        )
        rankings = {
            "ratio of distances between spectra": copies.test_rows,
            "distance between spectra": spectra[1],
            "ratio of distances between pixels": pixels[0],
            "distance between pixels": pixels[1],
            f"reported: ratio of at least {FAR_CLOSER:g}": copies.test_rows[: copies.possible],
        }
        for name, order in rankings.items():
            first = order[: rows.size]
            shares = [np.isin(rows, first).mean(), *(np.isin(r, first).mean() for r in rows)]
            found.setdefault(name, []).append(shares)
        reported.append(copies.possible)
    table = results.Table("near_duplicates", "copies found", *KINDS)
    for name, shares in found.items():
        table.row(name, *(("{:.1%}", float(share)) for share in np.mean(shares, 0)))
    alarms = find_copies(clean).possible
    table.row("reported without a copy planted", ("{} of 10,000 images", alarms), *["-"] * 5)
    table.save()
    print(f"reported with copies: {reported}")


if __name__ == "__main__":
    main()
