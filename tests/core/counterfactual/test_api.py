import inspect

import numpy as np
import pytest
import torch

from xai_core.counterfactual import api
from xai_core.counterfactual.api import find_counterfactual
from xai_core.counterfactual.reference import Reference
from xai_core.counterfactual.residual_transfer import transfer_residual
from xai_core.counterfactual.task import CounterfactualConfig
from xai_core.errors import ConfigError
from xai_core.models.prior import MixturePrior

unchecked = inspect.unwrap(find_counterfactual)
"""Without the check of types that only the tests have."""
METHODS = ("default", "diffeomorphic", "pixel", "nearest")
SIDE = 4


class Linear:
    """A decoder whose first code moves ink from the left half to the right one.

    The classifier's log odds of class 1 are 40 (right - left), of the means of the halves; class
    2 needs both halves dark. Encoding inverts decoding where no pixel is clipped.
    """

    right = torch.cat([torch.zeros(SIDE, SIDE // 2), torch.ones(SIDE, SIDE // 2)], 1)

    def decode(self, z):
        first, second = z[:, 0].reshape(-1, 1, 1), z[:, 1].reshape(-1, 1, 1)
        return (0.5 + first * (2 * self.right - 1) + second).unsqueeze(1).clamp(0, 1)

    def encode(self, x):
        right = (x[:, 0] * self.right).sum((1, 2)) / self.right.sum()
        left = (x[:, 0] * (1 - self.right)).sum((1, 2)) / self.right.sum()
        return torch.stack([(right - left) / 2, (right + left) / 2 - 0.5], 1)

    def forward(self, x):
        first, second = self.encode(x).T
        return torch.stack([-40 * first, 40 * first, -40 * (second + 0.3)], 1)


@pytest.fixture
def functions():
    linear = Linear()
    return {"encode": linear.encode, "decode": linear.decode, "forward": linear.forward}


@pytest.fixture
def reference():
    codes = torch.tensor([[-0.3, 0.0], [-0.25, 0.05], [0.3, 0.0], [0.25, 0.05], [0.0, -0.45]])
    images = Linear().decode(codes)[:, 0]
    return Reference(images=images, classes=torch.tensor([0, 0, 1, 1, 2]), codes=codes)


def left_images(count=6):
    generator = torch.Generator().manual_seed(0)
    codes = torch.rand(count, 2, generator=generator) * 0.1 - torch.tensor([0.35, 0.05])
    noise = torch.rand(count, 1, SIDE, SIDE, generator=generator) * 0.02
    return (Linear().decode(codes) + noise).clamp(0, 1)


def prior():
    found = MixturePrior(3, 2, fixed=False)
    with torch.no_grad():
        found.mean.copy_(torch.tensor([[-0.3, 0.0], [0.3, 0.0], [0.0, -0.45]]))
        found.raw_scale.fill_(-2.0)
    return found.requires_grad_(False)


def test_nothing_changes_where_the_code_does_not():
    x, g = torch.rand(3, 1, 5, 5), torch.rand(3, 1, 5, 5)
    assert torch.allclose(transfer_residual(x, g, g), x, atol=1e-6)


def test_noise_is_carried_over_as_the_formula_says():
    x, before = torch.tensor([0.0, 1.0, 0.0, 1.0]), torch.tensor([0.2, 0.8, 0.2, 0.8])
    after = torch.tensor([0.6, 0.2, 0.1, 0.9])
    shape = (1, 1, 2, 2)
    found = transfer_residual(x.view(shape), before.view(shape), after.view(shape), floor=0.0)
    # ink appears with probability (g' - g) / (1 - g), stays with probability g' / g
    assert torch.allclose(found.flatten(), torch.tensor([0.5, 0.25, 0.0, 1.0]))


def test_carrying_over_a_reconstruction_changes_as_much_as_the_decoder():
    before, after = torch.rand(50, 1, 6, 6), torch.rand(50, 1, 6, 6)
    noise = (torch.rand(50, 1, 6, 6) < before).float()
    found = transfer_residual(noise, before, after, floor=0.0)
    assert found.min() >= 0 and found.max() <= 1
    expected = (after - before).abs().mean()
    assert torch.allclose((found - noise).abs().mean(), expected, atol=0.02)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 5])
def test_every_method_reaches_the_target(functions, reference, method, count):
    x = left_images(count)
    found = find_counterfactual(
        x,
        target=1,
        **functions,
        prior=prior(),
        reference=reference,
        config=CounterfactualConfig(method=method, path_points=5, batch_size=2),
    )
    assert found.converged.all() and found.reasons == ("",) * count
    assert (found.probabilities[:, 1] >= 0.99).all()
    again = functions["forward"](found.counterfactuals).softmax(-1)
    assert torch.allclose(again, found.probabilities, atol=1e-5)
    assert found.counterfactuals.shape == x.shape
    assert found.counterfactuals.min() >= 0 and found.counterfactuals.max() <= 1
    assert (found.source == 0).all() and (found.target == 1).all()
    assert torch.allclose(found.l1, (found.counterfactuals - x).abs().sum((1, 2, 3)))
    steps = int(found.num_steps.max())
    assert found.path.shape == (count, steps, 2)
    assert found.path_probabilities.shape == (count, steps, 3)
    assert torch.allclose(found.path_probabilities.sum(-1), torch.ones(count, steps))
    assert torch.equal(found.path[:, 0], functions["encode"](x))


@pytest.mark.parametrize("method", METHODS)
def test_frames_lead_from_the_image_to_its_counterfactual(functions, reference, method):
    x = left_images(2)
    config = CounterfactualConfig(method=method)
    found = find_counterfactual(x, target=1, **functions, reference=reference, config=config)
    frames = found.frames(1, 6)
    start = found.reconstructions[1] if method == "diffeomorphic" else x[1]
    assert frames.shape == (6, 1, SIDE, SIDE)
    assert torch.allclose(frames[0], start, atol=1e-5)
    assert torch.equal(frames[-1], found.counterfactuals[1])
    with pytest.raises(ValueError, match="`count` must be at least 2"):
        found.frames(0, 1)


def test_a_film_of_pixel_ascent_shows_the_images_of_its_steps(functions, subtests):
    """Each image on the path is that of the same ascent with fewer steps."""
    x = Linear().decode(torch.tensor([[-0.3, 0.0], [-0.1, 0.1], [-0.2, -0.1]]))

    def ascended(**settings):
        config = CounterfactualConfig(method="pixel", learning_rate=0.01, **settings)
        return find_counterfactual(x, target=1, **functions, config=config)

    steps = int(ascended().evaluations.max())
    stops = [ascended(max_steps=step) for step in range(1, steps + 1)]
    for most in [2, 3, 8]:
        with subtests.test(most=most):
            found = ascended(path_points=most)
            assert found.evaluations.min() > 8 and found.num_steps.max() == most
            assert found.evaluations.max() == steps
            for row in range(3):
                on_path = found.images_on_path[row, : int(found.num_steps[row])]
                assert torch.equal(on_path[0], x[row])
                assert torch.equal(on_path[-1], found.counterfactuals[row])
                for image in on_path[1:-1]:
                    assert any(torch.equal(image, stop.counterfactuals[row]) for stop in stops)
                assert torch.allclose(found.frames(row, len(on_path)), on_path, atol=1e-6)
            codes = functions["encode"](found.images_on_path[:, -1])
            assert torch.allclose(found.path[:, -1], codes)


def test_the_first_step_of_the_ascent_is_adams(functions):
    """Adam's first step is the learning rate times the gradient's sign."""
    config = CounterfactualConfig(method="diffeomorphic", max_steps=1, learning_rate=0.01)
    found = find_counterfactual(left_images(), target=1, **functions, config=config)
    step = found.path[:, 1] - found.path[:, 0]
    assert torch.allclose(step[:, 0], torch.full((6,), 0.01), atol=1e-5)
    assert not found.converged.any()
    assert all("stalled: not there after 1 steps (p = " in reason for reason in found.reasons)


def test_a_search_that_stalls_is_tried_for_longer_unless_a_limit_is_stated(functions):
    """The boundary lies further away than all short searches go."""
    far = {
        "encode": lambda x: 60 * functions["encode"](x),
        "decode": lambda z: functions["decode"](z / 60),
    }
    found, short = (
        find_counterfactual(left_images(), target=1, **{**functions, **far}, config=config)
        for config in (CounterfactualConfig(), CounterfactualConfig(max_steps=7))
    )
    assert found.converged.all() and not short.converged.any()
    assert (found.evaluations > short.evaluations).all()


def test_probability_rises_along_the_ascent(functions):
    config = CounterfactualConfig(method="diffeomorphic", learning_rate=0.01)
    found = find_counterfactual(left_images(), target=1, **functions, config=config)
    assert (found.path_probabilities[..., 1].diff(dim=1) >= -1e-6).all()


def test_default_is_the_nearest_on_a_line(functions, reference):
    """The border is where 80 z = ln(p / (1 - p)); each image need not go farther."""
    x = left_images()
    config = CounterfactualConfig(search_probability=0.99, density_weight=0.0, max_steps=20)
    found = find_counterfactual(x, target=1, **functions, reference=reference, config=config)
    border = torch.logit(torch.tensor(0.99)) / 80
    reached = functions["encode"](found.counterfactuals)[:, 0]
    assert found.converged.all()
    assert (reached >= border - 1e-3).all() and (reached <= border + 0.03).all()
    plain = CounterfactualConfig(method="diffeomorphic")
    ascent = find_counterfactual(x, target=1, **functions, config=plain)
    assert (found.l1 <= ascent.l1 + 0.1).all()


def test_nearest_is_the_nearest_real_image(functions, reference):
    config = CounterfactualConfig(method="nearest")
    x = left_images()
    found = find_counterfactual(x, target=1, **functions, reference=reference, config=config)
    apart = (reference.images[2:4].unsqueeze(0) - x).abs().sum((2, 3))
    assert torch.allclose(found.l1, apart.min(1).values)
    rows = reference.images[2 + apart.argmin(1)]
    assert torch.equal(found.counterfactuals[:, 0], rows)
    nothing = find_counterfactual(
        x,
        target=2,
        **functions,
        reference=Reference(
            images=reference.images[:4], classes=reference.classes[:4], codes=reference.codes[:4]
        ),
        config=config,
    )
    assert not nothing.converged.any()
    assert "there is no real image of the target class" in nothing.reasons[0]


def test_the_nearest_images_are_found_in_parts(reference, monkeypatch):
    x, target = left_images(), torch.tensor([0, 1, 2, 0, 1, 3])
    rows, distances = reference.nearest_images(x, target)
    apart = (reference.images[:, None] - x[:, 0]).abs().sum((2, 3))
    apart[reference.classes[:, None] != target] = torch.inf
    torch.testing.assert_close(distances, apart.amin(0))
    assert torch.equal(rows[:5], apart.argmin(0)[:5]) and rows[5] == -1
    monkeypatch.setattr("xai_core.counterfactual.reference.KNOWN_AT_ONCE", 1)
    assert all(map(torch.equal, reference.nearest_images(x, target), (rows, distances)))


def test_the_bound_of_the_nearest_distance_is_one(reference):
    x, target = left_images(), torch.tensor([0, 1, 2, 0, 1, 2])
    _, distance = reference.nearest_images(x, target)
    bound = reference.distance_bound(x, reference.nearest_rows(Linear().encode(x), target, 1))
    assert (bound >= distance - 1e-6).all()
    every = reference.distance_bound(x, reference.nearest_rows(Linear().encode(x), target, 5))
    assert torch.allclose(every, distance)
    none = reference.nearest_rows(Linear().encode(x), torch.full_like(target, 9), 2)
    assert (none == -1).all() and reference.distance_bound(x, none).isinf().all()


def test_an_image_that_is_there_comes_back_unchanged(functions, reference):
    x = left_images(3)
    found = find_counterfactual(
        x, target=torch.tensor([0, 1, 0]), **functions, reference=reference
    )
    assert found.converged.all()
    assert torch.equal(found.counterfactuals[[0, 2]], x[[0, 2]])
    assert found.l1[[0, 2]].tolist() == [0, 0] and found.num_steps.tolist()[0] == 1
    assert found.l1[1] > 0


def test_rows_do_not_depend_on_their_batch(functions, reference):
    x = left_images()
    arguments = {**functions, "reference": reference, "prior": prior(), "target": 1}
    together = find_counterfactual(x, **arguments, config=CounterfactualConfig())
    told = []
    alone = find_counterfactual(
        x,
        **arguments,
        config=CounterfactualConfig(batch_size=1),
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert torch.allclose(together.counterfactuals, alone.counterfactuals, atol=1e-4)
    assert told == [(row, 6) for row in range(1, 7)]


@pytest.mark.parametrize("method", METHODS)
def test_blank_images_and_noise_are_answered(functions, reference, method):
    x = torch.cat([torch.zeros(1, 1, SIDE, SIDE), torch.rand(1, 1, SIDE, SIDE)])
    config = CounterfactualConfig(method=method, max_steps=30)
    found = find_counterfactual(x, target=1, **functions, reference=reference, config=config)
    assert found.counterfactuals.isfinite().all()
    assert [not reason for reason in found.reasons] == found.converged.tolist()


def test_it_works_without_anything_but_functions(functions):
    found = find_counterfactual(left_images(), target=1, **functions)
    assert found.converged.all()


@pytest.mark.parametrize("target", [np.int64(1), torch.tensor(1), [1, 1], np.array([1, 1])])
def test_a_target_may_be_any_whole_numbers(functions, target):
    found = unchecked(left_images(2), target=target, **functions)
    assert found.target.tolist() == [1, 1]


def test_all_targets_of_any_function_are_every_class_but_its_own(functions):
    found = find_counterfactual(left_images(2), target="all", **functions)
    own = functions["forward"](left_images(2)).argmax(1)
    expected = [[t for t in range(3) if t != c] for c in own.tolist()]
    assert found.target.unflatten(0, (2, 2)).tolist() == expected


def test_every_gradient_is_counted(functions):
    taken = 0

    def forward(x):
        nonlocal taken
        taken += x.requires_grad
        return functions["forward"](x)

    found = find_counterfactual(left_images(1), target=1, **{**functions, "forward": forward})
    assert found.evaluations.tolist() == [taken - 2]  # a first call, and one where it ends


@pytest.mark.parametrize("target", [-1, 3])
def test_a_target_out_of_range_is_refused(functions, target):
    with pytest.raises(ValueError, match=r"`target` must be in \[0, 3\) for 3 classes, got"):
        find_counterfactual(left_images(), target=target, **functions)


def test_wrong_arguments_are_refused(functions):
    x = left_images(2)
    with pytest.raises(ValueError, match="must be finite, row 1 is not"):
        broken = x.clone()
        broken[1, 0, 0, 0] = torch.nan
        find_counterfactual(broken, target=1, **functions)
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], row 0 is not"):
        find_counterfactual(x * 255, target=1, **functions)
    with pytest.raises(
        ValueError, match=r"must be floats \(batch, channels, height, width\) .* got uint8"
    ):
        unchecked(x.byte(), target=1, **functions)
    for target in (
        1.5,
        True,
        torch.full((2,), 1.5),
        [1],
        "every",
        10**30,
        torch.zeros(2, 1).long(),
    ):
        with pytest.raises(ValueError, match="`target` must be one whole number, or a list of 2"):
            unchecked(x, target=target, **functions)
    with pytest.raises(ValueError, match="at least one image, got none"):
        find_counterfactual(x[:0], target=1, **functions)
    with pytest.raises(ValueError, match="`reference` must be given"):
        config = CounterfactualConfig(method="nearest")
        find_counterfactual(x, target=1, **functions, config=config)
    with pytest.raises(ValueError, match="at least two classes, got 1"):
        one = {**functions, "forward": lambda x: x.sum((1, 2, 3)).unsqueeze(1)}
        find_counterfactual(x, target=0, **one)
    with pytest.raises(
        ValueError, match="must hold at least one image, got none. Pass `reference=None`"
    ):
        Reference(images=x[:0, 0], classes=torch.arange(0), codes=torch.zeros(0, 2))


@pytest.mark.parametrize("method", ["default", "diffeomorphic", "pixel"])
def test_only_allowed_pixels_change(functions, reference, method, subtests):
    x = left_images(3)
    lower = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    lower[1:] = True
    own = torch.stack([lower, lower.flip(0), torch.ones_like(lower)])
    asked = {**functions, "prior": prior(), "reference": reference}
    config = CounterfactualConfig(method=method, path_points=5, batch_size=2)
    for name, allowed in {"one": lower, "one per image": own, "an array": own.numpy()}.items():
        with subtests.test(name):
            found = find_counterfactual(x, target=1, **asked, allowed=allowed, config=config)
            held = ~torch.as_tensor(allowed).expand(3, SIDE, SIDE).unsqueeze(1)
            assert found.converged.all()
            assert torch.equal(found.counterfactuals[held], x[held])
            assert torch.equal(found.allowed, ~held)
            again = functions["forward"](found.counterfactuals).softmax(-1)
            assert torch.allclose(again, found.probabilities, atol=1e-5)
            frames = found.frames(0, 4)
            assert torch.equal(frames[:, held[0]], x[0][held[0]].expand(4, -1))
    with subtests.test("all targets"):
        found = find_counterfactual(x, target="all", **asked, allowed=own, config=config)
        held = ~own.repeat_interleave(2, 0).unsqueeze(1)
        assert torch.equal(found.counterfactuals[held], found.images[held])
    with subtests.test("a single pixel is not enough"):
        corner = torch.zeros_like(lower)
        corner[0, 0] = True
        found = find_counterfactual(x, target=1, **asked, allowed=corner, config=config)
        assert not found.converged.any()
        assert "with 1 of 16 pixels free to change (p = " in found.reasons[0]
        assert torch.equal(found.counterfactuals[:, 0, ~corner], x[:, 0, ~corner])


def test_masks_that_cannot_be_used_are_refused(functions, reference, subtests):
    x, mask = left_images(2), torch.ones(SIDE, SIDE, dtype=torch.bool)
    empty = torch.stack([mask, ~mask])
    for allowed, method, message in [
        (mask.float(), "default", "must be a bool mask, got float32. Pass `allowed > 0`"),
        (mask[1:], "default", r"must have the shape \(4, 4\), or \(2, 4, 4\) .* got \(3, 4\)"),
        (empty, "default", "is False everywhere for image 1. Mark pixels as True"),
        (mask, "nearest", "a whole real image. Use the method 'default'"),
    ]:
        with subtests.test(message):
            with pytest.raises(ValueError, match=message):
                config = CounterfactualConfig(method=method)
                asked = {**functions, "reference": reference, "config": config}
                find_counterfactual(x, target=1, **asked, allowed=allowed)


def test_real_images_are_compared_where_pixels_are_held(reference):
    x = torch.zeros(2, 1, SIDE, SIDE)
    held = torch.zeros_like(x, dtype=torch.bool)
    held[0, :, :, :2], held[1, :, :, 2:] = True, True
    real = reference.images.unsqueeze(1)
    least = [((real[2:4] - x[i]).square() * held[i]).sum((1, 2, 3)).argmin() for i in range(2)]
    rows = reference.nearest_held_rows(x, held, torch.tensor([1, 1]), 3)
    assert rows[:, 0].tolist() == [2 + int(i) for i in least]
    assert reference.nearest_held_rows(x, held, torch.tensor([1, 7]), 2)[1].tolist() == [-1, -1]


def test_settings_outside_their_range_are_refused(subtests):
    for settings, message in [
        ({"target_probability": 1.0}, r"`target_probability` must be in \(0, 1\), got 1.0"),
        (
            {"search_probability": 0.9},
            r"`search_probability` must be in \[target_probability, 1\)",
        ),
        ({"learning_rate": 0.0}, "`learning_rate` must be above 0"),
        ({"nearer_than_real": 0.0}, "`nearer_than_real` must be above 0"),
        ({"density_weight": -1.0}, "`density_weight` must not be negative"),
        ({"max_steps": 0}, "`max_steps` must be at least 1, got 0"),
        ({"path_points": 1}, "`path_points` must be at least 2, got 1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
    ]:
        with subtests.test(settings=settings, message=message):
            with pytest.raises(ConfigError, match=message):
                CounterfactualConfig(**settings)


@pytest.mark.parametrize(
    ("p", "limit", "text"),
    [
        (0.1234, 0.99, "0.123"), (0.98996, 0.99, "0.98996"), (0.9899999, 0.99, "0.9899999"),
        (0.0, 0.5, "0.000"), (0.4996, 0.5, "0.4996"), (0.9985, 0.999, "0.9985"),
        (0.99949, 0.9995, "0.999"),
    ],
)  # fmt: skip
def test_a_probability_that_is_too_low_is_never_written_as_the_one_asked_for(p, limit, text):
    assert api._below(p, limit) == text and float(text) < limit
