import dataclasses
import logging
import os
import subprocess
import sys
import warnings

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision

from xai_core.data.dataset import Split, build_dataset
from xai_core.errors import ConfigError, DataError, TrainingDivergedError
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.runtime import Launch, epoch_generator, make_fabric, resolve_device
from xai_core.training.checkpoint import TrainingState, read_state
from xai_core.training.config import PRESETS, CriticTraining, TrainingConfig
from xai_core.training.progress import Progress
from xai_core.training.stages import pseudo_labels, sequence, vae
from xai_core.training.stages.sequence import train_models

CPU = Launch(device="cpu")


def shapes_dataset(count=240):
    """Bars at three places, with noise: three clusters that anyone would see."""
    generator = torch.Generator().manual_seed(7)
    labels = torch.arange(count) % 3
    images = torch.randint(0, 60, (count, 28, 28), generator=generator)
    for row, label in enumerate(labels.tolist()):
        images[row, 4 + 8 * label : 8 + 8 * label, 4:24] = 220
    images = images.to(torch.uint8)
    cut = count * 3 // 4
    return build_dataset(
        name="bars",
        train=Split(images=images[:cut], labels=labels[:cut]),
        test=Split(images=images[cut:], labels=labels[cut:]),
        class_names=("top", "middle", "bottom"),
    )


TINY = ClusterVAEConfig(
    num_clusters=3, latent_dim=3, channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16
)
SHORT = TrainingConfig(
    epochs=1, classifier_epochs=1, batch_size=32, pseudo_label_weight=0.0, critic=None
)
WITH_CRITICS = dataclasses.replace(SHORT, critic=CriticTraining(surrogate_epochs=2, epochs=2))


@pytest.fixture(scope="module")
def bars():
    return shapes_dataset()


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in the same order as in the subprocesses."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(dataset, run, model=TINY, config=SHORT, **options):
    run.mkdir(exist_ok=True)
    options = {"launch": CPU, **options}
    return train_models(dataset, run, model=model, training=config, **options)


class StoppedError(Exception):
    """What a test stops a training with."""


def same(left, right):
    left, right = left.state_dict(), right.state_dict()
    assert left.keys() == right.keys()
    return all(torch.equal(left[name], right[name]) for name in left)


# --- no label reaches the cluster VAE ---------------------------------------------------------


def test_labels_given_removed_or_shuffled_the_cluster_vae_is_the_same(bars, tmp_path):
    config = dataclasses.replace(SHORT, pseudo_label_weight=5.0, epochs=2)
    order = torch.randperm(len(bars.train), generator=torch.Generator().manual_seed(1))
    shuffled = dataclasses.replace(
        bars, train=Split(images=bars.train.images, labels=bars.train.labels[order])
    )
    given = trained(bars, tmp_path / "given", config=config)
    removed = trained(bars.without_labels(), tmp_path / "removed", config=config)
    other = trained(shuffled, tmp_path / "shuffled", config=config)
    assert same(given.model, removed.model)
    assert same(given.model, other.model)
    assert removed.classifier is None
    assert not same(given.classifier, other.classifier)
    assert all(row.accuracy != row.accuracy for row in removed.history)
    assert given.seconds.keys() == {"assign", "vae", "classifier"}


def test_the_test_split_is_not_touched(bars, tmp_path):
    blank = Split(images=torch.zeros_like(bars.test.images), labels=bars.test.labels)
    left = trained(bars, tmp_path / "left")
    right = trained(dataclasses.replace(bars, test=blank), tmp_path / "right")
    assert same(left.model, right.model)
    assert same(left.classifier, right.classifier)


# --- stopped and resumed ----------------------------------------------------------------------

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {here!r})
import test_sequence as t
if __name__ == "__main__":
    import torch
    torch.set_num_threads(1)
    torch.nn.Dropout.forward = t.{dropout}
    t.trained(t.shapes_dataset(), Path({run!r}), config=t.{config}, launch=t.{launch})
"""
TWO = Launch(device="cpu", devices=2, strategy="ddp")
FEW_STEPS = dataclasses.replace(WITH_CRITICS, epochs=2, learning_rate=1e-3)


def no_dropout(layer, x):
    """Leave x as it is: what is dropped is each process's own."""
    return x


def start(tmp_path, run, config, launch, dropout="torch.nn.Dropout.forward"):
    script = tmp_path / f"{run.name}.py"
    here = os.path.dirname(os.path.abspath(__file__))
    names = {"run": str(run), "config": config, "launch": launch, "dropout": dropout}
    script.write_text(SCRIPT.format(here=here, **names))
    environment = {k: v for k, v in os.environ.items() if not k.endswith("RANK")}
    return subprocess.Popen(
        [sys.executable, str(script)],
        env={**environment, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_stopped_between_any_two_epochs_it_resumes_to_the_same_weights(bars, tmp_path):
    config = dataclasses.replace(SHORT, epochs=3, classifier_epochs=2)

    def stop_after(stage, epoch):
        def on_epoch(row):
            if (row.stage, row.epoch) == (stage, epoch):
                raise StoppedError

        return on_epoch

    whole = trained(bars, tmp_path / "whole", config=config)
    for stage, epoch in [("vae", 1), ("vae", 3), ("classifier", 1)]:
        run = tmp_path / f"{stage}{epoch}"
        with pytest.raises(StoppedError):
            trained(bars, run, config=config, on_epoch=stop_after(stage, epoch))
        resumed = trained(bars, run, config=config, on_epoch=(seen := []).append)
        assert same(resumed.model, whole.model)
        assert same(resumed.classifier, whole.classifier)
        assert repr(resumed.history) == repr(tuple(seen))
        assert [row.epoch for row in seen] == [1, 2, 3, 1, 2]
        assert [row.loss for row in seen] == [row.loss for row in whole.history]


def test_stopped_within_a_stage_it_goes_on_on_any_device(bars, tmp_path, device):
    launch = Launch(device=str(device))
    config = dataclasses.replace(SHORT, epochs=2)

    def stop(row):
        raise StoppedError

    with pytest.raises(StoppedError):
        trained(bars, tmp_path / "run", config=config, launch=launch, on_epoch=stop)
    resumed = trained(bars, tmp_path / "run", config=config, launch=launch)
    assert [row.epoch for row in resumed.history if row.stage == "vae"] == [1, 2]


def test_a_state_is_restored_to_where_the_weights_are():
    """Nothing moves an optimizer's moments later: Fabric does not."""
    here, there = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2, device="meta")
    optimizers = [torch.optim.Adam(part.parameters()) for part in (here, there)]
    here(torch.ones(1, 3)).sum().backward()
    optimizers[0].step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights copied to nowhere
        TrainingState.of(here, optimizers[0], []).restore(there, optimizers[1])
    moments = [state["exp_avg"] for state in optimizers[1].state.values()]
    assert [moment.device.type for moment in moments] == ["meta", "meta"]


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler")  # a step is left out
def test_the_loss_scale_of_float16_is_resumed(bars, tmp_path, monkeypatch):
    """On a CPU, where float16 is slow but trains; a scale that grows after every second step."""

    def with_scaler(launch):
        scaler = torch.amp.GradScaler("cpu", growth_interval=2)
        return Fabric(accelerator="cpu", plugins=MixedPrecision("16-mixed", "cpu", scaler))

    def stop(row):
        raise StoppedError

    monkeypatch.setattr(sequence, "make_fabric", with_scaler)
    config = dataclasses.replace(SHORT, epochs=2)
    whole = trained(bars, tmp_path / "whole", config=config)
    with pytest.raises(StoppedError):
        trained(bars, tmp_path / "run", config=config, on_epoch=stop)
    assert read_state(tmp_path / "run", "vae").scaler["scale"] > 2.0**16
    assert same(trained(bars, tmp_path / "run", config=config).model, whole.model)
    scales = [read_state(tmp_path / name, "vae").scaler for name in ("run", "whole")]
    assert scales[0] == scales[1]


def test_stopped_between_epochs_of_the_critics_it_resumes_to_the_same_weights(bars, tmp_path):
    whole = trained(bars, tmp_path / "whole", config=WITH_CRITICS)
    for stage, epoch in [("classifier", 1), ("surrogate", 1), ("surrogate", 2), ("critic", 1)]:

        def stop(row, at=(stage, epoch)):
            if (row.stage, row.epoch) == at:
                raise StoppedError

        run = tmp_path / f"{stage}{epoch}"
        with pytest.raises(StoppedError):
            trained(bars, run, config=WITH_CRITICS, on_epoch=stop)
        resumed = trained(bars, run, config=WITH_CRITICS)
        for name, critic in whole.critics.items():
            assert same(resumed.critics[name], critic)
    assert whole.seconds.keys() >= {"surrogate", "critic"}


def test_critics_change_neither_the_cluster_vae_nor_the_classifier(bars, tmp_path):
    without, with_them = (
        trained(bars, tmp_path / name, config=config)
        for name, config in (("without", SHORT), ("with", WITH_CRITICS))
    )
    assert without.critics == {}
    assert same(without.model, with_them.model)
    assert same(without.classifier, with_them.classifier)


def test_no_label_reaches_the_critic_of_the_clusters(bars, tmp_path):
    removed = trained(bars.without_labels(), tmp_path / "run", config=WITH_CRITICS)
    assert removed.critics.keys() == {"cluster"}
    one_cluster = dataclasses.replace(TINY, num_clusters=1)
    nothing = trained(
        bars.without_labels(), tmp_path / "one", model=one_cluster, config=WITH_CRITICS
    )
    assert nothing.critics == {}


def test_a_finished_run_is_not_trained_again(bars, tmp_path):
    first = trained(bars, tmp_path / "run")
    steps = []
    second = trained(bars, tmp_path / "run", on_progress=steps.append)
    assert same(first.model, second.model)
    assert not steps
    assert repr(second.history) == repr(first.history)  # NaN is not equal to itself


def test_damaged_state_is_named(bars, tmp_path):
    trained(bars, tmp_path / "run")
    (tmp_path / "run/vae.safetensors").write_bytes(b"half")
    with pytest.raises(DataError, match=r"vae\.safetensors is damaged .* Delete it"):
        trained(bars, tmp_path / "run")


# --- precision and the compiled step ----------------------------------------------------------


def test_under_autocast_the_bound_stays_in_float32(bars, tmp_path, monkeypatch):
    terms, seen = ClusterVAE.terms, []

    def watched(self, posterior, x, z):
        found = terms(self, posterior, x, z)
        if torch.is_autocast_enabled("cpu"):
            seen.append((found.elbo.dtype, found.kl_c.dtype, self.prior.log_joint(z).dtype))
        return found

    monkeypatch.setattr(ClusterVAE, "terms", watched)
    launch = Launch(device="cpu", precision="bf16-mixed")
    low = trained(bars, tmp_path / "low", config=FEW_STEPS, launch=launch)
    full = trained(bars, tmp_path / "full", config=FEW_STEPS)
    assert seen and set(sum(seen, ())) == {torch.float32}
    for left, right in zip(low.history, full.history, strict=True):
        assert left.loss == pytest.approx(right.loss, rel=0.02), left.stage


ONE_GRAPH = """
import torch
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.training.config import TrainingConfig
from xai_core.training.stages.vae import VAEObjective

torch.manual_seed(0)
small = dict(channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16)
x, views = torch.rand(2, 8, 1, 28, 28)
guess = torch.rand(8, 3).softmax(-1)
both = dict(encoder_conditioning="x+c", decoder_conditioning="z+c")
terms = dict(agreement_weight=1.0, sample_weight=1.0, cluster_samples=1)
for more, conditioned, weights in (
    ((views, guess), {}, {}), ((None, None), {}, {}), ((views, guess, torch.rand(8)), both, terms)
):
    config = ClusterVAEConfig(num_clusters=3, latent_dim=3, **small, **conditioned)
    objective = VAEObjective(ClusterVAE(config), TrainingConfig(**weights))
    batch = (x, torch.randn(8, 3), *more)
    compiled = torch.compile(objective, backend="aot_eager", fullgraph=True)
    losses = objective(*batch), compiled(*batch)
    torch.testing.assert_close(*losses)
    gradients = [torch.autograd.grad(loss, list(objective.parameters())) for loss in losses]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)
"""


def test_the_step_compiles_as_one_graph_and_gives_the_same():
    """In a process of its own: the checks of types that tests switch on cannot be compiled."""
    found = subprocess.run(
        [sys.executable, "-c", ONE_GRAPH], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr


# --- several processes ------------------------------------------------------------------------


def test_two_processes_give_the_result_of_one(bars, tmp_path, monkeypatch):
    process = start(tmp_path, tmp_path / "two", "FEW_STEPS", "TWO", "no_dropout")
    monkeypatch.setattr(torch.nn.Dropout, "forward", no_dropout)
    one = trained(bars, tmp_path / "one", config=FEW_STEPS)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    for stage, prefix, module in (
        ("vae", "model", one.model),
        ("classifier", "classifier", one.classifier),
        ("critic", "critics.classifier", one.critics["classifier"]),
        ("critic", "critics.cluster", one.critics["cluster"]),
    ):
        found = read_state(tmp_path / "two", stage)
        for name, value in module.state_dict().items():
            shared = found.tensors[f"weights.{prefix}.{name}"]
            torch.testing.assert_close(shared, value, rtol=1e-3, atol=1e-4)
        rows = [row.loss for row in one.history if row.stage == stage]
        assert [row["loss"] for row in found.rows] == pytest.approx(rows, rel=1e-4)


def test_a_process_that_does_not_see_the_run_is_told_of_the_shared_disk(
    bars, tmp_path, monkeypatch
):
    monkeypatch.setattr(pseudo_labels, "write_state", lambda *_: None)
    config = dataclasses.replace(SHORT, pseudo_label_weight=1.0)
    with pytest.raises(ConfigError, match="share the disk that `--out` is on"):
        trained(bars, tmp_path / "run", config=config)


def test_a_batch_that_does_not_divide_is_refused(bars, tmp_path, monkeypatch):
    class Three:
        world_size = 3

    monkeypatch.setattr(sequence, "make_fabric", lambda launch: Three())
    with pytest.raises(ConfigError, match="multiple of the 3 processes, got 32"):
        trained(bars, tmp_path / "run")


# --- what can go wrong ------------------------------------------------------------------------


class Poisoned(torch.autograd.Function):
    """A finite value whose gradient is none."""

    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("nan")


def nothing(loss):
    return loss * float("nan")


@pytest.mark.parametrize("poison", [nothing, Poisoned.apply])
def test_divergence_stops_and_keeps_the_last_good_epoch(bars, tmp_path, monkeypatch, poison):
    config = dataclasses.replace(SHORT, epochs=4)
    good = trained(bars, tmp_path / "good", config=config)
    forward, steps_an_epoch = vae.VAEObjective.forward, len(bars.train) // 32
    first = 2 * steps_an_epoch + 2 if poison is nothing else 3 * steps_an_epoch
    calls = []

    def failing(self, x, eps, views, guess):
        calls.append(1)
        loss = forward(self, x, eps, views, guess)
        return poison(loss) if len(calls) >= first else loss

    monkeypatch.setattr(vae.VAEObjective, "forward", failing)
    with pytest.raises(TrainingDivergedError, match=r"stage 'vae' is not finite in epoch 3"):
        trained(bars, tmp_path / "run", config=config)
    state = read_state(tmp_path / "run", "vae")
    assert len(state.rows) == 2
    assert all(value.isfinite().all() for value in state.tensors.values())
    monkeypatch.undo()
    assert same(trained(bars, tmp_path / "run", config=config).model, good.model)


def test_collapse_is_warned_of_by_name(bars, tmp_path, caplog):
    collapsing = dataclasses.replace(TINY, decoder_conditioning="z+c", prior="standard")
    with caplog.at_level(logging.WARNING, "xai_core"):
        found = trained(bars.without_labels(), tmp_path / "run", model=collapsing)
    assert "collapse" in caplog.text
    assert found.history[0].cluster_information < 0.55


def test_an_optimum_that_clusters_is_not_called_collapse(bars, tmp_path, caplog):
    config = dataclasses.replace(SHORT, epochs=12, pseudo_label_weight=50.0, learning_rate=1e-2)
    with caplog.at_level(logging.WARNING, "xai_core"):
        found = trained(bars, tmp_path / "run", config=config)
    last = [row for row in found.history if row.stage == "vae"][-1]
    assert last.accuracy > 0.95
    assert last.cluster_information > 0.9
    assert f"after epoch {last.epoch}," not in caplog.text


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("plain", {"num_clusters": 1}),
        ("c_given_z", {"factorisation": "c_given_z"}),
        ("gaussian", {"likelihood": "gaussian"}),
        ("z+c", {"decoder_conditioning": "z+c"}),
        ("x+c", {"decoder_conditioning": "z+c", "encoder_conditioning": "x+c"}),
        ("collapsing", {"prior": "standard", "decoder_conditioning": "z+c"}),
    ],
)
def test_every_kind_of_model_trains(bars, tmp_path, name, change):
    found = trained(bars, tmp_path / "run", model=dataclasses.replace(TINY, **change))
    row = found.history[0]
    assert row.elbo == pytest.approx(
        row.reconstruction + row.expected_log_prior - row.kl_c + row.entropy_z, abs=1e-2
    )
    assert not found.model.training
    assert all(value.isfinite().all() for value in found.model.state_dict().values())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains_when_made_small(bars, tmp_path, preset):
    model, config = PRESETS[preset]
    small = dataclasses.replace(
        model, num_clusters=3, channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16
    )
    weight = min(config.pseudo_label_weight, 0.0)  # the guess has tests of its own
    critic = dataclasses.replace(config.critic, surrogate_epochs=1, epochs=1, min_steps=1)
    once = {"epochs": 1, "min_steps": 1, "classifier_epochs": 1, "classifier_min_steps": 1}
    config = dataclasses.replace(config, pseudo_label_weight=weight, critic=critic, **once)
    found = trained(bars, tmp_path / "run", model=small, config=config)
    assert [row.stage for row in found.history] == ["vae", "classifier", "surrogate", "critic"]
    assert found.critics.keys() == {"classifier", "cluster"}


def test_a_seed_decides_everything(bars, tmp_path):
    first, again = (trained(bars, tmp_path / name, seed=3) for name in "ab")
    other = trained(bars, tmp_path / "c", seed=4)
    assert same(first.model, again.model)
    assert same(first.classifier, again.classifier)
    assert not same(first.model, other.model)


def test_progress_ends_at_its_total(bars, tmp_path):
    told = []
    trained(bars, tmp_path / "run", on_progress=told.append)
    assert {step.stage for step in told} == {"vae", "classifier"}
    for stage in ("vae", "classifier"):
        last = [step for step in told if step.stage == stage][-1]
        assert last == Progress(stage, last.total, last.total)


def test_fewer_images_than_clusters_are_refused(tmp_path):
    few = shapes_dataset(12)
    with pytest.raises(ConfigError, match="9 train images cannot form 10 clusters"):
        trained(few, tmp_path / "run", model=dataclasses.replace(TINY, num_clusters=10))


def test_settings_out_of_range_are_refused(subtests):
    for change, message in [
        ({"epochs": 0}, "`epochs` must be at least 1, got 0"),
        ({"batch_size": 0}, "`batch_size` must be at least 1, got 0"),
        ({"train_images": 1}, "`train_images` must be at least 2, got 1"),
        ({"learning_rate": 0.0}, r"`learning_rate` must be in \(0, 1\), got 0"),
        ({"learning_rate": float("nan")}, r"`learning_rate` must be in \(0, 1\), got nan"),
        (
            {"pseudo_label_weight": float("inf")},
            "`pseudo_label_weight` must be at least 0, got inf",
        ),
    ]:
        with subtests.test(change=change, message=message):
            with pytest.raises(ConfigError, match=message):
                TrainingConfig(**change)


# --- where it runs ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpu", "cpu:0", "cuda:x", "", "cuda:-1"])
def test_unknown_devices_are_refused(name):
    with pytest.raises(ConfigError, match="`device` must be"):
        resolve_device(name)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match=r"but .* CUDA devices"):
        resolve_device("cuda:99")
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda")


def test_a_launch_that_fabric_refuses_is_a_config_error():
    with pytest.raises(ConfigError, match="This launch is not possible"):
        make_fabric(Launch(device="cpu", strategy="nonsense"))


def test_epochs_and_stages_draw_other_numbers():
    def draw(*key):
        return torch.rand(4, generator=epoch_generator(*key, torch.device("cpu")))

    assert torch.equal(draw(0, "vae", 1), draw(0, "vae", 1))
    drawn = [draw(0, "vae", 1), draw(0, "vae", 2), draw(1, "vae", 1), draw(0, "classifier", 1)]
    assert len({tuple(numbers.tolist()) for numbers in drawn}) == 4
