r"""Expectation maximisation: F(q, theta), the isotropic mixture, the posterior mode, K-means."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from ..mixtures import (
    ConjugatePrior,
    MixtureConfig,
    MixtureParameters,
    MixtureState,
    free_energy,
    mixture_states,
)
from .line import Derivation, Line

__all__ = [
    "EM_ASCENT",
    "EM_ISOTROPIC",
    "K_MEANS",
    "POSTERIOR_MODE",
    "MixtureNumbers",
    "mixture_numbers",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class MixtureNumbers:
    """Points, and EM's state before and after one iteration.

    Attributes:
        points: x.
        old: theta' and the responsibilities under it.
        new: theta after the M-step, and the responsibilities under that.
        prior: Prior of the maximum a posteriori; None for maximum likelihood.
    """

    points: Float[Tensor, "points latent"]
    old: MixtureState
    new: MixtureState
    prior: ConjugatePrior | None

    @cached_property
    def r(self) -> Float[Tensor, "points clusters"]:
        """Return the responsibilities of the E-step, q(z)."""
        return self.old.responsibilities

    @cached_property
    def counts(self) -> Float[Tensor, " clusters"]:
        """Evaluate N_k."""
        return self.r.sum(0)

    @property
    def centres(self) -> Float[Tensor, "clusters latent"]:
        """Evaluate the weighted mean of the points of each component."""
        return self.r.mT @ self.points / self.counts[:, None]

    @property
    def entropy(self) -> Tensor:
        """Evaluate H(q), summed over points."""
        return torch.special.entr(self.r).sum()


def mixture_numbers(*, dimension: int = 1, prior: ConjugatePrior | None = None) -> MixtureNumbers:
    """Take one iteration of EM for two isotropic components on a few fixed points.

    Args:
        dimension: 1: the points -3, -2, 1, 2, 5; 2: eight points of a plane.
        prior: Prior of the maximum a posteriori; maximum likelihood where None.
    """
    if dimension == 1:
        points = torch.tensor([[-3.0], [-2.0], [1.0], [2.0], [5.0]], dtype=torch.float64)
        means = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    else:
        points = torch.tensor(
            [[-3, 0], [-2, 1], [-2, -1], [-1, 0.5], [1, 2], [2, 1], [3, 2.5], [2, 4]],
            dtype=torch.float64,
        )
        means = torch.tensor([[-1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    unit = torch.eye(points.shape[1], dtype=torch.float64).expand(2, -1, -1)
    start = MixtureParameters(torch.full((2,), 0.5, dtype=torch.float64), means, unit)
    config = MixtureConfig(num_clusters=2, covariance="spherical", prior=prior)
    old, new = islice(mixture_states(points, config, start), 2)
    return MixtureNumbers(points=points, old=old, new=new, prior=prior)


M = MixtureNumbers


def _variances(parameters: MixtureParameters) -> Tensor:
    return parameters.covariances.diagonal(dim1=1, dim2=2).mean(-1)


def _log_parts(n: M, weights: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """Evaluate log pi_k + log N(x_i; mu_k, sigma_k^2 I) in the notation of the slides."""
    squares = (n.points[:, None] - means).square().sum(-1)
    dim = n.points.shape[1]
    return weights.log() - 0.5 * (squares / variances + dim * (2 * math.pi * variances).log())


def _parts(n: M, state: MixtureState) -> Tensor:
    theta = state.parameters
    return _log_parts(n, theta.weights, theta.means, _variances(theta))


def _q(n: M, state: MixtureState) -> Tensor:
    """Evaluate Q(theta; theta') = E_{z|x,theta'}[log p(x, z|theta)]."""
    return (n.r * _parts(n, state)).sum()


def _kl(r: Tensor, other: Tensor) -> Tensor:
    return (r * (r.clamp(min=1e-300).log() - other.clamp(min=1e-300).log())).sum()


def _old_f(n: M) -> float:
    return free_energy(n.points, n.r, n.old.parameters)


def _new_f(n: M) -> float:
    return free_energy(n.points, n.r, n.new.parameters)


def _even(n: M) -> Tensor:
    return torch.full_like(n.r, 0.5)


L = Line[M]

EM_ASCENT = Derivation(
    key="D-13",
    title="EM climbs F(q, θ), and the likelihood never falls",
    source="Slides, “A Lower Bound on the Log-Likelihood”, “max-max Interpretation”, "
    "“Monotonicity”, “EM Algorithm”",
    setting="Five points −3, −2, 1, 2, 5 and two components, from π = (½, ½), μ = (−1, 1), "
    "σ² = (1, 1): one iteration from θ⁽ᵏ⁾ to θ⁽ᵏ⁺¹⁾. F and KL are sums over points. The posterior "
    "p(z|x, θ) is exact here: EM needs it, and helps with the maximisation. Where it is "
    "intractable there is variational EM, of which the VAE is a case. EM is variational "
    "inference with an unrestricted q, and a point estimate of θ.",
    lines=(
        L(formula=r"\ell(\theta)=\log p(x|\theta)=\log\int p(x,z|\theta)\,dz",
          reason="Marginalise.", start=lambda n: n.old.log_likelihood,
          value=lambda n: _parts(n, n.old).exp().sum(-1).log().sum()),
        L(formula=r"=\log\int q(z)\,\frac{p(x,z|\theta)}{q(z)}\,dz",
          reason="Multiply by 1, with any q(z) (here ½ for both components).",
          value=lambda n: (_even(n) * (_parts(n, n.old).exp() / _even(n))).sum(-1).log().sum()),
        L(formula=r"\ge\int q(z)\log\frac{p(x,z|\theta)}{q(z)}\,dz=:F(q,\theta)",
          reason="Jensen.", relation=">=",
          value=lambda n: (_even(n) * (_parts(n, n.old) - _even(n).log())).sum()),
        L(formula=r"F(q,\theta)=\int q(z)\log p(x,z|\theta)\,dz+H(q)", reason="H(q) = −∫ q log q.",
          value=lambda n: (_even(n) * _parts(n, n.old)).sum()
          + torch.special.entr(_even(n)).sum()),
        L(formula=r"\ell(\theta)-F(q,\theta)=\log p(x|\theta)-\int q(z)\log"
          r"\frac{p(z|x,\theta)\,p(x|\theta)}{q(z)}\,dz", reason="Product rule.",
          start=lambda n: n.old.log_likelihood
          - free_energy(n.points, _even(n), n.old.parameters),
          value=lambda n: n.old.log_likelihood - (_even(n) * (
              n.r.log() + _parts(n, n.old).logsumexp(-1, keepdim=True) - _even(n).log())).sum()),
        L(formula=r"=-\int q(z)\log\frac{p(z|x,\theta)}{q(z)}\,dz"
          r"=\mathrm{KL}(q\,\|\,p(z|x,\theta))\ge0",
          reason="log p(x|θ) leaves the integral and cancels. It is 0 if and only if q is the "
          "posterior.", note="The slide has “only if”.", value=lambda n: _kl(_even(n), n.r)),
        L(formula=r"\text{E: }q^{(k+1)}=\arg\max_qF(q,\theta^{(k)})=p(z|x,\theta^{(k)})",
          reason="From the line before: at this q, F touches log p.",
          start=lambda n: n.old.log_likelihood, value=_old_f),
        L(formula=r"\text{M: }\theta^{(k+1)}=\arg\max_\theta F(q^{(k+1)},\theta)"
          r"=\arg\max_\theta\int q^{(k+1)}(z)\log p(x,z|\theta)\,dz",
          reason="H(q) does not contain θ: the M-step maximises Q (shown: Q after the step "
          "against Q before it).", relation=">=", start=lambda n: _q(n, n.new),
          note="p(x, z|θ) is the complete-data likelihood; its logarithm the log likelihood.",
          value=lambda n: _q(n, n.old)),
        L(formula=r"F(q^{(k+1)},\theta)=Q(\theta;\theta^{(k)})+H(q^{(k+1)}),\quad "
          r"Q:=\mathbb E_{z|x,\theta^{(k)}}[\log p(x,z|\theta)]",
          reason="Both forms of EM are the same.",
          note="The slides say that log p “can be approximated by” Q. Q + H is a lower bound that "
          "touches it; Q alone does not.", start=_old_f,
          value=lambda n: _q(n, n.old) + n.entropy),
        L(formula=r"\ell(\theta^{(k)})=F(q^{(k+1)},\theta^{(k)})", reason="The chain: E-step.",
          start=lambda n: n.old.log_likelihood, value=_old_f),
        L(formula=r"\le F(q^{(k+1)},\theta^{(k+1)})", reason="M-step.", relation="<=",
          value=_new_f),
        L(formula=r"\le\ell(\theta^{(k+1)})", reason="Jensen; the gap is KL(q⁽ᵏ⁺¹⁾ ‖ "
          "p(z|x, θ⁽ᵏ⁺¹⁾)). It never falls; that does not mean that it reaches the best θ.",
          relation="<=", value=lambda n: n.new.log_likelihood),
    ),
)  # fmt: skip


def _slope(
    n: M, objective: Callable[[Tensor, Tensor, Tensor], Tensor], of: int, at: MixtureState
) -> Tensor:
    """Differentiate by the weights (0), the means (1) or the variances (2); the first entry."""
    theta = at.parameters
    with torch.enable_grad():
        inputs = [
            value.detach().clone().requires_grad_()
            for value in (theta.weights, theta.means, _variances(theta))
        ]
        (slope,) = torch.autograd.grad(objective(*inputs), inputs[of])
    return slope.flatten()[0]


def _slope_of_q(n: M, of: int, at: MixtureState) -> Tensor:
    return _slope(n, lambda *theta: (n.r * _log_parts(n, *theta)).sum(), of, at)


def _slope_of_likelihood(n: M) -> Tensor:
    return _slope(n, lambda *theta: _log_parts(n, *theta).logsumexp(-1).sum(), 1, n.old)


EM_ISOTROPIC = Derivation(
    key="D-14",
    title="EM for the isotropic mixture",
    source="Report, 5.1 and 5.2.1; slides, “EM for isotropic GMM” to “Summary”",
    setting="A mixture p(x) = Σ_k π_k N(x; μ_k, σ_k² I) in D dimensions. Each point comes from "
    "one component, named by a latent z in 1-of-K form: p(z) = Π_k π_k^{z_k}, p(x|z) = Π_k "
    "N(x; μ_k, Σ_k)^{z_k}, 0 ≤ π_k ≤ 1, Σ_k π_k = 1; joint p(x, z) = p(z) p(x|z). θ = {π, μ, σ²} "
    "are parameters, not hyperparameters. In section 6 of the report the component is called c "
    "and the point z. Eight points of a plane, two components; gradients and means are shown for "
    "the first component.",
    lines=(
        L(formula=r"L_c(\theta)=\sum_i\log p(x_i,z_i|\theta)",
          reason="Complete-data log likelihood, points independent. Here and below z is the most "
          "probable assignment.", value=lambda n: _parts(n, n.old).amax(-1).sum()),
        L(formula=r"=\sum_i\log\bigl(p(x_i|z_i,\theta)\,p(z_i|\theta)\bigr)",
          reason="Product rule.", value=lambda n: _parts(n, n.old).exp().amax(-1).log().sum()),
        L(formula=r"=\sum_i\log\prod_k\bigl(\pi_k\,\mathcal N(x_i;\mu_k,\sigma_k^2I)"
          r"\bigr)^{z_{ik}}",
          reason="p(z_i) = Π_k π_k^{z_ik}, p(x_i|z_i) = Π_k N(x_i; μ_k, σ_k² I)^{z_ik}.",
          value=lambda n: (_parts(n, n.old).exp() ** _hard(n)).prod(-1).log().sum()),
        L(formula=r"=\sum_i\sum_kz_{ik}\log\bigl(\pi_k\,\mathcal N(x_i;\mu_k,\sigma_k^2I)\bigr)",
          reason="Logarithm of powers: the sum is outside the logarithm now.",
          value=lambda n: (_hard(n) * _parts(n, n.old)).sum()),
        L(formula=r"r_{ik}:=p(z_i=k|x_i,\theta')=\mathbb E[z_{ik}|x_i,\theta']",
          reason="An indicator's expectation is its probability."),
        L(formula=r"Q(\theta;\theta'):=\mathbb E_{z|x,\theta'}[L_c(\theta)]"
          r"=\sum_i\sum_kr_{ik}\log\bigl(\pi_k\,\mathcal N(x_i;\mu_k,\sigma_k^2I)\bigr)",
          reason="Linearity: the expected complete-data log likelihood.", begins=True,
          value=lambda n: _q(n, n.old)),
        L(formula=r"=\sum_i\sum_kr_{ik}\Bigl[\log\pi_k-\tfrac D2\log\sigma_k^2"
          r"-\frac{\|x_i-\mu_k\|^2}{2\sigma_k^2}\Bigr]-\frac{ND}2\log2\pi",
          reason="Log density of a Gaussian.", value=lambda n: _spelled(n, n.old)),
        L(formula=r"\text{E: }r_{ik}=\frac{\pi_k\,\mathcal N(x_i;\mu_k,\sigma_k^2I)}"
          r"{\sum_l\pi_l\,\mathcal N(x_i;\mu_l,\sigma_l^2I)}", reason="Bayes' rule.",
          start=lambda n: n.r[0, 0],
          value=lambda n: _parts(n, n.old)[0, 0].exp() / _parts(n, n.old)[0].exp().sum()),
        L(formula=r"\frac{\partial Q}{\partial\mu_k}=\frac1{\sigma_k^2}\sum_ir_{ik}(x_i-\mu_k)",
          reason="Derivative of −‖x − μ‖²/(2σ²); Q is concave in μ_k.",
          note="The slide has a minus in front; the root is the same.",
          start=lambda n: _slope_of_q(n, 1, n.old),
          value=lambda n: (n.r[:, 0] * (n.points[:, 0] - n.old.parameters.means[0, 0])).sum()
          / _variances(n.old.parameters)[0]),
        L(formula=r"=0\ \Rightarrow\ \mu_k=\frac{\sum_ir_{ik}x_i}{N_k},\quad N_k:=\sum_ir_{ik}",
          reason="M-step, mean.", start=lambda n: n.new.parameters.means[0, 0],
          value=lambda n: n.centres[0, 0]),
        L(formula=r"\frac{\partial Q}{\partial(\sigma_k^2)}=\sum_ir_{ik}\Bigl["
          r"-\frac D{2\sigma_k^2}+\frac{\|x_i-\mu_k\|^2}{2\sigma_k^4}\Bigr]",
          reason="Derivative by σ².",
          note="The slide writes the derivative by σ as if it were by σ²; the root is the same.",
          start=lambda n: _slope_of_q(n, 2, n.old),
          value=lambda n: (n.r[:, 0] * (
              -n.points.shape[1] / (2 * _variances(n.old.parameters)[0])
              + (n.points - n.old.parameters.means[0]).square().sum(-1)
              / (2 * _variances(n.old.parameters)[0] ** 2))).sum()),
        L(formula=r"=0\ \Rightarrow\ \sigma_k^2=\frac{\sum_ir_{ik}\|x_i-\mu_k\|^2}{D\,N_k}",
          reason="M-step, variance, with the new mean.",
          start=lambda n: _variances(n.new.parameters)[0],
          value=lambda n: (n.r[:, 0] * (n.points - n.centres[0]).square().sum(-1)).sum()
          / (n.points.shape[1] * n.counts[0])),
        L(formula=r"Q'=Q+\lambda\bigl(1-\sum_k\pi_k\bigr)",
          reason="M-step, weights: the Lagrangian of Σ_k π_k = 1."),
        L(formula=r"\frac{\partial Q'}{\partial\pi_k}=\frac{N_k}{\pi_k}-\lambda=0\ \Rightarrow\ "
          r"\pi_k=\frac{N_k}\lambda", reason="Derivative of Σ_k N_k log π_k (shown: ∂Q/∂π_1 at "
          "the new θ, against λ = N).", start=lambda n: _slope_of_q(n, 0, n.new),
          value=lambda n: float(len(n.points))),
        L(formula=r"1=\sum_k\pi_k=\frac{\sum_kN_k}\lambda\ \Rightarrow\ \lambda=N,\ "
          r"\pi_k=\frac{N_k}N", reason="Σ_k r_ik = 1 for each point.",
          start=lambda n: n.new.parameters.weights[0],
          value=lambda n: n.counts[0] / len(n.points)),
        L(formula=r"\Sigma_k=\frac1{N_k}\sum_ir_{ik}(x_i-\mu_k)(x_i-\mu_k)^\top",
          reason="Full covariance, by the same steps with a matrix; diagonal: its diagonal; "
          "isotropic: the mean of its diagonal (shown).",
          start=lambda n: _variances(n.new.parameters)[0],
          value=lambda n: (torch.einsum("i,ia,ib->ab", n.r[:, 0], n.points - n.centres[0],
                                        n.points - n.centres[0]) / n.counts[0])
          .diagonal().mean()),
        L(formula=r"\frac{\partial}{\partial\mu_k}\sum_n\log\sum_j\pi_j\,\mathcal N(x_n;\mu_j,"
          r"\Sigma_j)=\sum_n\frac{\pi_k\,\mathcal N(x_n;\mu_k,\Sigma_k)}{\sum_j\pi_j\,\mathcal N("
          r"x_n;\mu_j,\Sigma_j)}\,\Sigma_k^{-1}(x_n-\mu_k)",
          reason="Why there is no closed form without r: chain rule, and μ_k stands on both "
          "sides of the equation. Gradient methods could climb it, with constraints on π and Σ; "
          "EM solves it with r held fixed, and needs no step size. At θ = θ' it equals ∂Q/∂μ_k.",
          note="The slide names π_k as the variable; the formula is the one for μ_k.",
          start=_slope_of_likelihood, value=lambda n: _slope_of_q(n, 1, n.old)),
    ),
    unit="",
)  # fmt: skip


def _hard(n: M) -> Tensor:
    """Return the most probable assignment as indicators."""
    return torch.nn.functional.one_hot(n.r.argmax(-1), n.r.shape[1]).double()


def _spelled(n: M, state: MixtureState) -> Tensor:
    theta, dim = state.parameters, n.points.shape[1]
    variances = _variances(theta)
    squares = (n.points[:, None] - theta.means).square().sum(-1)
    inner = theta.weights.log() - dim / 2 * variances.log() - squares / (2 * variances)
    return (n.r * inner).sum() - len(n.points) * dim / 2 * math.log(2 * math.pi)


def _given(n: M) -> ConjugatePrior:
    if n.prior is None:
        raise ValueError("The posterior mode needs a `prior`, got None.")
    return n.prior


def _posterior_variance(n: M) -> Tensor:
    prior, dim = _given(n), n.points.shape[1]
    scatter = (n.r[:, 0] * (n.points - n.centres[0]).square().sum(-1)).sum()
    away = (n.centres[0] - n.points.new_tensor(prior.mean)).square().sum()
    pull = prior.strength * n.counts[0] / (prior.strength + n.counts[0]) * away
    return (prior.scale + scatter + pull) / (prior.degrees + dim * (n.counts[0] + 1) + 2)


POSTERIOR_MODE = Derivation(
    key="D-15",
    title="Maximum a posteriori",
    source="Report, 5.2.2, with the prior that this project uses",
    setting="α is the Dirichlet's parameter, m and κ the mean's expectation and the points that "
    "it is worth, ν the degrees of freedom and ψ the scale of the variance's prior. Maximum "
    "likelihood assumes no prior and can overfit. The likelihood has no maximum (a mean on a "
    "point, its variance to 0); priors on π and μ do not change that, the one on the variance "
    "does: ψ keeps every variance away from 0.",
    lines=(
        L(formula=r"p(\theta|x)=\frac{p(x|\theta)\,p(\theta)}{p(x)}\propto p(x|\theta)\,p(\theta)",
          reason="Bayes' rule; p(x) does not contain θ.", number="5.2.2",
          note="Of the report's examples, Dirichlet for π and Gaussian for μ, neither prevents "
          "the divergence."),
        L(formula=r"\text{M: }\arg\max_\theta\ Q(\theta;\theta')+\log p(\theta)",
          reason="E as before: the M-step balances likelihood and prior, and “log likelihood + "
          "log prior” never falls.", relation=">=", start=lambda n: n.new.objective,
          value=lambda n: n.old.objective),
        L(formula=r"\pi\sim\mathrm{Dirichlet}(\alpha,\dots):\quad"
          r"\pi_k=\frac{N_k+\alpha-1}{N+K(\alpha-1)}",
          reason="Lagrangian, with N_k + α − 1 in the place of N_k.",
          start=lambda n: n.new.parameters.weights[0],
          value=lambda n: (n.counts[0] + _given(n).concentration - 1)
          / (len(n.points) + 2 * (_given(n).concentration - 1))),
        L(formula=r"\mu_k|\Sigma_k\sim\mathcal N(m,\Sigma_k/\kappa):\quad"
          r"\mu_k=\frac{\kappa m+\sum_ir_{ik}x_i}{\kappa+N_k}", reason="κ counts like points.",
          start=lambda n: n.new.parameters.means[0, 0],
          value=lambda n: (_given(n).strength * _given(n).mean[0]
                           + (n.r[:, 0] * n.points[:, 0]).sum())
          / (_given(n).strength + n.counts[0])),
        L(formula=r"\Sigma_k\sim\mathcal{IW}(\nu,\psi I):\quad\Sigma_k=\frac{\psi I+S_k"
          r"+\frac{\kappa N_k}{\kappa+N_k}(\bar x_k-m)(\bar x_k-m)^\top}{\nu+N_k+d+2}",
          reason="Full covariance: joint mode of μ and Σ, S_k the scatter about x̄_k = "
          "Σ_i r_ik x_i/N_k."),
        L(formula=r"\sigma_k^2=\frac{\psi+\mathrm{tr}\bigl[S_k+\frac{\kappa N_k}{\kappa+N_k}"
          r"(\bar x_k-m)(\bar x_k-m)^\top\bigr]}{\nu+d(N_k+1)+2}",
          reason="Isotropic; diagonal: the diagonal, and ν + N_k + 3 below.",
          start=lambda n: _variances(n.new.parameters)[0], value=_posterior_variance),
    ),
    unit="",
)  # fmt: skip

SMALL = 0.05
"""The deviation that stands for 0 in the limit to K-means."""


def _soft(n: M, std: float) -> Tensor:
    squares = (n.points[:, None] - n.old.parameters.means).square().sum(-1)
    return (-squares / (2 * std**2)).softmax(-1)


def _nearest(n: M) -> Tensor:
    squares = (n.points[:, None] - n.old.parameters.means).square().sum(-1)
    return torch.nn.functional.one_hot(squares.argmin(-1), 2).double()


def _assigned_mean(n: M, r: Tensor) -> Tensor:
    return (r[:, 0] @ n.points[:, 0]) / r[:, 0].sum()


def _within(n: M, r: Tensor, means: Tensor) -> Tensor:
    return (r * (n.points[:, None] - means).square().sum(-1)).sum()


def _updated(n: M, r: Tensor) -> Tensor:
    return r.mT @ n.points / r.sum(0)[:, None]


K_MEANS = Derivation(
    key="D-23",
    title="K-means as the limit of EM",
    source="Slides, “Flexible than K-means” (not derived there)",
    setting="What EM adds: weights, sizes and shapes of clusters, soft membership, a likelihood. "
    "The five points and the start of D-13; σ = 0.05 stands for σ → 0.",
    lines=(
        L(formula=r"r_{ik}=\frac{e^{-\|x_i-\mu_k\|^2/2\sigma^2}}{\sum_le^{-\|x_i-\mu_l\|^2"
          r"/2\sigma^2}}", reason="π_k = 1/K and one fixed σ for all (shown: the third point's "
          "first component, σ = 1).", start=lambda n: n.r[2, 0],
          value=lambda n: _soft(n, 1.0)[2, 0]),
        L(formula=r"\sigma\to0:\ r_{ik}\to1\text{ for the nearest centre, else }0",
          reason="The largest exponent wins, ties aside: K-means' assignment step (shown: sum of "
          "the nearest centre's r).",
          start=lambda n: (_soft(n, SMALL) * _nearest(n)).sum(),
          value=lambda n: float(len(n.points))),
        L(formula=r"\mu_k=\frac{\sum_ir_{ik}x_i}{\sum_ir_{ik}}\to\text{mean of the points "
          r"assigned to }k", reason="K-means' update step.",
          start=lambda n: _assigned_mean(n, _soft(n, SMALL)),
          value=lambda n: _assigned_mean(n, _nearest(n))),
        L(formula=r"Q=-\frac1{2\sigma^2}\sum_{i,k}r_{ik}\|x_i-\mu_k\|^2+\text{const}",
          reason="Up to the factor it becomes the K-means objective Σ_i min_k ‖x_i − μ_k‖².",
          start=lambda n: _within(n, _soft(n, SMALL), n.old.parameters.means),
          value=lambda n: _within(n, _nearest(n), n.old.parameters.means)),
        L(formula=r"\sum_i\min_k\|x_i-\mu_k\|^2\text{ never rises}",
          reason="Each of the two steps minimises it (shown: 22 before the update, 9.1667 "
          "after).", relation=">=",
          value=lambda n: _within(n, _nearest(n), _updated(n, _nearest(n)))),
    ),
    unit="",
)  # fmt: skip
