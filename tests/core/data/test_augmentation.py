import torch

from xai_core.data.augmentation import deform


def test_deform_keeps_shape_range_and_most_of_the_ink():
    x = torch.zeros(64, 1, 28, 28)
    x[:, :, 8:20, 12:16] = 1
    y = deform(x, torch.Generator().manual_seed(0))
    assert y.shape == x.shape
    assert y.min() >= 0
    assert y.max() <= 1
    share = y.sum((1, 2, 3)) / x.sum((1, 2, 3))
    assert 0.5 < share.min()
    assert share.max() < 2
    assert 0.9 < share.mean() < 1.2


def test_each_image_is_deformed_its_own_way_and_the_seed_decides():
    x = torch.rand(1, 1, 28, 28).repeat(2, 1, 1, 1)
    first, again = (deform(x, torch.Generator().manual_seed(3)) for _ in range(2))
    other = deform(x, torch.Generator().manual_seed(4))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert (first[0] - first[1]).abs().max() > 0.1
    assert (first - other).abs().max() > 0.1
