"""Synthetic colour images: one shape on a background, with its mask as the ground truth.

Shape, hue, size, place, angle and background vary independently; the label is the shape. In the
variant with a shortcut, a small white patch accompanies one shape in the train split, and none in
the test split. What varies is known, and each factor is a column of the data set.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from .dataset import Dataset, Split, build_dataset
from .preprocessing_config import Preprocessing

__all__ = ["NAMES", "SHAPES", "Shapes", "draw_shapes", "load_shapes"]

NAMES = ("shapes", "shapes-shortcut")
"""Names that `load_dataset` knows."""
SHAPES = ("circle", "cross", "square", "star", "triangle")
SIDE = 48
NUM_TRAIN, NUM_TEST = 4_000, 1_000
PATCH = 5
"""Side of the shortcut's patch in pixels, in the upper left corner."""
SHORTCUT = SHAPES.index("star")
RADII = (0.22, 0.36)
"""Smallest and largest radius, as a share of the side."""
SYMMETRY = {"circle": 0, "cross": 4, "square": 4, "star": 5, "triangle": 3}
"""Number of turns that leave a shape as it is; 0 for any turn."""
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class Shapes:
    """Images with their labels, the masks of their shapes, and the factors that vary.

    `factors` has one row per image: `hue` and `background hue` in turns of the colour circle,
    [0, 1), both periodic; `radius`, and the place of the centre from the left and from the top,
    as shares of the side; `angle` in degrees, clockwise, in one period of the shape: [0, 360 /
    `SYMMETRY`), 0 for a circle; and the name of the `shape`.
    """

    images: UInt8[Tensor, "images 3 height width"]
    labels: Int[Tensor, " images"]
    masks: Bool[Tensor, "images height width"]
    factors: pd.DataFrame


def draw_shapes(count: int, *, seed: int, side: int = SIDE, shortcut: bool = False) -> Shapes:
    """Draw shapes, cycling through the labels.

    Args:
        count: Number of images.
        seed: Seed of all that varies.
        side: Side of an image in pixels.
        shortcut: Whether every star has a white patch in the upper left corner.
    """
    rng = np.random.default_rng(seed)
    parts = [
        _some(np.arange(start, min(start + _AT_ONCE, count)) % len(SHAPES), rng, side, shortcut)
        for start in range(0, count, _AT_ONCE)
    ]
    images, masks = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    return Shapes(
        images=torch.from_numpy(images),
        labels=torch.arange(count) % len(SHAPES),
        masks=torch.from_numpy(masks),
        factors=pd.concat([part[2] for part in parts], ignore_index=True),
    )


def load_shapes(name: str = "shapes") -> Dataset:
    """Generate the named data set of 4,000 train and 1,000 test images."""
    shortcut = name == "shapes-shortcut"
    train = draw_shapes(NUM_TRAIN, seed=0, shortcut=shortcut)
    test = draw_shapes(NUM_TEST, seed=1)
    return build_dataset(
        name=name,
        train=Split(images=train.images, labels=train.labels, columns=train.factors),
        test=Split(images=test.images, labels=test.labels, columns=test.factors),
        class_names=SHAPES,
        source="Made by xai_core.data.shapes, seeds 0 and 1.",
        preprocessing=Preprocessing(strategy="natural", channels=3, height=SIDE, width=SIDE),
    )


def _some(
    labels: Int[np.ndarray, " images"], rng: np.random.Generator, side: int, shortcut: bool
) -> tuple[
    UInt8[np.ndarray, "images 3 height width"],
    Bool[np.ndarray, "images height width"],
    pd.DataFrame,
]:
    """Draw one image per label, in float64, so that all machines round alike."""
    count = len(labels)
    radius = rng.uniform(*RADII, count) * side
    angle = rng.uniform(0, 2 * np.pi, count)
    room = (side / 2 - radius)[:, None] * 0.8
    centre = side / 2 + rng.uniform(-1, 1, (count, 2)) * room
    cover = _cover(labels, radius, angle, centre, side)
    hue, other = rng.uniform(0, 1, (2, count))
    paint = _colour(hue, rng.uniform(0.6, 0.95, count), rng.uniform(0.75, 1.0, count))
    ground = _colour(other, rng.uniform(0.1, 0.5, count), rng.uniform(0.15, 0.4, count))
    slope = rng.uniform(-0.1, 0.1, (2, count))[..., None, None]
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    shade = 1 + slope[0] * rows + slope[1] * columns
    shown = cover[:, None] * paint[..., None, None]
    shown = shown + ((1 - cover) * shade)[:, None] * ground[..., None, None]
    shown += rng.normal(0, 0.015, (count, 3, side, side))
    images = np.rint(np.clip(shown, 0, 1) * 255).astype(np.uint8)
    if shortcut:
        images[labels == SHORTCUT, :, 1 : 1 + PATCH, 1 : 1 + PATCH] = 255
    factors = {"hue": hue, "background hue": other, "radius": radius / side}
    factors |= {"from left": centre[:, 1] / side, "from top": centre[:, 0] / side}
    names = np.array(SHAPES)[labels]
    turns = np.array([SYMMETRY[name] for name in names])
    period = 360 / np.maximum(turns, 1)
    factors["angle"] = np.where(turns > 0, np.degrees(angle) % period, 0.0)
    return images, cover > 0.5, pd.DataFrame({**factors, "shape": names})


def _cover(
    labels: Int[np.ndarray, " images"],
    radius: Float[np.ndarray, " images"],
    angle: Float[np.ndarray, " images"],
    centre: Float[np.ndarray, "images 2"],
    side: int,
) -> Float[np.ndarray, "images height width"]:
    """Return the share of each pixel that a shape covers, from its radius per direction."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    down = rows - centre[:, 0, None, None]
    right = columns - centre[:, 1, None, None]
    turn = np.arctan2(down, right) - angle[:, None, None]
    reach = np.empty_like(turn)
    for label, name in enumerate(SHAPES):
        reach[labels == label] = _reach(name, turn[labels == label])
    return np.clip(reach * radius[:, None, None] - np.hypot(down, right) + 0.5, 0, 1)


def _reach(name: str, turn: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Return the distance of a shape's outline from its centre, at most 1, by direction."""
    if name == "circle":
        return np.full_like(turn, 0.85)
    if name == "cross":
        near, far = np.sort(np.abs([np.cos(turn), np.sin(turn)]), axis=0)
        return np.minimum(0.97 / far, 0.3 / np.maximum(near, 1e-9))
    corners = {"triangle": 3, "square": 4, "star": 5}[name]
    step = 2 * np.pi / corners
    within = np.abs(np.mod(turn, step) - step / 2)  # 0 between two corners, step / 2 at one
    if name == "star":
        return _edge(1.0, 0.42, step / 2 - within, step / 2)
    return np.cos(step / 2) / np.cos(within)


def _edge(
    outer: float, inner: float, off: Float[np.ndarray, "..."], between: float
) -> Float[np.ndarray, "..."]:
    """Return the distance of the straight line from a tip to a notch, `off` from the tip."""
    area = outer * inner * np.sin(between)
    return area / (outer * np.sin(off) + inner * np.sin(between - off))


def _colour(
    hue: Float[np.ndarray, " images"],
    saturation: Float[np.ndarray, " images"],
    value: Float[np.ndarray, " images"],
) -> Float[np.ndarray, "images 3"]:
    """Turn hue, saturation and value, each in [0, 1], into red, green and blue."""
    place = (np.array([5, 3, 1]) + 6 * hue[:, None]) % 6
    share = np.clip(np.minimum(place, 4 - place), 0, 1)
    return value[:, None] * (1 - saturation[:, None] * share)
