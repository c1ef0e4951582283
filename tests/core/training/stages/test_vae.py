import dataclasses

import pytest
import torch

from xai_core.errors import ConfigError
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE
from xai_core.training.config import TrainingConfig
from xai_core.training.stages.vae import VAEObjective

CONFIG = ClusterVAEConfig(
    num_clusters=3,
    latent_dim=2,
    channels=(4, 4, 4),
    decoder_channels=(4, 4, 4),
    hidden=16,
    decoder_conditioning="z+c",
    encoder_conditioning="x+c",
)
BOUND = TrainingConfig(pseudo_label_weight=0.0)


def loss_of(model, *more, **weights):
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(16, 1, 28, 28, generator=generator)
    eps = torch.randn(16, 2, generator=generator)
    objective = VAEObjective(model, dataclasses.replace(BOUND, **weights))
    return objective(x, eps, None, None, *more)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ClusterVAE(CONFIG)


def test_a_drawn_cluster_averages_to_the_exact_sum(model):
    """Over 400 draws of c for each image."""
    with torch.no_grad():
        exact = loss_of(model)
        generator = torch.Generator().manual_seed(0)
        drawn = [loss_of(model, torch.rand(16, generator=generator)) for _ in range(400)]
    spread = torch.stack(drawn).std() / 20
    assert abs(torch.stack(drawn).mean() - exact) < 4 * spread
    assert spread > 0


def test_samples_teach_decoder_and_prior_but_not_the_clusters(model):
    plain, weighted = loss_of(model), loss_of(model, sample_weight=1.0)
    for name, part in model.named_parameters():
        gradients = [
            torch.autograd.grad(loss, part, retain_graph=True, allow_unused=True)[0]
            for loss in (plain, weighted)
        ]
        if name.startswith(("cluster_encoder", "latent_encoder")):
            torch.testing.assert_close(*gradients)
        elif name.startswith(("decoder.layers", "prior")):
            assert not torch.allclose(*gradients), name


def test_agreement_moves_the_mixture_towards_q_of_c_given_x(model):
    x = torch.rand(16, 1, 28, 28)
    optimizer = torch.optim.Adam(model.prior.parameters(), lr=0.1)

    def gap():
        posterior = model.encode(x)
        by_mixture = model.prior.log_joint(posterior.mean).log_softmax(-1)
        return -(posterior.cluster_probs * by_mixture).sum(-1).mean()

    before = gap()
    for _ in range(20):
        optimizer.zero_grad()
        (loss_of(model, agreement_weight=100.0)).backward()
        optimizer.step()
    assert gap() < before


@pytest.mark.parametrize(
    ("name", "value"),
    [("agreement_weight", -1.0), ("sample_weight", -1.0), ("cluster_samples", 2)],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ConfigError, match=f"`{name}` must be"):
        TrainingConfig(**{name: value})
