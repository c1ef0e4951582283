"""Two small models with latent groups: customer segments and document topics.

Customers are a Poisson mixture, p(x) = sum_k pi_k prod_j Poisson(x_j; lambda_kj), fitted by EM.
Documents are latent Dirichlet allocation: theta ~ Dirichlet(alpha), z_n ~ theta, w_n ~ beta_{z_n},
fitted to a corpus by scikit-learn, and inferred for one document by coordinate ascent:
phi_nk proportional to exp(digamma(gamma_k)) beta_{k, w_n}, gamma_k = alpha + sum_n phi_nk.

References:
    Latent Dirichlet Allocation (Blei, Ng & Jordan, 2003),
    https://www.jmlr.org/papers/v3/blei03a.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "CORPUS",
    "CUSTOMERS",
    "TOPICS",
    "WORDS",
    "SegmentState",
    "Topics",
    "fit_topics",
    "infer_topics",
    "segment_states",
]

CUSTOMERS = ((3, 1), (1, 2), (2, 2), (0, 4))
"""Number of purchases of two items by each customer."""
WORDS = ("ball", "goal", "vote", "law")
TOPICS = ((0.5, 0.4, 0.05, 0.05), (0.05, 0.05, 0.5, 0.4))
"""Given word probabilities of two topics over `WORDS`."""
CORPUS = (
    "the team won the match with a late goal",
    "a goal and a save decided the match",
    "the coach praised the team after the game",
    "fans watched the game and the players on the field",
    "parliament passed the law after a long vote",
    "the minister lost the vote in parliament",
    "voters elect the government and its minister",
    "the government proposed a law on taxes",
    "the minister watched the match with the team",
)
"""Sentences on two subjects, the last one on both."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentState:
    """One iteration of EM for the Poisson mixture.

    Attributes:
        weights: pi_k.
        rates: lambda_kj, expected purchases of item j in segment k.
        responsibilities: Responsibilities of each segment for each customer.
        log_likelihood: In nats, summed over the customers.
    """

    weights: Float[Tensor, " segments"]
    rates: Float[Tensor, "segments items"]
    responsibilities: Float[Tensor, "customers segments"]
    log_likelihood: float


@dataclass(frozen=True, kw_only=True)
class Topics:
    """Topics of a corpus.

    Attributes:
        words: The most probable words of each topic, in order.
        shares: Shares of the topics in each document.
    """

    words: list[list[str]]
    shares: list[list[float]]


def segment_states(steps: int) -> list[SegmentState]:
    """Run EM on `CUSTOMERS` from pi = (1/2, 1/2) and rates (4, 1), (1, 3).

    Args:
        steps: Iterations after the start.
    """
    x = torch.tensor(CUSTOMERS, dtype=torch.float64)
    weights = torch.tensor([0.5, 0.5], dtype=torch.float64)
    rates = torch.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    states = []
    for _ in range(steps + 1):
        log_joint = weights.log() + (
            torch.distributions.Poisson(rates).log_prob(x[:, None]).sum(-1)
        )
        r = log_joint.softmax(-1)
        states.append(
            SegmentState(
                weights=weights,
                rates=rates,
                responsibilities=r,
                log_likelihood=log_joint.logsumexp(-1).sum().item(),
            )
        )
        counts = r.sum(0)
        weights, rates = counts / len(x), (r.mT @ x) / counts[:, None]
    return states


def infer_topics(
    document: Sequence[str], rounds: int
) -> list[tuple[Float[Tensor, " topics"], float]]:
    """Infer the topics of one document by coordinate ascent, with alpha = 1 and known topics.

    Args:
        document: Words from `WORDS`.
        rounds: Updates of phi and gamma.

    Returns:
        gamma and the bound in nats after each round, the start first.

    Raises:
        ValueError: If a word is not in `WORDS`.
    """
    unknown = [word for word in document if word not in WORDS]
    if unknown:
        raise ValueError(f"`document` may hold {', '.join(WORDS)}; got {unknown[0]!r}.")
    beta = torch.tensor(TOPICS, dtype=torch.float64)
    words = torch.tensor([WORDS.index(word) for word in document])
    alpha = torch.ones(len(beta), dtype=torch.float64)
    gamma = alpha + len(words) / len(beta)
    found = []
    for number in range(rounds + 1):
        phi = (_expected_log(gamma) + beta[:, words].mT.log()).softmax(-1)
        found.append((gamma, _topic_bound(alpha, gamma, phi, beta[:, words].mT)))
        if number < rounds:
            gamma = alpha + phi.sum(0)
    return found


def fit_topics(num_topics: int, *, corpus: Sequence[str] = CORPUS, seed: int = 0) -> Topics:
    """Fit latent Dirichlet allocation to a corpus of a few sentences.

    Args:
        num_topics: Number of topics.
        corpus: The documents.
        seed: Seed of the start.
    """
    from sklearn.decomposition import LatentDirichletAllocation
    from sklearn.feature_extraction.text import CountVectorizer

    counter = CountVectorizer(stop_words="english")
    counts = counter.fit_transform(corpus)
    model = LatentDirichletAllocation(num_topics, max_iter=50, random_state=seed)
    shares = model.fit_transform(counts)
    names = counter.get_feature_names_out()
    order = (-model.components_).argsort(axis=1, kind="stable")[:, :5]
    return Topics(words=[[str(names[i]) for i in row] for row in order], shares=shares.tolist())


def _expected_log(gamma: Tensor) -> Tensor:
    return gamma.digamma() - gamma.sum().digamma()


def _topic_bound(alpha: Tensor, gamma: Tensor, phi: Tensor, likelihood: Tensor) -> float:
    """Evaluate E_q[log p(theta, z, w)] + H(q), in nats."""
    logs = _expected_log(gamma)
    prior = torch.distributions.Dirichlet(alpha)
    posterior = torch.distributions.Dirichlet(gamma)
    divergence = torch.distributions.kl_divergence(posterior, prior)
    per_word = (phi * (logs + likelihood.log())).sum() + torch.special.entr(phi).sum()
    return (per_word - divergence).item()
