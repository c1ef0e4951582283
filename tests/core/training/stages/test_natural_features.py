"""Features of photographs stay the same where an object is moved, scaled, turned or recoloured."""

import torch

from xai_core.data.augmentation import deform
from xai_core.data.preprocessing import to_float
from xai_core.data.preprocessing_config import Preprocessing
from xai_core.data.shapes import draw_shapes
from xai_core.training.stages.natural_features import natural_features

NATURAL = Preprocessing(strategy="natural", channels=3, height=48, width=48)


def test_neighbours_by_outline_are_of_one_shape_and_by_colour_of_none():
    found = draw_shapes(150, seed=0)
    right = {}
    for name, features in natural_features(to_float(found.images)).items():
        nearest = torch.cdist(features, features).fill_diagonal_(torch.inf).argmin(1)
        right[name] = (found.labels[nearest] == found.labels).float().mean().item()
    assert right["outline"] >= 0.97 and right["colours"] < 0.5


def test_a_deformed_photograph_keeps_its_object_and_its_ground():
    x = to_float(draw_shapes(20, seed=0).images)
    seen = deform(x, torch.Generator().manual_seed(0), NATURAL)
    assert seen.shape == x.shape and seen.min() > 0.02  # no black comes into the frame
    plain = natural_features(x)["outline"]
    nearest = torch.cdist(natural_features(seen)["outline"], plain).argmin(1)
    labels = draw_shapes(20, seed=0).labels
    assert (labels[nearest] == labels).float().mean() >= 0.9
