"""Judges of counterfactuals: classifiers that no search uses.

They differ from the bundle's classifier in architecture and seed. They are trained on shifted,
rotated and scaled train images and stored in the user's cache folder under a hash of the data and
of their code.
"""

import hashlib
import inspect
import math
import os
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from xai_core.data.preprocessing import to_float


class Residual(nn.Module):
    """A small residual network with batch normalisation (He et al., 2016)."""

    epochs, learning_rate, seed = 3, 2e-3, 7001

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 24, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU()
        )
        self.blocks = nn.Sequential(
            Block(24, 24, 1), Block(24, 24, 1), Block(24, 48, 2), Block(48, 48, 1)
        )
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = inputs == outputs and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, x):
        return functional.relu(self.path(x) + self.skip(x))


class Perceptron(nn.Sequential):
    """A multilayer perceptron, which does not know which pixels are neighbours."""

    epochs, learning_rate, seed = 6, 1e-3, 7002

    def __init__(self):
        super().__init__(
            nn.Flatten(),
            nn.Linear(784, 800),
            nn.BatchNorm1d(800),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(800, 400),
            nn.BatchNorm1d(400),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(400, 10),
        )


class Attention(nn.Module):
    """A small vision transformer (Dosovitskiy et al., 2021): patches that attend to each other.

    It was added when all settings were final, so it influenced no choice.
    """

    epochs, learning_rate, seed = 6, 2e-3, 7004

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 64, 7, stride=7)
        self.places = nn.Parameter(0.02 * torch.randn(1, 16, 64))
        layer = nn.TransformerEncoderLayer(
            64, 4, 128, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.layers(tokens).mean(1))


def trained(kind, dataset):
    """Read a judge from the cache, or train it and store it there."""
    source = inspect.getsource(kind) + inspect.getsource(_fit) + inspect.getsource(_moved)
    name = hashlib.sha256((dataset.sha256 + source).encode()).hexdigest()[:16]
    path = cache_folder() / f"{kind.__name__.lower()}-{name}.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(kind.seed)
        judge = kind()
        if path.exists():
            judge.load_state_dict(load_file(path))
        else:
            _fit(judge, dataset.train)
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file({k: v.contiguous() for k, v in judge.state_dict().items()}, path)
    return judge.eval().requires_grad_(False)


def cache_folder():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "xai_core" / "benchmarks"


@torch.inference_mode()
def judged(judge, images):
    """Return the judge's class of each float image."""
    return torch.cat([judge(part).argmax(1) for part in images.split(500)])


def _fit(judge, split):
    x, labels = to_float(split.images), split.labels
    batches = math.ceil(len(x) / 128)
    optimizer = torch.optim.AdamW(judge.parameters(), judge.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, judge.learning_rate * 2, total_steps=judge.epochs * batches
    )
    judge.train()
    for _ in range(judge.epochs):
        for rows in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            logits = judge(_moved(x[rows]))
            functional.cross_entropy(logits, labels[rows], label_smoothing=0.02).backward()
            optimizer.step()
            schedule.step()


def _moved(x):
    """Rotate by up to 12 degrees, scale by up to 10 %, shift by up to 2 pixels."""
    turn, scale, right, down = ((torch.rand(len(x)) * 2 - 1) * most for most in (0.21, 0.1, 2, 2))
    scale = 1 + scale
    matrix = torch.stack(
        [
            torch.stack([scale * turn.cos(), -scale * turn.sin(), right / 14], 1),
            torch.stack([scale * turn.sin(), scale * turn.cos(), down / 14], 1),
        ],
        1,
    )
    grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
    return functional.grid_sample(x, grid, align_corners=False)
