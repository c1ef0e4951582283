import pytest
import torch

from xai_core.evaluation.infill import infill_from_another, infill_from_rest, paste


def images(*values):
    return torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone()


def half(count):
    mask = torch.zeros(count, 4, 4)
    mask[:, :2] = 1
    return mask


def makers():
    return [
        infill_from_rest(lambda x: 0.5 * x, neutral=images(0.5)),
        infill_from_another(lambda x: 0.5 * x, others=images(0.25, 0.75)),
    ]


def test_paste_mixes_by_the_mask():
    mixed = paste(images(1.0), torch.full((1, 4, 4), 0.25), images(0.2))
    torch.testing.assert_close(mixed, images(0.25 * 1.0 + 0.75 * 0.2))


@pytest.mark.parametrize("infill", makers())
def test_kept_pixels_stay_and_a_full_mask_changes_nothing(infill):
    x = torch.rand(3, 1, 4, 4)
    assert torch.equal(infill(x, half(3))[:, :, :2], x[:, :, :2])
    assert torch.equal(infill(x, torch.ones(3, 4, 4)), x)


@pytest.mark.parametrize("infill", makers())
def test_what_is_taken_away_has_no_say(infill):
    x = torch.rand(3, 1, 4, 4)
    other = x.clone()
    other[:, :, 2:] = torch.rand(3, 1, 2, 4)
    assert torch.equal(infill(x, half(3)), infill(other, half(3)))


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_rounds_bring_the_fill_to_agree_with_the_kept_pixels(rounds):
    def mean_image(x):
        return x.mean((1, 2, 3), keepdim=True).expand_as(x)

    filled = infill_from_rest(mean_image, neutral=images(0.0), rounds=rounds)(images(0.8), half(1))
    missing = 0.8 * (1 - 0.5**rounds)  # each round halves the distance to the kept pixels
    torch.testing.assert_close(filled[:, :, 2:], images(missing)[:, :, 2:])


def test_another_image_is_the_one_of_the_same_row_counted_round():
    infill = infill_from_another(lambda x: x / 2, others=images(0.2, 0.6))
    filled = infill(torch.rand(3, 1, 4, 4), torch.zeros(3, 4, 4))
    assert torch.equal(filled, images(0.1, 0.3, 0.1))


@pytest.mark.parametrize("infill", makers())
def test_gradients_reach_image_and_mask(infill):
    x, mask = torch.rand(2, 1, 4, 4, requires_grad=True), torch.rand(2, 4, 4, requires_grad=True)
    for gradient in torch.autograd.grad(infill(x, mask).sum(), (x, mask)):
        assert gradient.abs().sum() > 0


def test_a_bundles_model_fills_in_pixels_in_range(tiny_bundle, tiny_dataset):
    x = tiny_dataset.test.images[:6].float() / 255
    neutral = x.mean(0, keepdim=True)
    filled = infill_from_rest(tiny_bundle.model.reconstruct, neutral=neutral)(
        x, torch.rand(6, 28, 28).round()
    )
    assert 0 <= filled.min() <= filled.max() <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neutral": images(0.0, 1.0)}, "`neutral` must be one image, got 2"),
        ({"neutral": images(0.0), "rounds": 0}, "`rounds` must be at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        infill_from_rest(lambda x: x, **options)


def test_no_other_image_is_refused():
    with pytest.raises(ValueError, match="`others` must have at least one image"):
        infill_from_another(lambda x: x, others=torch.empty(0, 1, 4, 4))
