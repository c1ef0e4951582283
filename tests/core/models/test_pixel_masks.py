import pytest
import torch

from xai_core.models.pixel_masks import INK, random_masks, random_strokes, top_pixels


def digits(count=64):
    x = torch.zeros(count, 1, 28, 28)
    x[:, :, 4:24, 10:16] = 0.9  # 120 stroke pixels
    return x


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [0, 1, 5, 16])
def test_exactly_the_top_pixels_are_marked(count):
    scores = torch.randperm(16).float().reshape(1, 4, 4)
    mask = top_pixels(scores, count)
    assert mask.sum() == count
    assert torch.equal(mask, (scores >= 16 - count).float())


def test_of_equal_scores_no_more_than_asked_are_marked():
    assert top_pixels(torch.zeros(3, 4, 4), 5).sum((1, 2)).tolist() == [5, 5, 5]


@pytest.mark.parametrize("count", [-1, 17])
def test_an_impossible_count_is_refused(count):
    with pytest.raises(ValueError, match=rf"`count` must be in \[0, 16\], got {count}"):
        top_pixels(torch.zeros(1, 4, 4), count)


def test_random_strokes_are_as_many_as_asked_all_on_the_strokes_and_drawn_anew():
    x = digits()
    mask = random_strokes(x, 31, generator())
    assert (mask.sum((1, 2)) == 31).all()
    assert not (mask * (x[:, 0] <= INK)).any()
    assert len(mask.flatten(1).unique(dim=0)) == len(x)


def test_where_strokes_end_other_pixels_follow():
    x = torch.zeros(1, 1, 28, 28)
    x[:, :, 0, :3] = 1
    mask = random_strokes(x, 5, generator())
    assert mask.sum() == 5
    assert mask[0, 0, :3].all()


def test_random_masks_show_strokes_alone_anything_or_both_in_varying_numbers():
    x = digits(400)
    mask = random_masks(x, generator())
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    on_ink = (mask * (x[:, 0] > INK)).sum((1, 2))
    elsewhere = mask.sum((1, 2)) - on_ink
    assert 0.15 < (elsewhere == 0).float().mean() < 0.4
    assert 0.5 < (on_ink > elsewhere / 5).float().mean() < 1
    assert mask.sum((1, 2)).quantile(0.9) > 4 * mask.sum((1, 2)).quantile(0.1)


def test_masks_depend_on_the_image_and_the_draw_alone():
    x = digits(8)
    assert torch.equal(random_masks(x, generator(3)), random_masks(x, generator(3)))
    assert not torch.equal(random_masks(x, generator(3)), random_masks(x, generator(4)))
