"""The schedule of the learning rate."""

import math

import pytest
import torch

from xai_core.training.loop import one_cycle


def closed_form(peak, step, steps):
    """A quarter of the steps up, the rest down, by cosines between peak / 50 and the peak."""
    time = step / steps
    phase = time / 0.25 if time < 0.25 else 1 + (time - 0.25) / 0.75
    return peak * (0.02 + 0.98 * 0.5 * (1 - math.cos(math.pi * phase)))


def optimizer():
    return torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1)


def rates(adam, cycle, count):
    for _ in range(count):
        yield adam.param_groups[0]["lr"]
        adam.step()
        cycle.step()


def test_the_schedule_of_torch_is_the_closed_form(subtests):
    for steps in [1, 2, 3, 7, 24, 2_340]:
        with subtests.test(steps=steps):
            adam = optimizer()
            found = list(rates(adam, one_cycle(adam, 2e-3, steps=steps), steps))
            assert found == pytest.approx(
                [closed_form(2e-3, step, steps) for step in range(steps)]
            )


def test_after_an_interruption_the_schedule_goes_on(subtests):
    for done in [0, 1, 5, 6, 23, 24]:
        with subtests.test(done=done):
            adam = optimizer()
            whole = list(rates(adam, one_cycle(adam, 2e-3, steps=24), 24))
            adam = optimizer()
            assert (
                list(rates(adam, one_cycle(adam, 2e-3, steps=24, done=done), 24 - done))
                == whole[done:]
            )
