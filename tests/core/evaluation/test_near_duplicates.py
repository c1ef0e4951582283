"""Copies of train images among the test images are found, whatever the images' form."""

import dataclasses

import numpy as np
import torch

from xai_core.data.dataset import Split, build_dataset
from xai_core.evaluation.near_duplicates import FAR_CLOSER, find_copies


def test_planted_copies_come_first(subtests):
    for shape in ((1, 28, 28), (3, 48, 48), (1, 8, 8), (3, 33, 64)):
        with subtests.test(str(shape)):
            check_planted(shape)


def check_planted(shape):
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(300, shape[0], 6, 6, generator=rng)
    images = torch.nn.functional.interpolate(coarse, shape[1:], mode="bilinear").mul(255).byte()
    train, test = images[:200], images[200:].clone()
    copies = {7: train[3], 50: train[9].roll(1, -1), 99: (train[150] * 0.8).byte()}
    for row, image in copies.items():
        test[row] = image
    dataset = build_dataset(
        name="blobs", train=Split(images=train, labels=None), test=Split(images=test, labels=None)
    )
    found = find_copies(dataset)
    assert set(found.test_rows[:3]) == set(copies)
    nearest = dict(zip(found.test_rows.tolist(), found.train_rows.tolist(), strict=True))
    assert [nearest[row] for row in copies] == [3, 9, 150]
    assert found.possible == 3
    assert (np.diff(found.ratios) <= 0).all() and found.ratios.min() >= 1 - 1e-9
    assert sorted(found.test_rows) == list(range(100))


def test_equal_and_blank_images_are_no_copies_of_one(tiny_dataset):
    blank = torch.zeros(20, 1, 28, 28, dtype=torch.uint8)
    for images in (blank, tiny_dataset.train.images[:1].expand(20, -1, -1, -1)):
        part = Split(images=images.clone(), labels=None)
        found = find_copies(build_dataset(name="same", train=part, test=part))
        assert np.isfinite(found.ratios).all()
        assert found.possible == 0, "each has more than four copies"
    few = dataclasses.replace(tiny_dataset, train=tiny_dataset.train.part(slice(2)))
    assert len(find_copies(few).ratios) == 20
    assert FAR_CLOSER > 1
