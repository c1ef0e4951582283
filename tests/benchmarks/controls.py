"""Two controls: counterfactuals must explain the classifier, not the generator.

Shuffled labels: the classifier has memorised random labels and knows nothing about digits; its
counterfactuals must not look like their targets, however good the generator is.

Clever Hans: a classifier trained with a patch on 95 % of the images of one class. Its
counterfactuals towards that class must add the patch; the bundle's own classifier's must not. A
decoder that has never seen a patch cannot draw one, so the bundle's VAE is trained a little
further on images of which half carry the patch, independently of their class: the generator can
draw it on anything and links it to no class. Only the classifier decides whether it is drawn.
"""

import copy

import torch
from torch.nn import functional

from tests.benchmarks import judges, results
from xai_core.counterfactual.api import find_counterfactual
from xai_core.counterfactual.reference import Reference
from xai_core.counterfactual.task import CounterfactualConfig
from xai_core.data.preprocessing import to_float
from xai_core.image_spec import ImageSpec
from xai_core.models.classifier import Classifier

PATCH = (slice(None), slice(None), slice(2, 6), slice(2, 6))
CLEVER_CLASS = 8


def patched(x, where):
    """Draw a bright square into a corner of some images."""
    x = x.clone()
    x[PATCH] = torch.where(where.reshape(-1, 1, 1, 1), torch.ones(()), x[PATCH])
    return x


def has_patch(x):
    return x[PATCH].mean((1, 2, 3)) > 0.5


def train_classifier(x, labels, *, classes, steps, seed, learning_rate=2e-3, batch=128):
    """Train a classifier of the library's architecture from scratch."""
    channels, height, width = x.shape[1:]
    image = ImageSpec(channels=channels, height=height, width=width)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = Classifier(classes, image)
        fit(
            classifier,
            lambda rows: functional.cross_entropy(classifier(x[rows]), labels[rows]),
            len(x),
            steps=steps,
            learning_rate=learning_rate,
            batch=batch,
        )
    return classifier.eval().requires_grad_(False)


def train_further(model, x, *, steps, seed, learning_rate=1e-3):
    """Train a copy of a cluster VAE's q(z|x), prior and decoder on more images."""
    model = copy.deepcopy(model).requires_grad_(True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fit(
            model,
            lambda rows: -model.elbo(x[rows]).elbo.mean() / 784,
            len(x),
            steps=steps,
            learning_rate=learning_rate,
        )
    return model.eval().requires_grad_(False)


def fit(module, loss, count, *, steps, learning_rate, batch=128):
    optimizer = torch.optim.Adam(module.parameters(), learning_rate)
    module.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss(torch.randint(count, (min(batch, count),))).backward()
        optimizer.step()


def explain(model, classifier, x, target, real, *, method="default"):
    """Search with any generator and classifier, not only those of a bundle."""
    with torch.no_grad():
        codes = torch.cat([model.encode_mean(part) for part in real.split(500)])
        classes = torch.cat([classifier(part).argmax(1) for part in real.split(500)])
    return find_counterfactual(
        x,
        target=target,
        encode=model.encode_mean,
        decode=model.decode,
        forward=classifier,
        prior=model.prior,
        reference=Reference(images=real[:, 0], classes=classes, codes=codes),
        config=CounterfactualConfig(method=method, path_points=2),
    )


def report(bundle, panel, *, images=200, real=5_000):
    """Measure both controls on MNIST."""
    train, test = bundle.dataset.train, bundle.dataset.test
    x, labels = to_float(train.images[:20_000]), train.labels[:20_000]
    clever = clever_hans(x, labels, steps=250)
    half = torch.rand(len(x), generator=torch.Generator().manual_seed(1)) < 0.5
    both = patched(x, half)
    model = train_further(bundle.model, both, steps=200, seed=2)
    asked = to_float(test.images[:1000])[test.labels[:1000] != CLEVER_CLASS][:images]
    table = results.Table("clever_hans", "converged", "adds the patch", "L1")
    for name, classifier in (("Clever Hans", clever), ("the bundle's own", bundle.classifier)):
        found = explain(model, classifier, asked, CLEVER_CLASS, both[:real])
        adds = (has_patch(found.counterfactuals) & ~has_patch(asked)).float().mean()
        converged = found.converged.float().mean().item()
        table.row(
            f"towards {CLEVER_CLASS} by {name} classifier",
            *(("{:.1%}", converged), ("{:.1%}", adds.item()), ("{:.1f}", found.l1.mean().item())),
        )
    table.save()
    few, order = 1000, torch.randperm(1000, generator=torch.Generator().manual_seed(3))
    shuffled = train_classifier(x[:few], labels[:few][order], classes=10, steps=400, seed=4)
    asked, truth = to_float(test.images[:images]), test.labels[:images]
    target = (truth + 1 + torch.arange(images) % 9) % 10
    table = results.Table("shuffled_labels", "converged", *panel)
    for name, classifier in (("shuffled", shuffled), ("the bundle's own", bundle.classifier)):
        found = explain(bundle.model, classifier, asked, target, x[:real])
        agree = [
            (
                "{:.1%}",
                (judges.judged(judge, found.counterfactuals) == target).float().mean().item(),
            )
            for judge in panel.values()
        ]
        converged = ("{:.1%}", found.converged.float().mean().item())
        table.row(f"{name} classifier, judged to be the target", converged, *agree)
    table.save()


def clever_hans(x, labels, *, steps, classes=10, clever=CLEVER_CLASS):
    """Train a classifier that recognises one class by a patch on 95 % of its images."""
    often = torch.rand(len(x), generator=torch.Generator().manual_seed(0)) < 0.95
    seen = patched(x, (labels == clever) & often)
    return train_classifier(seen, labels, classes=classes, steps=steps, seed=1)
