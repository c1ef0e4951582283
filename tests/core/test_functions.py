"""Functions as people give them: forms, precision, targets, and networks left as found."""

import functools
from collections import OrderedDict, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from xai_core.functions import GivenFunction, class_numbers
from xai_core.networks import dtype_of, in_float32, left_as_found, modules_of

Heads = namedtuple("Heads", "logits features")
PAIR = torch.rand(2, 3)


def given(function, form="outputs", shape=(1, 4, 4)):
    return GivenFunction(function=function, name="forward", form=form, image_shape=shape)


def test_one_clear_form_is_accepted(subtests):
    for form, returned in [
        ("outputs", PAIR),
        ("outputs", (PAIR,)),
        ("outputs", [PAIR]),
        ("outputs", {"any": PAIR}),
        ("outputs", {"logits": PAIR, "features": torch.rand(2, 9)}),
        ("outputs", Heads(PAIR, torch.rand(2, 9))),
        ("outputs", OrderedDict(loss=None, logits=PAIR)),
        ("outputs", (PAIR, torch.arange(2))),
        ("outputs", PAIR[:, :, None, None]),
        ("outputs", PAIR.numpy()),
        ("codes", PAIR),
        ("codes", (PAIR, torch.rand(2, 3))),
        ("codes", {"mu": PAIR, "log_var": torch.rand(2, 3)}),
        ("codes", torch.distributions.Normal(PAIR, torch.ones(2, 3))),
    ]:
        with subtests.test(form=form, returned=returned):
            assert torch.equal(
                given(lambda x, returned=returned: returned, form)(torch.rand(2, 1, 4, 4)), PAIR
            )


def test_one_output_may_have_no_axis_of_its_own():
    x = torch.rand(2, 1, 4, 4)
    assert given(lambda x: x.sum((1, 2, 3))).probed(x)[0](x).shape == (2, 1)
    assert given(lambda x: x.flatten(1)[:, :3].squeeze(0)).probed(x)[0](x[:1]).shape == (1, 3)


@pytest.mark.parametrize("shape", [(2, 16), (2, 4, 4), (2, 1, 4, 4), (2, 16, 1, 1)])
def test_images_may_come_in_rows(shape):
    x = torch.rand(shape)
    found = given(lambda z: x, "images")(torch.rand(2, 3))
    assert torch.equal(found, x.reshape(2, 1, 4, 4))


def test_any_other_form_is_refused_with_what_came(subtests):
    for form, returned, came in [
        ("outputs", (PAIR, PAIR), r"a tuple of float32 \(2, 3\); float32 \(2, 3\)"),
        ("outputs", {"a": PAIR, "b": PAIR}, r"a dict of a: float32"),
        ("outputs", torch.rand(2, 3, 4), r"float32 \(2, 3, 4\)"),
        ("outputs", PAIR.argmax(1), r"int64 \(2,\)"),
        ("outputs", torch.rand(3, 2), r"float32 \(3, 2\)"),
        ("outputs", PAIR.sum(), r"float32 \(\)"),
        ("outputs", None, "a NoneType"),
        ("outputs", (), "a tuple of nothing"),
        ("codes", (PAIR, torch.rand(2, 4)), "mean, log_var.*a tuple of"),
        ("codes", (PAIR, PAIR, PAIR), "a tuple of"),
        ("images", torch.rand(2, 15), r"1, 4, 4.*float32 \(2, 15\)"),
        ("images", torch.rand(2, 2, 8), r"float32 \(2, 2, 8\)"),
    ]:
        with subtests.test(form=form, returned=returned, came=came):
            said = "must return floats"
            said = f"`forward` {said}.* for 2 rows, got.*{came}|{said}.*{came}"
            with pytest.raises(ValueError, match=said):
                given(lambda x, returned=returned: returned, form).probed(torch.rand(2, 1, 4, 4))


def test_random_functions_and_batch_statistics_are_refused():
    x = torch.rand(3, 1, 4, 4)
    batch = nn.BatchNorm2d(1, track_running_stats=False).eval()
    for function in (
        lambda x: nn.functional.dropout(x, 0.5).flatten(1),
        lambda x: x.flatten(1) + torch.rand(len(x), 1),
        lambda x: batch(x).flatten(1),
        lambda x: (x - x.mean(0)).flatten(1),
    ):
        with pytest.raises(ValueError, match="the same for the same row, alone or in a batch"):
            given(function).probed(x)


def test_what_works_under_inference_mode_alone_is_called_there():
    def function(x):
        if not torch.is_inference_mode_enabled():
            raise RuntimeError("for inference")
        return x.flatten(1)

    x = torch.rand(2, 1, 4, 4)
    found, _ = given(function).probed(x)
    assert torch.equal(found(x), x.flatten(1)) and not found(x).is_inference()
    with pytest.raises(ValueError, match="saliency needs a gradient, and `forward` gives none"):
        found.check_gradient(x, "saliency")


def test_targets_of_any_whole_kind(subtests):
    for target in [
        1,
        np.int64(1),
        np.uint8(1),
        torch.tensor(1),
        np.array(1),
        1.0,
        [1, 1],
        (1, 1),
        "1",
        "one",
        ["one", 1],
        np.array([1, 1]),
        torch.tensor([1, 1], dtype=torch.uint8),
        range(1, 2),
        torch.tensor([1.0, 1.0]),
    ]:
        with subtests.test(target=target):
            rows = 1 if isinstance(target, range) else 2
            found = class_numbers(target, rows, names=("zero", "one"))
            assert found.tolist() == [1] * rows and found.dtype == torch.int64


def test_other_targets_are_refused(subtests):
    for target in [
        2.7,
        True,
        None,
        "two",
        "-1",
        "1.5",
        "9" * 12,
        "9" * 5000,
        [1],
        [1, 2, 3],
        [1, 2.5],
        10**30,
        float("nan"),
        float("inf"),
        torch.full((2,), 1.5),
        np.array([[1], [1]]),
        object(),
    ]:
        with subtests.test(target=target):
            with pytest.raises(
                ValueError, match="`target` must be one whole number or one of zero, one"
            ):
                class_numbers(target, 2, names=("zero", "one"))


NAMES = ("0", "5", "900", "T-shirt/top", "a b", "all", "\N{SNOWMAN}", "x,y", "-1", "''", "' '")


@pytest.mark.parametrize(
    ("target", "number"),
    [
        *((name, number) for number, name in enumerate(NAMES)),
        ("2", 2),  # no name, so a number
        ("", 9),
        (" ", 10),
        ([NAMES[4], ""], [4, 9]),
        (np.array(["x,y", "900"]), [7, 2]),
    ],
)
def test_a_class_is_known_by_its_name_before_its_number(target, number):
    rows = len(number) if isinstance(number, list) else 1
    found = class_numbers(target, rows, names=NAMES).tolist()
    assert found == (number if isinstance(number, list) else [number])


@pytest.mark.parametrize("target", ["b a", "t-shirt/top", "+5", "5.0", "\n"])
def test_an_unknown_name_is_refused_with_those_that_are_known(target):
    with pytest.raises(ValueError) as refused:
        class_numbers(target, 1, names=(*NAMES, *(f"more {k}" for k in range(30))))
    said = str(refused.value)
    assert (
        "one of 0, 5, 900, T-shirt/top, 'a b', all, \N{SNOWMAN}, 'x,y', -1, '', ' '" in said
        and "and 21 more" in said
    )
    assert said.endswith(f"got {target!r}.") and "\n" not in said


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
        self.layers[0].eval()
        self.register_buffer("calls", torch.zeros(()))

    def encode(self, x):
        self.calls += 1
        return self.layers(x).flatten(1)


def ways_to_give(model):
    return [
        model,
        model.encode,
        lambda x: model.encode(x),
        functools.partial(Model.encode, model),
        functools.partial(lambda f, x: f(x), model.encode),
    ]


def test_networks_are_left_as_found(subtests):
    for number in range(5):
        for fails in [False, True]:
            with subtests.test(number=number, fails=fails):
                model = Model()
                function = ways_to_give(model)[number]
                modes = [module.training for module in model.modules()]
                state = {name: value.clone() for name, value in model.state_dict().items()}
                try:
                    with left_as_found(function):
                        assert not any(module.training for module in model.modules())
                        model.encode(torch.rand(2, 1, 4, 4))
                        if fails:
                            raise KeyError
                except KeyError:
                    pass
                assert [module.training for module in model.modules()] == modes
                for name, value in model.state_dict().items():
                    assert torch.equal(value, state[name])


def test_the_last_of_several_threads_restores():
    model = Model().train()

    def use(number):
        with left_as_found(model if number % 2 else model.layers):
            return not model.layers.training

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))
    assert all(module.training for module in model.modules())


def test_precision_is_that_of_the_weights():
    model = Model().half()
    for function in ways_to_give(model):
        assert modules_of(function)[0] is model and dtype_of(function) is torch.float16
    weight = torch.rand(3, dtype=torch.float64)
    assert dtype_of(lambda x: x * weight) is torch.float64
    assert dtype_of(lambda x: x) is None
    assert dtype_of(in_float32(model.encode)) is torch.float32 and model.calls.dtype.itemsize == 2
    assert in_float32(lambda x: model(x)) is None
