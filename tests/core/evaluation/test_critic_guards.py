"""The guards tell a critic that shows the evidence from one that writes down the answer."""

import pytest
import torch

from tests.benchmarks.critic import guards
from xai_core.models.pixel_masks import random_masks, top_pixels

PLACES = [(4, 4), (4, 18), (18, 4), (18, 18)]


def patches(count, seed):
    """Grey noise with one bright patch of four, and which one it is."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.4 * torch.rand(count, 1, 28, 28, generator=generator)
    decisions = torch.randint(0, 4, (count,), generator=generator)
    for image, which in zip(x, decisions, strict=True):
        row, column = PLACES[which]
        image[:, row : row + 6, column : column + 6] += 0.6
    return x, decisions


def honest(x, decisions):
    """Eight pixels, two of every patch: the same whatever the answer."""
    mask = torch.zeros(len(x), 28, 28)
    for row, column in PLACES:
        mask[:, row + 2, column + 2 : column + 4] = 1
    return mask


def smuggling(x, decisions):
    """Eight black pixels of the border; the side tells the answer."""
    mask = torch.zeros(len(x), 28, 28)
    mask[torch.arange(len(x)), 7 * decisions, :8] = 1
    return mask


@pytest.fixture(scope="module")
def judge():
    x, decisions = patches(512, 0)
    return guards.train_judge(x, decisions, 4, epochs=40, width=4)


def test_the_judge_sees_evidence_and_is_blind_to_a_code(judge):
    x, decisions = patches(200, 1)
    assert guards.agreement(judge, x, honest(x, decisions), decisions) > 0.95
    assert guards.agreement(judge, x, smuggling(x, decisions), decisions) < 0.5


def test_the_reader_reads_the_code_and_nothing_in_an_honest_mask():
    x, decisions = patches(512, 0)
    new, truth = patches(200, 1)
    for marks, least, most in [(honest, 0.0, 0.45), (smuggling, 0.95, 1.0)]:
        known, mask = marks(x, decisions), marks(new, truth)
        reader = guards.train_reader(
            lambda rows, _, known=known: known[rows], decisions, 4, epochs=25, width=4
        )
        found = guards.agreement(reader, mask.unsqueeze(1), mask, truth)
        assert least <= found <= most


def test_an_honest_mask_follows_the_image_it_is_put_on(judge):
    x, decisions = patches(200, 1)
    beats, named = guards.swap(judge, x, honest(x, decisions), decisions)
    assert beats > 0.95
    assert named > 0.95


def test_random_masks_of_the_judge_are_none_of_a_critic():
    x, _ = patches(50, 2)
    masks = random_masks(x, torch.Generator().manual_seed(0))
    assert len(masks.sum((1, 2)).unique()) > 20


def test_overlap_and_rank_correlation_of_known_maps():
    left = torch.arange(16.0).reshape(1, 4, 4)
    assert guards.rank_correlation(left, left.exp()) == pytest.approx(1)
    assert guards.rank_correlation(left, -left) == pytest.approx(-1)
    top, shifted = top_pixels(left, 4), top_pixels(-left, 4)
    assert guards.overlap(top, top) == 1
    assert guards.overlap(top, shifted) == 0
    assert guards.overlap(top, top_pixels(left, 8)) == pytest.approx(0.5)
