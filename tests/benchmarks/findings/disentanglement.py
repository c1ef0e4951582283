"""`python -m tests.benchmarks.findings.disentanglement BUNDLE`: does a dimension have one factor?

BUNDLE is a cluster VAE that was trained on `shapes`. Its codes of the 1,000 test images are scored
beside as many principal components of the pixels and random projections of them, by hue, hue of
the background, radius and both coordinates of the centre. Shape and angle are left out: the first
is the label, and the second has a period of its own for each shape. A hue lies on a circle, which
takes two dimensions, so that MIG and SAP, which want one, are low for it by definition.
"""

import argparse

import numpy as np
import torch
from sklearn.decomposition import PCA

from tests.benchmarks import results
from xai_core.bundle.reading import load_bundle
from xai_core.data.preprocessing import to_float
from xai_core.data.registry import load_dataset
from xai_core.evaluation.disentanglement import disentanglement

FACTORS = ["hue", "background hue", "radius", "from left", "from top"]
PERIODS = {"hue": 1.0, "background hue": 1.0}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle")
    bundle, data = load_bundle(parser.parse_args().bundle), load_dataset("shapes")
    train, test = (to_float(split.images) for split in (data.train, data.test))
    with torch.inference_mode():
        parts = [bundle.model.encode_mean(part) for part in test.split(250)]
    codes = torch.cat(parts).double().numpy()
    dims, flat = codes.shape[1], test.flatten(1).double().numpy()
    principal = PCA(dims, random_state=0).fit(train[:2_000].flatten(1).numpy())
    random = np.random.default_rng(0).standard_normal((flat.shape[1], dims))
    ways = {
        f"cluster VAE, {dims} dimensions": codes,
        "principal components": principal.transform(flat),
        "random projections": flat @ random / len(random) ** 0.5,
    }
    table = results.Table(
        "disentanglement", "MIG", "disentanglement", "completeness", "informativeness", "SAP"
    )
    for name, found in ways.items():
        scores = disentanglement(found, data.test.columns[FACTORS], periods=PERIODS)
        table.row(name, *(("{:.2f}", value) for value in scores.as_dict().values()))
    table.save()


if __name__ == "__main__":
    main()
