"""Attribution against closed forms, against Captum, and with two threads at once."""

import copy
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from xai_core.attribution.api import attribute
from xai_core.attribution.config import CONTROLS, AttributionConfig
from xai_core.attribution.gradients import path_points
from xai_core.attribution.perturbation import patches
from xai_core.attribution.registry import METHODS, method_card
from xai_core.data.preprocessing import to_float
from xai_core.errors import ConfigError

FREE = [name for name, card in METHODS.items() if card.needs not in ("layers", "mask")]
HOOKED = [name for name, card in METHODS.items() if card.needs == "layers"]
COMPLETE = [name for name, card in METHODS.items() if card.complete]
SEEDED = [name for name, card in METHODS.items() if card.seeded]
FAST = AttributionConfig(n_steps=8, n_samples=6, n_points=6, n_permutations=2, patch=4, stride=2)


@pytest.fixture(scope="module")
def x(tiny_dataset):
    return to_float(tiny_dataset.test.images[:6])


@pytest.fixture(scope="module")
def classifier(tiny_models):
    return tiny_models[1]


def linear(outputs=3, side=4):
    return nn.Sequential(nn.Flatten(), nn.Linear(side * side, outputs)).requires_grad_(False)


def small_network():
    """Convolutions and ReLUs, no pooling: Captum's DeepLift is right on it."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * 3 * 3, 3),
    ).requires_grad_(False)


def baselines_for(method, x, seed=7):
    generator = torch.Generator().manual_seed(seed)
    count = {"none": 0, "one": 1, "set": 3}[METHODS[method].baseline]
    return torch.rand(count, *x.shape[1:], generator=generator) if count else None


def run(method, x, forward, target=0, **options):
    options.setdefault("baselines", baselines_for(method, x))
    options.setdefault("config", FAST)
    if METHODS[method].needs == "mask":
        options["mask_of"] = lambda x, target: x[:, 0]
    return attribute(x, forward=forward, target=target, method=method, **options)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_finite_map_per_image(method, x, classifier):
    found = run(method, x, classifier, torch.arange(6) % 2, baselines=None)
    assert found.attributions.shape == (6, 28, 28) and found.method == method
    assert found.attributions.isfinite().all() and found.target.tolist() == [0, 1, 0, 1, 0, 1]
    assert not found.attributions.requires_grad
    if method == "critic":
        return
    assert found.attributions.flatten(1).std(1).min() > 0
    assert METHODS[method].signed == bool((found.attributions < 0).any())


def test_on_a_linear_function_all_shares_are_weight_times_change(subtests):
    for method in [name for name, card in METHODS.items() if card.contribution]:
        with subtests.test(method=method):
            network, x = linear(), torch.rand(5, 1, 4, 4)
            target = torch.tensor([0, 1, 2, 0, 1])
            config = AttributionConfig(patch=1, stride=1, epsilon=1e-6, n_permutations=2)
            baselines = baselines_for(method, x)
            found = run(method, x, network, target, baselines=baselines, config=config)
            b = torch.zeros(1, 4, 4) if baselines is None else baselines.mean(0)
            wanted = network[1].weight[target].reshape(5, 1, 4, 4) * (x - b)
            torch.testing.assert_close(found.attributions, wanted[:, 0], rtol=1e-3, atol=1e-5)
            if found.convergence_delta is not None:
                assert found.convergence_delta.abs().max() < 1e-5
                change = network(x) - network(baselines).mean(0)
                torch.testing.assert_close(found.output_change, change[range(5), target])


@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "guided_backprop", "deconvolution"])
def test_on_a_linear_function_slopes_are_the_weights(method):
    network, x = linear(), torch.rand(2, 1, 4, 4)
    weight = network[1].weight[1].reshape(4, 4)
    found = run(method, x, network, 1).attributions
    wanted = weight.abs() if method == "saliency" else weight
    torch.testing.assert_close(found, wanted.expand(2, 4, 4))


def captum_maps(method, network, x, target, baselines):
    """The same question, put to Captum itself."""
    import captum.attr

    leaf = x.clone().requires_grad_()
    shapes = {"sliding_window_shapes": (1, 4, 4), "strides": (1, 2, 2)}
    common = {"target": target}
    calls = {
        "saliency": lambda: captum.attr.Saliency(network).attribute(leaf, **common),
        "input_x_gradient": lambda: captum.attr.InputXGradient(network).attribute(leaf, **common),
        "integrated_gradients": lambda: captum.attr.IntegratedGradients(network).attribute(
            leaf, baselines, n_steps=8, **common
        ),
        "deep_lift": lambda: captum.attr.DeepLift(network).attribute(leaf, baselines, **common),
        "deep_lift_shap": lambda: captum.attr.DeepLiftShap(network).attribute(
            leaf, baselines, **common
        ),
        "guided_backprop": lambda: captum.attr.GuidedBackprop(network).attribute(leaf, **common),
        "deconvolution": lambda: captum.attr.Deconvolution(network).attribute(leaf, **common),
        "guided_gradcam": lambda: captum.attr.GuidedGradCam(network, network[3]).attribute(
            leaf, interpolate_mode="bilinear", **common
        ),
        "occlusion": lambda: captum.attr.Occlusion(network).attribute(
            x, baselines=baselines, **shapes, **common
        ),
        "feature_ablation": lambda: captum.attr.FeatureAblation(network).attribute(
            x, baselines, feature_mask=patches(8, 8, 4)[None, None], **common
        ),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return calls[method]().detach()[:, 0]


def test_maps_are_those_of_captum(subtests):
    for method in [
        "saliency",
        "input_x_gradient",
        "integrated_gradients",
        "deep_lift",
        "deep_lift_shap",
        "guided_backprop",
        "deconvolution",
        "guided_gradcam",
        "occlusion",
        "feature_ablation",
    ]:
        with subtests.test(method=method):
            network, x, target = (
                small_network(),
                torch.rand(4, 1, 8, 8),
                torch.tensor([0, 1, 2, 1]),
            )
            baselines = baselines_for(method, x)
            found = run(method, x, network, target, baselines=baselines).attributions
            wanted = captum_maps(method, copy.deepcopy(network), x, target, baselines)
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_smoothgrad_is_captums_noise_tunnel(classifier, x):
    import captum.attr

    config = AttributionConfig(n_samples=7, stdevs=0.3)
    found = attribute(
        x[:1], forward=classifier, target=1, method="smoothgrad", config=config, seed=3
    )
    torch.manual_seed(3)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(classifier))
    wanted = tunnel.attribute(
        x[:1].clone(), nt_samples=7, stdevs=0.3, target=1, abs=False
    )  # draws from the global random numbers
    torch.testing.assert_close(found.attributions, wanted[:, 0].detach(), rtol=1e-4, atol=1e-6)


def test_gradient_shap_tends_to_integrated_gradients_over_its_baselines(classifier, x):
    some = torch.rand(3, 1, 28, 28)
    many = AttributionConfig(n_points=255, n_steps=100)
    found = run("gradient_shap", x[:2], classifier, baselines=some, config=many)
    paths = [
        run("integrated_gradients", x[:2], classifier, baselines=b[None], config=many)
        for b in some
    ]
    wanted = torch.stack([path.attributions for path in paths]).mean(0)
    error = (found.attributions - wanted).norm() / wanted.norm()
    assert error < 0.05
    change = torch.stack([path.output_change for path in paths]).mean(0)
    torch.testing.assert_close(found.output_change, change, rtol=1e-4, atol=1e-5)


def test_gradient_shap_gives_every_baseline_as_many_points():
    which, alphas = path_points(7, 3, torch.Generator().manual_seed(0))
    assert which.bincount().tolist() == [3, 3, 3]
    for baseline in range(3):
        assert (3 * alphas[which == baseline]).int().tolist() == [0, 1, 2]


def test_shapley_sampling_of_all_orders_is_the_shapley_value():
    import captum.attr

    network = small_network()
    x, b = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    config = AttributionConfig(patch=4, n_permutations=200)
    found = run("shapley_sampling", x, network, 1, baselines=b, config=config)
    exact = captum.attr.ShapleyValues(network).attribute(
        x, b, target=1, feature_mask=patches(8, 8, 4)[None, None]
    )
    sums = found.attributions.reshape(2, 4, 2, 4).sum((1, 3))
    scale = exact[0, 0, ::4, ::4].abs().max()
    assert (sums - exact[0, 0, ::4, ::4]).abs().max() < 0.1 * scale


@pytest.mark.parametrize("method", COMPLETE)
def test_what_promises_completeness_sums_to_the_outputs_change(method, x, classifier):
    config = AttributionConfig(n_steps=64, n_points=60, n_permutations=2)
    found = run(method, x, classifier, torch.arange(6) % 2, config=config)
    gap = found.convergence_delta.abs().mean() / found.output_change.abs().mean()
    assert gap < (0.05 if method == "gradient_shap" else 0.01)


@pytest.mark.parametrize("method", ["deep_lift", "deep_lift_shap"])
def test_deep_lift_goes_through_a_log_softmax(method, x, classifier):
    network = nn.Sequential(classifier, nn.LogSoftmax(-1))
    found = run(method, x, network, torch.arange(6) % 2)
    assert found.convergence_delta.abs().max() < 1e-4 * (1 + found.output_change.abs().max())


def test_lrp_without_gamma_and_epsilon_is_input_times_gradient(x, classifier):
    config = AttributionConfig(gamma=0.0, epsilon=1e-6)
    found = run("lrp", x, classifier, config=config).attributions
    wanted = run("input_x_gradient", x, classifier).attributions
    torch.testing.assert_close(found, wanted, rtol=1e-2, atol=1e-3)


def test_lrp_begins_at_the_logit_below_a_log_softmax(x, classifier):
    network = nn.Sequential(classifier, nn.LogSoftmax(-1))
    assert torch.equal(run("lrp", x, network).attributions, run("lrp", x, classifier).attributions)


def test_edges_are_where_brightness_changes():
    x = torch.zeros(1, 1, 6, 6)
    x[..., 3:] = 1
    found = run("edges", x, linear(2, 6)).attributions[0]
    assert torch.equal(found[:, 2:4], torch.full((6, 2), 0.5))
    assert not found[:, :2].any() and not found[:, 4:].any()


def test_a_map_does_not_depend_on_the_rest_of_its_batch(x, classifier, subtests):
    for method in METHODS:
        with subtests.test(method=method):
            whole = run(method, x, classifier, torch.arange(6) % 2)
            alone = run(method, x[3:4], classifier, torch.tensor([1]))
            torch.testing.assert_close(
                whole.attributions[3:4], alone.attributions, rtol=1e-3, atol=1e-5
            )


@pytest.mark.parametrize("method", SEEDED)
def test_a_seed_decides_what_is_random(method, x, classifier):
    maps = [run(method, x[:2], classifier, seed=seed).attributions for seed in (0, 0, 1)]
    assert torch.equal(maps[0], maps[1]) and not torch.equal(maps[0], maps[2])


def test_nothing_shared_is_changed(x, classifier, subtests):
    for method in METHODS:
        with subtests.test(method=method):
            state = copy.deepcopy(classifier.state_dict())
            names = {name: sorted(vars(module)) for name, module in classifier.named_modules()}
            before, numbers = x.clone(), torch.get_rng_state()
            run(method, x, classifier)
            assert torch.equal(x, before) and not x.requires_grad
            assert torch.equal(torch.get_rng_state(), numbers)
            for name, module in classifier.named_modules():
                assert sorted(vars(module)) == names[name]
                assert not module._forward_hooks and not module._backward_hooks
                assert not module._forward_pre_hooks and not module._backward_pre_hooks
            for key, value in classifier.state_dict().items():
                assert torch.equal(value, state[key])


def test_two_threads_get_the_bits_of_serial_runs(x, classifier):
    questions = [(name, target) for name in METHODS for target in (0, 1)]

    def ask(question):
        return run(question[0], x, classifier, question[1]).attributions

    # Neither run on this thread, whose number of kernels' threads others may have left different.
    with ThreadPoolExecutor(1) as pool:
        serial = list(pool.map(ask, questions))
    with ThreadPoolExecutor(2) as pool:
        racing = list(pool.map(ask, [*questions, *reversed(questions)]))
    for wanted, found in zip([*serial, *reversed(serial)], racing, strict=True):
        assert torch.equal(wanted, found)


def test_methods_work_in_inference_mode(x, classifier):
    with torch.inference_mode():
        inside = run("deep_lift", x.clone(), classifier).attributions
    assert torch.equal(inside, run("deep_lift", x, classifier).attributions)


def test_any_function_of_one_output_can_be_explained(x, subtests):
    for method in FREE:
        with subtests.test(method=method):
            found = run(method, x[:2], lambda x: x.square().flatten(1).sum(1, keepdim=True), None)
            assert found.attributions.isfinite().all() and found.target.tolist() == [0, 0]


def test_guided_gradcam_needs_a_convolution():
    with pytest.raises(ValueError, match="needs a convolution"):
        run("guided_gradcam", torch.rand(1, 1, 4, 4), linear())


def test_wrong_questions_are_refused(x, classifier, subtests):
    for options, message in [
        ({"method": "gradcam"}, "`method` must be one of saliency, .*, got 'gradcam'"),
        ({"target": 2}, r"`target` must be in \[0, 2\) for 2 outputs, got 2"),
        ({"target": -1}, "counted from 0"),
        ({"target": None}, "must be given, since `forward` has 2 outputs"),
        ({"method": "deep_lift", "target": 2}, r"in \[0, 2\)"),
        ({"baselines": torch.zeros(1, 1, 28, 28)}, "the method takes none"),
        ({"method": "deep_lift", "baselines": torch.zeros(3, 1, 28, 28)}, "be 1 or 6 images"),
        ({"method": "gradient_shap", "baselines": torch.zeros(0, 1, 28, 28)}, "at least one"),
        ({"method": "critic"}, "needs `mask_of`"),
        ({"forward": lambda x: x}, "must return floats .batch, outputs. for 2 rows, got float32"),
    ]:
        with subtests.test(options=options, message=message):
            question = {"forward": classifier, "target": 0, "method": "saliency", **options}
            with pytest.raises(ValueError, match=message):
                attribute(x, **question)


def test_no_image_is_refused(x, classifier):
    with pytest.raises(ValueError, match="at least one image"):
        attribute(x[:0], forward=classifier, target=0, method="saliency")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_steps": 1}, r"`n_steps` must be in \[2, 256\], got 1"),
        ({"patch": 2, "stride": 4}, "`stride` must be at most `patch`"),
    ],
)
def test_settings_outside_their_range_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        AttributionConfig(**setting)


@pytest.mark.parametrize(
    ("size", "window"),
    [((28, 28), (4, 2)), ((64, 64), (9, 5)), ((48, 32), (5, 2)), ((4, 4), (1, 1))],
)
def test_windows_are_shares_of_the_shorter_side(size, window):
    assert AttributionConfig().window(*size) == window
    assert AttributionConfig(patch=1).window(*size) == (1, 1)
    with pytest.raises(ConfigError, match=f"`patch` must be at most {min(size)}, the shorter"):
        AttributionConfig(patch=65).window(*size)


def test_cards_say_what_the_page_needs():
    for name, card in METHODS.items():
        assert card.name == name and card.title and card.note.endswith(".")
        assert card.url.startswith("https://") and 1990 < card.year < 2030
        assert not card.complete or card.baseline != "none"
        for control in card.controls:
            assert CONTROLS[control.name] is control
            assert control.low <= control.default <= control.high
            if control.share is None:
                assert getattr(AttributionConfig(), control.name) == control.default
            else:
                assert control.at(28) == control
    assert method_card("lrp") is METHODS["lrp"]
