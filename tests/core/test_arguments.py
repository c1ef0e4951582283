"""What users pass to the public functions and settings is refused by its own name."""

import inspect
import typing

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

import xai_core
from xai_core import (
    AttributionConfig,
    ClusterVAEConfig,
    CounterfactualConfig,
    Launch,
    TrainingConfig,
    cli,
)
from xai_core.errors import BundleError, BundleNotFoundError, ConfigError, DataError

ALL = {name: getattr(xai_core, name) for name in xai_core.__all__}
FUNCTIONS = {name: found for name, found in ALL.items() if inspect.isfunction(found)}
CONFIGS = (AttributionConfig, CounterfactualConfig, ClusterVAEConfig, Launch, TrainingConfig)
UNCHECKED = {"target", "method"}
"""Arguments with messages of their own for values of every kind."""


def test_every_argument_of_another_kind_is_named(subtests):
    """Of each public function, alone: an argument is refused before others are read."""
    assert len(FUNCTIONS) >= 16
    for function in FUNCTIONS.values():
        kinds = typing.get_type_hints(function)
        for name in inspect.signature(function).parameters:
            for value in (object(), ..., NotImplemented):
                with subtests.test(function=function.__qualname__, name=name, value=value):
                    if name in UNCHECKED and kinds[name] is not str:
                        continue
                    with pytest.raises(TypeError, match=f"^`{name}` must be .+, got an? "):
                        function(**{name: value})


X = torch.rand(2, 1, 28, 28)
HOSTILE = {
    "settings as a mapping": (
        lambda bundle: xai_core.attributions(bundle, X, "saliency", config={}),
        r"`config` must be an AttributionConfig or None, got a dict. Write `AttributionConfig\(",
    ),
    "settings of another search": (
        lambda bundle: xai_core.counterfactuals(bundle, X, 1, config=AttributionConfig()),
        "`config` must be a CounterfactualConfig or None, got an AttributionConfig",
    ),
    "settings as text": (
        lambda bundle: xai_core.attributions(bundle, X, "saliency", config=""),
        "`config` must be an AttributionConfig or None, got ''",
    ),
    "no bundle": (
        lambda bundle: xai_core.encode(None, X),
        "`bundle` must be a Bundle, got None. Open one with `xai_core.load_bundle`",
    ),
    "the name of a bundle": (lambda bundle: xai_core.verify("mnist"), "`bundle` must be a Bundle"),
    "no name": (
        lambda bundle: xai_core.load_bundle(None),
        "`name_or_path` must be text or a P",
    ),
    "bytes": (
        lambda bundle: xai_core.load_bundle(b"mnist"),
        "text or a Path, got a bytes",
    ),
    "no output": (
        lambda bundle: xai_core.attributions(bundle, X, "saliency", output=None),
        "`output` must be text or an ExplainedOutput, got None",
    ),
    "a list of methods": (
        lambda bundle: xai_core.attributions(bundle, X, ["saliency"]),
        "`method` must be text, got a list",
    ),
    "a seed as text": (
        lambda bundle: xai_core.encode(bundle, X, seed="0"),
        "`seed` must be a whole number, got '0'",
    ),
    "half a seed": (
        lambda bundle: xai_core.encode(bundle, X, seed=0.5),
        "`seed` must be a whole number, got 0.5",
    ),
    "no function": (
        lambda bundle: xai_core.attribute(X, forward=None, target=0, method="saliency"),
        "`forward` must be a function or a Module, got None",
    ),
    "an array for a tensor": (
        lambda bundle: xai_core.attribute(X.numpy(), forward=len, target=0, method="saliency"),
        "`inputs` must be a Tensor, got an ndarray. `torch.as_tensor` makes one",
    ),
    "a word for yes": (
        lambda bundle: xai_core.attributions(bundle, X, "saliency", keep_channels="no"),
        "`keep_channels` must be True or False, got 'no'",
    ),
    "one root as text": (
        lambda bundle: xai_core.list_bundles("checkpoints"),
        "`roots` must be a list or None, got 'checkpoints'",
    ),
    "the name of data": (
        lambda bundle: xai_core.train("mnist", "x"),
        "`dataset` must be a Dataset, got 'mnist'. Read one with `xai_core.load_dataset`",
    ),
    "names of classes as text": (
        lambda bundle: xai_core.adopt(X, class_names="ab", classify=len),
        "`class_names` must be a list or None, got 'ab'",
    ),
    "no class to compare": (
        lambda bundle: xai_core.contrast(None, 2),
        "`first` must be a whole number or text, got None",
    ),
    "no device": (
        lambda bundle: xai_core.load_bundle("mnist", device=None),
        "`device` must be a device or text, got None",
    ),
}


def test_small_hostile_arguments_have_one_sentence(tiny_bundle, subtests):
    for name, (call, message) in HOSTILE.items():
        with subtests.test(name=name):
            with pytest.raises(TypeError, match=message):
                call(tiny_bundle)


EMPTY = {
    "no bundle": (lambda b: xai_core.load_bundle(""), BundleNotFoundError, "No bundle ''"),
    "no data": (lambda b: xai_core.load_dataset(""), DataError, "must not be empty"),
    "no images": (lambda b: xai_core.read_images(""), DataError, "must not be empty"),
    "no place": (lambda b: xai_core.save_bundle("", bundle=b), DataError, "must not be empty"),
    "no method": (lambda b: xai_core.attributions(b, X, ""), ValueError, "must be one of sal"),
    "no output": (
        lambda b: xai_core.attributions(b, X, "saliency", output=""),
        ValueError,
        "`output` must be one of classifier",
    ),
    "no baseline": (
        lambda b: xai_core.attributions(b, X, "integrated_gradients", baseline=""),
        ValueError,
        "`baseline` must be one of",
    ),
    "no target": (lambda b: xai_core.counterfactuals(b, X, ""), ValueError, "`target` must be"),
    "no search": (lambda b: made(CounterfactualConfig, method=""), ConfigError, "must be one of"),
    "no preset": (
        lambda b: xai_core.train(b.dataset, "x", preset=""),
        ConfigError,
        "`preset` must be one of",
    ),
    "no device": (
        lambda b: xai_core.load_bundle(b.path, device=""),
        ConfigError,
        "`device` must be 'auto', 'cpu'",
    ),
    "no name": (
        lambda b: xai_core.adopt(X, classify=torch.nn.Flatten(), name=""),
        BundleError,
        "name must be letters",
    ),
    "no classes": (
        lambda b: xai_core.attributions(b, X, "saliency", output=xai_core.contrast("", "")),
        ValueError,
        "`target` must be|two different classes",
    ),
    "a zero byte": (lambda b: xai_core.load_dataset("\0"), DataError, "no data set"),
    "a zero byte for images": (lambda b: xai_core.read_images("\0"), DataError, "no file or"),
    "a zero byte for a bundle": (
        lambda b: xai_core.load_bundle("a/\0"),
        BundleNotFoundError,
        "no folder",
    ),
}


def test_empty_names_have_one_sentence(tiny_bundle, tmp_path, monkeypatch, subtests):
    monkeypatch.chdir(tmp_path)
    for name, (call, error, message) in EMPTY.items():
        with subtests.test(name=name):
            with pytest.raises(error, match=message) as found:
                call(tiny_bundle)
            assert "\n" not in str(found.value)
    assert not [*tmp_path.iterdir()]


def made(config, **settings):
    """Make settings without the check of types that only the tests have."""
    found = object.__new__(config)
    for name, value in (vars(config()) | settings).items():
        object.__setattr__(found, name, value)
    found.__post_init__()
    return found


def test_settings_of_another_kind_are_named(subtests):
    for config in CONFIGS:
        for name, kind in typing.get_type_hints(config).items():
            if typing.get_origin(kind) is not typing.Literal:
                with subtests.test(config=config.__name__, name=name):
                    with pytest.raises(ConfigError, match=f"^`{name}` must be .+, got an? "):
                        made(config, **{name: object()})
    for config, name, value, message in [
        (AttributionConfig, "n_steps", 8.0, "a whole number, got 8.0"),
        (AttributionConfig, "n_steps", True, "a whole number, got True"),
        (AttributionConfig, "stdevs", "0.1", "a number, got '0.1'"),
        (AttributionConfig, "patch", "", "a whole number or None, got ''"),
        (CounterfactualConfig, "max_steps", "9", "a whole number or None, got '9'"),
        (CounterfactualConfig, "learning_rate", [], "a number or None, got a list"),
        (TrainingConfig, "epochs", None, "a whole number, got None"),
        (TrainingConfig, "critic", {}, r"a .+ or None, got a dict. Write `CriticTraining\("),
        (ClusterVAEConfig, "channels", None, "a list, got None"),
        (ClusterVAEConfig, "hidden", "192", "a whole number, got '192'"),
        (Launch, "devices", "2", "a whole number, got '2'"),
        (Launch, "device", None, "text, got None"),
    ]:
        with subtests.test(config=config.__name__, name=name, value=value):
            with pytest.raises(ConfigError, match=f"^`{name}` must be {message}"):
                made(config, **{name: value})


def test_numbers_and_lists_of_other_libraries_are_as_good():
    assert made(AttributionConfig, n_steps=np.int64(8), stdevs=np.float32(0.1)).n_steps == 8
    assert made(AttributionConfig, epsilon=1).epsilon == 1
    assert made(ClusterVAEConfig, channels=[8, 8, 8]).channels == (8, 8, 8)
    with pytest.raises(TypeError, match="missing .*required"):
        xai_core.encode()
    with pytest.raises(TypeError, match="unexpected keyword argument 'nam'"):
        xai_core.load_bundle(nam="mnist")


def test_no_option_of_a_command_may_be_empty(subtests):
    """`Path("")` would be the current folder; a class may be called ''."""
    commands = typer.main.get_command(cli.app).commands
    for command, found in commands.items():
        named = [p for p in found.params if p.opts[0].startswith("--") and not p.is_flag]
        for option in {opt for p in named for opt in p.opts} - {"--target"}:
            for given in ([option, ""], [f"{option}="]):
                with subtests.test(command=command, given=given):
                    result = CliRunner().invoke(cli.app, [command, *given])
                    said = " ".join(result.stderr.replace("│", " ").split())
                    assert result.exit_code == 2 and f"`{option}` must not be empty" in said
