"""Everything on a pretend CUDA device: what mixes devices, as a real one would refuse it."""

import json

import numpy as np
import pytest
import torch

import xai_core
from dashboard.services import counterfactuals as counterfactual_service
from dashboard.services import decoder_images, image_data
from dashboard.views.counterfactuals import loader as counterfactuals
from dashboard.views.heatmaps import loader as heatmaps
from dashboard.views.latent_map import loader as latent_map
from dashboard.views.theory import loader as theory
from dashboard.views.theory.bound import loader as bound
from dashboard.views.theory.factorisations import loader as factorisations
from dashboard.views.theory.manifold import loader as manifold
from dashboard.views.theory.mean_field import loader as mean_field
from dashboard.views.theory.plane import loader as plane
from tests import gpu
from tests.core.cli.test_cli import MODEL, xai
from tests.pretend_device import DEVICE, DeviceError, pretend_device
from xai_core.bundle.reading import load_bundle
from xai_core.latent_space.index import NeighbourSearch
from xai_core.latent_space.umap_on_device import umap_layout
from xai_core.runtime import Launch, make_fabric
from xai_core.training.config import CriticTraining, TrainingConfig
from xai_core.training.stages import sequence

SHORT = TrainingConfig(
    epochs=1,
    classifier_epochs=1,
    batch_size=20,
    likelihood_images=2,
    critic=CriticTraining(surrogate_epochs=1, epochs=1),
)
LOADERS = {
    "alternatives": lambda b, i: counterfactuals.alternatives(b, i, "classifier", 1, 0),
    "certificate": lambda b, i: manifold.certificate(b, i, 1, 1.0),
    "tangents": lambda b, i: manifold.tangents(b, i, 2),
    "distances": lambda b, i: manifold.distances(b, i, 1, "plain"),
    "step_pictures": lambda b, i: manifold.step_pictures(b, i, 1.0),
    "changes": lambda b, i: counterfactuals.changes(b, i, "classifier", "default"),
    "cluster_means": lambda b, i: heatmaps.cluster_means(b, "saliency", "classifier", "test", 5),
    "draws": lambda b, i: theory.draws(b, i, theory.FEWEST_DRAWS),
    "picture_as_read": lambda b, i: theory.picture_as_read(b, i),
    **{
        f"sides of {key}": lambda b, i, key=key: theory.sides(b, i, key, exactly=False)
        for key in ("D-1", "D-7", "D-22")
    },
    "closing": lambda b, i: bound.closing(b, i, theory.FEWEST_DRAWS),
    "factorised": lambda b, i: factorisations.factorised(b, i, "encoder"),
    "guess_at": lambda b, i: latent_map.guess_at(b, (0.0, 0.0)),
    "law": lambda b, i: counterfactuals.law(b, i, "classifier", 1),
    **{
        f"plane {name}": lambda b, i, name=name: getattr(plane, name)(b)
        for name in ("window", "gaussians", "regions", "images", "axes")
    },
    "plane point": lambda b, i: plane.point(b, (0.5, -0.5)),
    "plane posterior": lambda b, i: plane.posterior(b, i),
    "prior_samples": lambda b, i: latent_map.prior_samples(b, 5, 0),
    "probe": lambda b, i: mean_field.probe(b, "ink", 20, 5),
    "scores": lambda b, i: heatmaps.scores(b, i, "classifier", 1),
    "sides of factorisations": lambda b, i: factorisations.sides(b, i, 5, 4),
    "typicality": lambda b, i: image_data.typicality(b, i),
    "usual_distance": lambda b, i: decoder_images.usual_distance(b),
    "usual_density": lambda b, i: counterfactual_service.usual_density(b),
}

FAULTS = {
    "two devices in one operation": lambda here, there: here + there,
    "a layer on the CPU": lambda here, there: torch.nn.Linear(4, 2)(here),
    "an array of a tensor": lambda here, there: here.numpy(),
    "an array by NumPy": lambda here, there: np.asarray(here),
    "an index of the device": lambda here, there: there[torch.zeros(1, dtype=torch.long).to(here)],
    "a generator of the CPU": lambda here, there: torch.rand(
        3, generator=torch.Generator(), device="cuda"
    ),
    "a generator of the device": lambda here, there: torch.rand(
        3, generator=torch.Generator("cuda")
    ),
    "parts of two devices": lambda here, there: torch.cat([here, there]),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found(fault):
    with pretend_device() as device:
        here, there = torch.rand(3, 4, device=device), torch.rand(3, 4)
        with pytest.raises(DeviceError):
            fault(here, there)


def test_what_cuda_allows_is_allowed():
    with pretend_device() as device:
        x = torch.rand(3, 4, device=device)
        for found in (x * torch.tensor(2.0), x[torch.tensor([0, 2])], x.to(torch.float64), x.T):
            assert found.device == device
        layer = torch.nn.Linear(4, 2).to(device)
        layer(x).sum().backward()
        assert layer.weight.grad.device == device
        assert np.asarray(x.cpu()).shape == (3, 4) and x.cpu().device.type == "cpu"


@pytest.fixture
def short_layouts(monkeypatch):
    """Lay out in few epochs: all of them call the same operations."""

    def short(*args, **options):
        return umap_layout(*args, **{**options, "epochs": 10})

    for module in ("latent_space.umap_layout", "training.stages.pseudo_labels"):
        monkeypatch.setattr(f"xai_core.{module}.umap_layout", short)


IN_PROCESS = ("pseudo-labels", "encode", "attribution", "counterfactuals", "notebook")


@pytest.mark.usefixtures("short_layouts")
def test_the_gpu_check_runs_on_a_pretend_device(tiny_bundle_path, tmp_path):
    out = tmp_path / "gpu.json"
    with pretend_device():
        failed = gpu.main([
            *("--tiny", "--device", "cuda", "--bundle", str(tiny_bundle_path)),
            *("--out", str(out), "--work", str(tmp_path), "--only", *IN_PROCESS),
        ])  # fmt: skip
    found = json.loads(out.read_text())
    assert failed == 0 and list(found) == list(IN_PROCESS)
    assert found["encode"]["same_cluster"] == 1
    differences = {name: found["attribution"][name]["difference"] for name in xai_core.METHODS}
    assert max(differences.values()) < 1e-3, differences


@pytest.mark.usefixtures("short_layouts")
def test_all_stages_train_on_a_pretend_device(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(sequence, "make_fabric", fabric_on_pretend_device)
    with pretend_device():
        path = xai_core.train(
            tiny_dataset,
            tmp_path / "checkpoints" / "made",
            model=MODEL,
            training=SHORT,
            launch=Launch(device="cuda", cuda_graphs=False),
        )
    made = load_bundle(path)
    assert made.manifest.device == "cuda" and set(made.critics) == {"classifier", "cluster"}


COMMANDS = {
    "attribute": ("--images", "test:0", "--method", "lrp"),
    "counterfactual": ("--images", "test:0", "--target", "1"),
    "encode": ("--images", "test"),
    "evaluate": (),
    "faithfulness": ("--methods", "saliency,lrp", "--num-images", "4"),
    "report": ("--image", "test:0"),
    "verify": ("--num-images", "4"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_on_a_pretend_device(command, tiny_bundle_path, tmp_path):
    options = [*COMMANDS[command], "--device", "cuda"]
    if command in ("attribute", "counterfactual", "encode", "report"):
        options += ["--out", tmp_path / ("out.html" if command == "report" else "out.npz")]
    with pretend_device():
        xai(command, tiny_bundle_path, *options)


def test_loaders_of_pages_run_on_a_pretend_device(tiny_bundle_path, subtests):
    with pretend_device():
        bundle = load_bundle(tiny_bundle_path, device="cuda")
        for name, load in LOADERS.items():
            with subtests.test(name):
                load(bundle, "test:0")
        assert bundle.device.type == "cuda"


def test_the_layout_keeps_far_groups_apart():
    """Three far groups stay groups: each point's nearest on the layout are of its own group."""
    groups = torch.arange(3).repeat_interleave(80)
    points = 8 * torch.eye(3)[groups] + torch.randn(240, 3)
    rows, distances = NeighbourSearch(points).nearest(points, 15)
    places = umap_layout(rows, distances, dims=2, epochs=100, seed=0)
    near, _ = NeighbourSearch(places).nearest(places, 10)
    assert (groups[near] == groups[:, None]).double().mean() > 0.99


def fabric_on_pretend_device(launch):
    """Fabric on the CPU that names the pretend device."""
    fabric = make_fabric(Launch(device="cpu", precision=launch.precision))
    fabric._strategy._root_device = DEVICE
    fabric._accelerator.setup_device = lambda device: None
    return fabric
