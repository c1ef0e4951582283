"""Checks of whether a critic encodes its answer in the shape of its mask.

The judge learns on random masks alone and the reader on masks alone; both differ from every
network of the library in architecture and seed.
"""

import torch
from torch import nn
from torch.nn import functional

from xai_core.models.pixel_masks import random_masks, random_strokes

AT_ONCE = 500


class Judge(nn.Module):
    """A network that predicts the decision from the pixels that a mask keeps."""

    def __init__(self, num_targets, width=32):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, width, 3, padding=1),
            nn.MaxPool2d(2),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 5, padding=2, stride=2),
            nn.SiLU(),
            nn.Conv2d(2 * width, 3 * width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(3 * width, 3 * width, 3, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(3 * width * 49, 256),
            nn.SiLU(),
            nn.Dropout(0.2),
            nn.Linear(256, num_targets),
        )

    def forward(self, x, mask):
        seen = mask.unsqueeze(1)
        return self.layers(torch.cat([x * seen, seen], 1))


def train_judge(x, decisions, num_targets, *, epochs, seed=77, width=32):
    """Train on random masks, drawn again for each batch."""
    judge = seeded(lambda: Judge(num_targets, width), seed)

    def batch(rows, generator):
        return x[rows], random_masks(x[rows], generator), decisions[rows]

    return fit(judge, batch, len(x), epochs, seed)


def train_reader(masks, decisions, num_targets, *, epochs, seed=78, width=16):
    """Train on masks alone; `masks` returns those of some rows, from a generator if they vary."""
    reader = seeded(lambda: Judge(num_targets, width), seed)

    def batch(rows, generator):
        mask = masks(rows, generator)
        return mask.unsqueeze(1), mask, decisions[rows]

    return fit(reader, batch, len(decisions), epochs, seed)


def fit(network, batch, count, epochs, seed, size=256, rate=2e-3):
    generator, size = torch.Generator().manual_seed(seed), min(size, count)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * (count // size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1)
    network.train()
    for _ in range(epochs):
        order = torch.randperm(count, generator=generator)
        for rows in order[: count // size * size].split(size):
            x, mask, decision = batch(rows, generator)
            functional.cross_entropy(network(x, mask), decision).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            cycle.step()
    return network.eval()


@torch.inference_mode()
def verdicts(judge, x, mask):
    parts = zip(x.split(AT_ONCE), mask.split(AT_ONCE), strict=True)
    return torch.cat([judge(part, seen) for part, seen in parts])


def agreement(judge, x, mask, decisions):
    """Return the share of images whose decision the judge names from the kept pixels."""
    return share(verdicts(judge, x, mask).argmax(1) == decisions)


def strokes_agreement(judge, x, budget, decisions, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return agreement(judge, x, random_strokes(x, budget, generator), decisions)


def swap(judge, x, mask, decisions, seed=0):
    """Apply each mask to an image x' of another decision than its own image x.

    Returns:
        Share of images where the decision of x' beats that of x, and share where it is named.
    """
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    logits, other = verdicts(judge, x[order], mask), decisions[order]
    rows, differs = torch.arange(len(x)), other != decisions
    beats = logits[rows, other] > logits[rows, decisions]
    return share(beats[differs]), share((logits.argmax(1) == other)[differs])


def overlap(mask, other):
    """Return the mean intersection over union."""
    both = ((mask + other) > 1).sum((1, 2))
    either = ((mask + other) > 0).sum((1, 2))
    return (both / either.clamp_min(1)).mean().item()


def rank_correlation(left, right):
    """Return the mean Spearman correlation of pairs of maps."""
    ranks = [
        of.flatten(1).argsort(dim=1, stable=True).argsort(dim=1, stable=True).double()
        for of in (left, right)
    ]
    left, right = (functional.normalize(of - of.mean(1, keepdim=True), dim=1) for of in ranks)
    return (left * right).sum(1).mean().item()


def share(claims):
    return claims.double().mean().item()


def seeded(make, seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()
