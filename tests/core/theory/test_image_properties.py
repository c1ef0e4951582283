import pytest
import torch

from xai_core.theory.image_properties import PROPERTIES


def stroke(*pixels):
    image = torch.zeros(1, 1, 28, 28)
    for row, column in pixels:
        image[0, 0, row, column] = 1
    return image


def test_ink_is_the_sum_of_pixels():
    assert PROPERTIES["ink"](stroke((3, 3), (4, 4)) * 0.5).tolist() == [1.0]


@pytest.mark.parametrize("slope", [-1, 0, 1])
def test_slant_is_pixels_to_the_right_by_the_pixel_up(slope):
    image = stroke(*((20 - i, 10 + slope * i) for i in range(6)))
    assert PROPERTIES["slant"](image).item() == pytest.approx(slope, abs=1e-4)


def test_width_is_the_spread_across():
    assert PROPERTIES["width"](stroke((5, 10), (5, 14))).item() == pytest.approx(2, abs=1e-4)
    assert PROPERTIES["width"](stroke((5, 10), (9, 10))).item() == pytest.approx(0, abs=1e-3)


def test_an_empty_image_has_none_of_them():
    empty = torch.zeros(1, 1, 28, 28)
    for measure in PROPERTIES.values():
        assert measure(empty).abs().item() < 1e-3


def test_images_of_a_batch_are_measured_alone():
    images = torch.rand(5, 1, 28, 28)
    for measure in PROPERTIES.values():
        alone = torch.cat([measure(image[None]) for image in images])
        torch.testing.assert_close(measure(images), alone)
