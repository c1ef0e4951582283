"""The rule on planted methods: good ones pass, each bad one fails for its own reason."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from xai_core.attribution.api import attribute
from xai_core.attribution.config import AttributionConfig
from xai_core.errors import ConfigError
from xai_core.evaluation.faithfulness.intervals import mean_interval
from xai_core.evaluation.faithfulness.scores import FaithfulnessConfig, Task, measure
from xai_core.evaluation.faithfulness.trust_criteria import TrustRule, failures, reasons_against
from xai_core.evaluation.infill import paste


@pytest.fixture(scope="module")
def task():
    """A linear model of three classes, each looking at pixels of its own."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(24, 1, 8, 8, generator=generator)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, bias=False)).requires_grad_(False)
    module[1].weight.copy_(torch.randn(3, 64, generator=generator) ** 3)
    best = module(x).topk(2, -1).indices
    return Task(
        images=x,
        target=best[:, 0],
        other=best[:, 1],
        module=module,
        shown=lambda logits: logits.softmax(-1),
        infill=lambda x, mask: paste(x, mask, torch.full_like(x, 0.5)),
        neutral=lambda x, mask: paste(x, mask, torch.full_like(x, 0.2)),
    )


def method(name, baseline=0.5):
    def explain(x, target, module):
        baselines = torch.full_like(x[:1], baseline) if name.startswith("int") else None
        config = AttributionConfig(n_steps=4)
        return attribute(
            x, forward=module, target=target, method=name, baselines=baselines, config=config
        ).attributions

    return explain


def measured(task, explain, **options):
    return measure(task, explain, **{"contribution": True, "by_size": False, **options})


@pytest.fixture(scope="module")
def random(task):
    return measured(task, method("random"))


def test_a_true_explanation_passes(task, random):
    good = measured(task, method("integrated_gradients"), gap=torch.full((24,), 0.001))
    assert reasons_against(good, {"random": random}) == ()
    assert good.merit.mean() > random.merit.mean()
    assert good.neutral_merit.mean() > random.neutral_merit.mean()
    assert not torch.equal(good.neutral_merit, good.merit)
    assert good.infidelity.max() < 1e-3 and good.sensitivity.mean() < 0.2
    assert good.layers == ("1",) and good.randomisation.mean() < 0.3


def test_what_ignores_the_model_is_named(task, random):
    bad = measured(task, lambda x, target, module: x[:, 0])
    reasons = reasons_against(bad, {"random": random})
    assert any(
        "hardly changes when everything the model learned is shuffled" in r for r in reasons
    )
    assert any("asked for another class it gives nearly the same map" in r for r in reasons)


def test_what_points_at_the_wrong_pixels_is_named(task, random):
    explain = method("integrated_gradients")
    bad = measured(task, lambda x, target, module: -explain(x, target, module))
    (reason,) = reasons_against(bad, {"random": random})
    assert reason == "it ranks the decisive pixels worse than random does"


def test_noise_is_no_better_than_noise(task, random):
    def noise(x, target, module):
        return torch.randn(x.shape[0], 8, 8, generator=torch.Generator().manual_seed(9))

    assert "it ranks the decisive pixels no better than a random map" in reasons_against(
        measured(task, noise), {"random": random}
    )


def test_a_broken_promise_of_completeness_is_named(task, random):
    bad = measured(task, method("integrated_gradients"), gap=torch.full((24,), 0.2))
    (reason,) = reasons_against(bad, {"random": random})
    assert reason == "its shares miss 20% of the output's change"
    assert reasons_against(bad, {"random": random}, rule=TrustRule(max_gap=0.3)) == ()


@pytest.mark.parametrize("correlation", [0.86, 0.81, 0.79, 0.5])
def test_a_map_that_hardly_changes_with_the_class_does_not_pass(task, random, correlation):
    """Also where single images vary so much that an interval would reach below the limit."""
    good = measured(task, method("integrated_gradients"))
    values = torch.full((16,), correlation)
    values[0], values[1] = values[0] - 0.4, values[1] + 0.4
    found = failures(replace(good, class_sensitivity=values), {"random": random})
    assert bool(found["class"]) == (correlation > 0.8)
    assert found["model"] == () and found["pixels"] == () and "sum" not in found


def test_a_trained_mask_is_not_asked_to_change_with_the_model(task, random):
    explain = method("integrated_gradients")
    found = measured(task, explain, reads_model=False)
    assert found.randomisation is None and found.layers == ()
    assert reasons_against(found, {"random": random}) == ()


def test_slopes_are_ranked_by_their_size(task):
    found = measured(task, method("smoothgrad"), contribution=False, by_size=True)
    assert (found.maps >= 0).all()


def test_intervals_hold_the_mean_as_often_as_they_say():
    held = 0
    for seed in range(100):
        generator = torch.Generator().manual_seed(seed)
        values = torch.rand(40, generator=generator)
        found = mean_interval(values, seed=seed, draws=400)
        assert found.low <= found.mean <= found.high
        held += found.low <= 0.5 <= found.high
    assert held >= 87


@pytest.mark.parametrize("setting", [{"num_masks": 0}, {"sanity_images": 0}, {"radius": 0.0}])
def test_settings_outside_their_range_are_refused(setting):
    with pytest.raises(ConfigError, match="must be"):
        FaithfulnessConfig(**setting)
