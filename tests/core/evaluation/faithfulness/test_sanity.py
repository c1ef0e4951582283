"""Rank correlation and randomised models."""

import pytest
import torch
from torch import nn

from xai_core.attribution.api import attribute
from xai_core.evaluation.faithfulness.sanity import cascade, parameter_randomisation, spearman


def test_rank_correlation_is_scipys_with_ties_too():
    from scipy.stats import spearmanr

    first, second = torch.randn(4, 5, 5).round(), torch.randn(4, 5, 5).round()
    wanted = [
        spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(first, second, strict=True)
    ]
    assert spearman(first, second).tolist() == pytest.approx(wanted, abs=1e-6)


def test_maps_without_contrast_are_alike_and_unlike_all_others():
    flat, other = torch.ones(1, 3, 3), torch.randn(1, 3, 3)
    assert spearman(flat, 2 * flat).item() == 1 and spearman(flat, other).item() == 0


def test_layers_are_shuffled_from_the_output_on_a_copy(tiny_models):
    classifier = tiny_models[1]
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    seen = []
    for name, other in cascade(classifier, seed=0):
        seen.append(name)
        for key, value in other.state_dict().items():
            assert torch.equal(value.sort().values.flatten().sort().values,
                               before[key].flatten().sort().values)  # fmt: skip
            layer, kind = key.rsplit(".", 1)
            if kind == "weight":
                assert torch.equal(value, before[key]) == (layer not in seen)
    assert seen == ["13", "10", "5", "2", "0"]
    assert all(torch.equal(v, before[k]) for k, v in classifier.state_dict().items())


def test_maps_of_the_model_change_with_it_and_edges_do_not(tiny_models, tiny_dataset):
    from xai_core.data.preprocessing import to_float

    x = to_float(tiny_dataset.test.images[:6])

    def explainer(method):
        return lambda module: attribute(x, forward=module, target=0, method=method).attributions

    names, edges = parameter_randomisation(tiny_models[1], explainer("edges"), seed=0)
    assert len(names) == 5 and torch.equal(edges, torch.ones(6, 5))
    _, shares = parameter_randomisation(tiny_models[1], explainer("input_x_gradient"), seed=0)
    assert shares.shape == (6, 5) and shares[:, -1].mean() < 0.6


def test_a_module_of_modules_is_randomised_too():
    inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    module = nn.Sequential(inner, nn.Linear(4, 2))
    assert [name for name, _ in cascade(module, seed=1)] == ["1", "0.0"]
