"""An own image's id is its pixels, and nothing else gets in by one."""

import base64
import random
import zlib

import numpy as np
import pytest
import torch

from xai_core.data.user_images import images_of, is_own, own_id, own_image
from xai_core.errors import DataError


def written(payload):
    return "own:" + base64.urlsafe_b64encode(payload).decode().rstrip("=")


def test_every_image_comes_back_from_its_id():
    rng = np.random.default_rng(0)
    for share in (0, 0.01, 0.1, 0.5, 1):
        for _ in range(20):
            image = rng.integers(0, 256, (28, 28)) * (rng.random((28, 28)) < share)
            name = own_id(image.astype(np.uint8))
            assert is_own(name) and len(name) < 1100
            assert np.array_equal(own_image(name)[0], image)
    for shape in ((3, 48, 64), (1, 8, 128), (3, 28, 28)):
        image = rng.integers(0, 256, shape).astype(np.uint8)
        assert np.array_equal(own_image(own_id(image)), image)


def test_other_ids_are_refused(subtests):
    for name in [
        "",
        "own:",
        "own:a",
        "own:AAAA",
        "own:\N{SNOWMAN}",
        "own:" + "A" * 5000,
        "test:0",
        written(b""),
        written(zlib.compress(bytes(783))),
        written(zlib.compress(bytes(785))),
        written(zlib.compress(bytes(784)) + b"x"),
        written(zlib.compress(bytes(784))[:-2]),
        written(zlib.compress(bytes(10**6))),
        written(bytes(9)).replace("own:", "own:3x900x900:"),
        own_id(np.zeros((3, 8, 8), np.uint8)).replace("3x8", "1x8"),
    ]:
        with subtests.test(name=name):
            with pytest.raises(DataError, match="holds no image of this form.*Copy it whole"):
                own_image(name)


def test_a_changed_id_is_refused():
    name, rng = own_id(torch.randint(256, (28, 28)).byte()), random.Random(0)
    for _ in range(200):
        at = rng.randrange(4, len(name) - 1)
        other = rng.choice([c for c in "abcXYZ019-_" if c != name[at]])
        with pytest.raises(DataError):
            own_image(name[:at] + other + name[at + 1 :])
            own_image(name[:at])


def test_images_of_both_kinds_come_in_order(tiny_dataset):
    own = torch.randint(256, (1, 28, 28)).byte()
    found = images_of(tiny_dataset, ["test:1", own_id(own), "train:0", "test:1"])
    known = tiny_dataset.images(["test:1", "train:0"])
    assert torch.equal(found, torch.stack([known[0], own, known[1], known[0]]))
    assert images_of(tiny_dataset, []).shape == (0, 1, 28, 28)
    with pytest.raises(DataError, match="no image 'test:99999'"):
        images_of(tiny_dataset, ["test:99999"])
    with pytest.raises(DataError, match="'bars' has 28 x 28 pixels, grey"):
        images_of(tiny_dataset, [own_id(torch.zeros(3, 8, 8, dtype=torch.uint8))])
