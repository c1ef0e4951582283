import pytest
import torch

from xai_core.evaluation.coherence import mixture_probs, optimum_gap, sample_fidelity
from xai_core.evaluation.metrics import encode_dataset, evaluate
from xai_core.models.config import ClusterVAEConfig
from xai_core.models.vae import ClusterVAE


def generator():
    return torch.Generator().manual_seed(0)


class Constant(torch.nn.Module):
    """Decides one class whatever it sees."""

    def __init__(self, decided):
        super().__init__()
        self.decided = decided

    def forward(self, x):
        return torch.nn.functional.one_hot(torch.full((len(x),), self.decided), 3).float()


class Best(torch.nn.Module):
    """q* of a model whose decoder does not read c."""

    def __init__(self, model):
        super().__init__()
        self.of = [model]

    def forward(self, x):
        mean, log_var = self.of[0].latent_encoder(x).chunk(2, -1)
        return self.of[0].prior.expected_log_prob(mean, log_var)


def test_the_scores_compare_both_inferences_of_the_cluster(tiny_models, tiny_dataset):
    model, classifier = tiny_models
    found = evaluate(
        model, classifier, tiny_dataset, "test", device="cpu", num_likelihood_images=0
    )
    encoding = encode_dataset(model, tiny_dataset.test.images, device="cpu")
    by_mixture = model.prior.responsibilities(encoding.mean).argmax(-1)
    assert torch.equal(mixture_probs(model, encoding.mean).argmax(-1), by_mixture)
    assert found.agreement == (by_mixture == encoding.clusters).float().mean().item()
    flipped = abs(found.mixture_accuracy - found.accuracy)
    assert flipped <= 1 - found.agreement + 1e-9
    assert found.sample_fidelity_worst == min(found.sample_fidelity_by_cluster)
    assert found.sample_fidelity == pytest.approx(sum(found.sample_fidelity_by_cluster) / 2)


def test_the_best_branch_has_no_gap_and_an_unsure_one_has():
    torch.manual_seed(0)
    model = ClusterVAE(ClusterVAEConfig(num_clusters=3, latent_dim=2, channels=(4, 4, 4)))
    x = torch.rand(6, 1, 28, 28)
    model.cluster_encoder = Best(model)
    best = optimum_gap(model, x, generator=generator())
    model.cluster_encoder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 3))
    other = optimum_gap(model, x, generator=generator())
    assert best.min() > -1e-9 and best.mean() < other.mean() / 3


def test_a_model_without_the_branch_has_no_gap():
    config = ClusterVAEConfig(num_clusters=3, latent_dim=2, factorisation="c_given_z")
    x = torch.rand(2, 1, 28, 28)
    assert optimum_gap(ClusterVAE(config), x, generator=generator()) is None


def test_the_judge_sees_the_samples_of_labelled_clusters():
    model = ClusterVAE(ClusterVAEConfig(num_clusters=3, latent_dim=2))
    judged = sample_fidelity(model, Constant(2), (2, -1, 0), generator=generator())
    assert judged == [1.0, None, 0.0]


def test_a_decoder_that_reads_c_is_given_the_samples_cluster():
    config = ClusterVAEConfig(num_clusters=3, latent_dim=2, decoder_conditioning="z+c")
    model, seen = ClusterVAE(config), []
    model.decode = lambda z, probs: seen.append(probs) or torch.zeros(len(z), 1, 28, 28)
    sample_fidelity(model, Constant(0), (0, 1, 2), generator=generator())
    assert [probs.unique(dim=0).tolist() for probs in seen] == torch.eye(3).unsqueeze(1).tolist()
