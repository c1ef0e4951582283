r"""Mean-field inference: coordinate ascent, and both gradients of logistic regression's bound."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .line import Derivation, Line

__all__ = [
    "COORDINATE_ASCENT",
    "REPARAMETERISED",
    "SCORE_FUNCTION",
    "CorrelatedGaussian",
    "LogisticRegression",
]


@dataclass(frozen=True, kw_only=True)
class CorrelatedGaussian:
    """The target N(0, [[1, rho], [rho, 1]]) in the plane, and a factorised q = N(m, diag v).

    Attributes:
        rho: Correlation, in (-1, 1).
        mean: Means of q.
        variance: Variance of both factors of q; None for the optimum, 1 - rho^2.
    """

    rho: float = 0.9
    mean: tuple[float, float] = (2.0, -2.0)
    variance: float | None = None

    def __post_init__(self) -> None:
        """Raise an error for a correlation outside (-1, 1)."""
        if not -1 < self.rho < 1:
            raise ValueError(f"`rho` must be in (-1, 1), got {self.rho}.")

    @property
    def spread(self) -> float:
        """Return the variance of both factors of q."""
        return float(1 - self.rho**2) if self.variance is None else self.variance

    @property
    def precision(self) -> Float[Tensor, "2 2"]:
        """Evaluate the inverse covariance."""
        covariance = torch.tensor([[1, self.rho], [self.rho, 1]], dtype=torch.float64)
        return torch.linalg.inv(covariance)

    @property
    def elbo(self) -> float:
        """Evaluate E_q[log p(z)] + H(q), in nats; at most the log evidence, which is 0."""
        m = torch.tensor(self.mean, dtype=torch.float64)
        inner = m @ self.precision @ m + self.spread * self.precision.trace()
        log_det = math.log(1 - self.rho**2)
        expected = -math.log(2 * math.pi) - 0.5 * log_det - 0.5 * inner.item()
        return expected + 1 + math.log(2 * math.pi * self.spread)

    def updated(self, factor: int) -> "CorrelatedGaussian":
        """Take the coordinate update of one factor's mean: m_j <- rho m_i."""
        mean = list(self.mean)
        mean[factor] = float(self.rho * self.mean[1 - factor])
        return CorrelatedGaussian(rho=self.rho, mean=(mean[0], mean[1]), variance=self.variance)

    @property
    def reverse_kl(self) -> float:
        """Evaluate KL(q || p) = -elbo, in nats: what mean-field minimises."""
        return -self.elbo

    @property
    def forward_kl(self) -> float:
        """Evaluate KL(p || q), in nats; its best q matches the moments: variance 1."""
        m, v = torch.tensor(self.mean, dtype=torch.float64), self.spread
        squares = (m.square().sum().item() + 2) / v
        return 0.5 * (squares - 2 + 2 * math.log(v) - math.log(1 - self.rho**2))


G = Line[CorrelatedGaussian]
C = CorrelatedGaussian
STEP = 1e-4
"""Step of finite differences."""


def _log_p(n: C, z: Tensor) -> Tensor:
    return (
        -0.5 * (z @ n.precision * z).sum(-1) - math.log(2 * math.pi) - 0.5 * math.log(1 - n.rho**2)
    )


def _grid(n: C) -> tuple[Tensor, Tensor]:
    """Return points of the plane, and weights under q that integrate polynomials exactly."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    z, w = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
    std = math.sqrt(n.spread)
    plane = torch.cartesian_prod(n.mean[0] + std * z, n.mean[1] + std * z)
    return plane, torch.outer(w, w).flatten()


def _log_q(n: C, z: Tensor) -> Tensor:
    away = z - torch.tensor(n.mean, dtype=torch.float64)
    return -(away.square().sum(-1) / (2 * n.spread)) - math.log(2 * math.pi * n.spread)


def _by_quadrature(n: C) -> Tensor:
    z, w = _grid(n)
    return (w * (_log_p(n, z) - _log_q(n, z))).sum()


def _entropy(n: C) -> float:
    return 0.5 * math.log(2 * math.pi * math.e * n.spread)


def _in_first(n: C) -> Tensor:
    """Evaluate the terms of the bound that contain q_1, and those that do not."""
    precision, (m1, m2) = n.precision, n.mean
    own = -0.5 * precision[0, 0] * (m1**2 + n.spread) - precision[0, 1] * m1 * m2
    rest = -0.5 * precision[1, 1] * (m2**2 + n.spread)
    return (
        own
        + _entropy(n)
        + rest
        + _entropy(n)
        - math.log(2 * math.pi)
        - 0.5 * math.log(1 - n.rho**2)
    )


def _log_best_first(n: C) -> tuple[Tensor, float]:
    """Return mean and variance of the normalised exp E_2[log p(z)]."""
    precision = n.precision
    return -precision[0, 1] / precision[0, 0] * n.mean[1], 1 / precision[0, 0].item()


def _through_kl(n: C) -> Tensor:
    """Evaluate the bound as -KL(q_1 || best q_1) plus its value at that best q_1."""
    mean, variance = _log_best_first(n)
    ratio = n.spread / variance
    kl = 0.5 * (ratio + (n.mean[0] - mean).square() / variance - 1 - math.log(ratio))
    return n.updated(0).elbo - kl


COORDINATE_ASCENT = Derivation(
    key="D-16",
    title="Mean-field and coordinate ascent",
    source="Slides, “Mean-Field Approximation” to “Coordinate Ascent”",
    setting="The target is a Gaussian with correlation ρ = 0.9 in the plane, p(x) = 1, and q "
    "starts at m = (2, −2) with the best variances. The rule holds for every model; it has a "
    "closed form where the conditionals are in conjugate exponential families. Mean-field is "
    "easy for many graphical models and scales with stochastic optimisation, but it sets "
    "correlations to 0 and makes variances too small.",
    lines=(
        G(formula=r"q(z)=\prod_jq_j(z_j)", reason="Assumption: disjoint blocks, each independent "
          "of the others, which reduces the complexity."),
        G(formula=r"\mathcal L(q)=\mathbb E_q[\log p(x,z)]-\mathbb E_q[\log q(z)],\quad"
          r"\log p(x)-\mathcal L(q)=\mathrm{KL}(q\,\|\,p(z|x))",
          reason="As for F(q, θ), without θ. log p(x) does not depend on q, so maximising ℒ is "
          "minimising KL.", note="On the slide the braces call E[log p(x, z)] the likelihood and "
          "E[log q] the prior. They are the expected log joint, and the negative entropy: minus "
          "it is + H(q).", start=_by_quadrature, value=lambda n: n.elbo),
        G(formula=r"\mathcal L(q)=\mathbb E_q[\log p(x,z)]+\sum_jH(q_j)",
          reason="The entropy of a product is a sum.",
          value=lambda n: (_grid(n)[1] * _log_p(n, _grid(n)[0])).sum() + 2 * _entropy(n)),
        G(formula=r"=\int q_j(z_j)\,\mathbb E_{i\ne j}[\log p(x,z)]\,dz_j+H(q_j)+\text{const}",
          reason="As a function of q_j alone (here j = 1).", value=_in_first),
        G(formula=r"\tilde p_j(z_j):=\exp\mathbb E_{i\ne j}[\log p(x,z)]/C_j",
          reason="Normalise."),
        G(formula=r"\mathcal L(q)=-\mathrm{KL}(q_j\,\|\,\tilde p_j)+\text{const}'",
          reason="Insert.", value=_through_kl),
        G(formula=r"\log q_j(z_j)\leftarrow\mathbb E_{i\ne j}[\log p(x,z)]+\text{const}",
          reason="Maximal at q_j = p̃_j (Gibbs): no update can lower ℒ; repeat until it stops "
          "rising.", relation=">=", start=lambda n: n.updated(0).elbo, value=lambda n: n.elbo),
        G(formula=r"m_j\leftarrow\mu_j-\Lambda_{jj}^{-1}\sum_{i\ne j}\Lambda_{ji}(m_i-\mu_i),\quad"
          r"q_j=\mathcal N(m_j,1/\Lambda_{jj})",
          reason="Complete the square. In two dimensions m_1 ← ρ m_2.",
          start=lambda n: _log_best_first(n)[0], value=lambda n: n.updated(0).mean[0]),
        G(formula=r"1/\Lambda_{jj}=1-\rho^2", reason="The variance of q_j; the true marginal has "
          "variance 1, so q is too narrow.", start=lambda n: _log_best_first(n)[1],
          note="Mean-field does not only underestimate correlations: it sets them to 0, and "
          "underestimates the variances.", value=lambda n: 1 - n.rho**2),
        G(formula=r"m^{(s+1)}=\rho^2m^{(s)}", reason="A sweep over both factors shrinks the error "
          "by ρ².", start=lambda n: n.updated(0).updated(1).mean[1],
          value=lambda n: n.rho**2 * n.mean[1]),
        G(formula=r"\max_q\mathcal L=\log p(x)+\tfrac12\log(1-\rho^2)",
          reason="At m = 0: what independence costs.",
          start=lambda n: C(rho=n.rho, mean=(0.0, 0.0)).elbo,
          value=lambda n: 0.5 * math.log(1 - n.rho**2)),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class LogisticRegression:
    """Twelve labelled points, two weights, and q(w) = prod_j N(mu_j, sigma_j^2).

    Expectations under q are sums over a grid of Gauss-Hermite nodes, exact to rounding.

    Attributes:
        mu: Means of q.
        sigma: Deviations of q.
    """

    mu: tuple[float, float] = (0.8, -0.3)
    sigma: tuple[float, float] = (0.5, 0.7)

    @cached_property
    def points(self) -> tuple[Tensor, Tensor]:
        """Return x and y, the same at every call."""
        noise = torch.Generator().manual_seed(0)
        x = torch.randn(12, 2, generator=noise, dtype=torch.float64)
        chance = (x @ x.new_tensor([1.0, -0.5])).sigmoid()
        return x, (torch.rand(12, generator=noise, dtype=torch.float64) < chance).double()

    @cached_property
    def noise(self) -> tuple[Tensor, Tensor]:
        """Return nodes eps of N(0, I), and their weights."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(48)
        z, w = torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())
        return torch.cartesian_prod(z, z), torch.outer(w, w).flatten()

    def log_likelihood(self, weights: Tensor) -> Tensor:
        """Evaluate l(w) at rows of weights."""
        x, y = self.points
        u = weights @ x.T
        return (y * u - torch.nn.functional.softplus(u)).sum(-1)

    def at(self, mu: Tensor, sigma: Tensor) -> Tensor:
        """Evaluate E_q[l(w)] for a q, differentiable by it."""
        nodes, share = self.noise
        return (share * self.log_likelihood(mu + sigma * nodes)).sum()

    @cached_property
    def weights(self) -> Tensor:
        """Return the w of every node."""
        mu, sigma = (torch.tensor(v, dtype=torch.float64) for v in (self.mu, self.sigma))
        return mu + sigma * self.noise[0]

    def mean(self, values: Tensor) -> Tensor:
        """Average a function of w under q."""
        return (self.noise[1] * values).sum()


R = LogisticRegression


def _gradient(n: R, of: int) -> Tensor:
    """Differentiate E_q[l(w)] by mu_1 (0) or sigma_1 (1)."""
    with torch.enable_grad():
        inputs = [
            torch.tensor(value, dtype=torch.float64, requires_grad=True)
            for value in (n.mu, n.sigma)
        ]
        (found,) = torch.autograd.grad(n.at(*inputs), inputs[of])
    return found[0]


def _score(n: R) -> Tensor:
    """Evaluate (w_1 - mu_1)/sigma_1^2 at the nodes."""
    return (n.weights[:, 0] - n.mu[0]) / n.sigma[0] ** 2


def _kl(mu: float, sigma: float) -> float:
    return float(0.5 * (mu**2 + sigma**2 - 1) - math.log(sigma))


def _slope(f: Callable[[float], float], at: float) -> float:
    return (f(at + STEP) - f(at - STEP)) / (2 * STEP)


def _log_density(w: Tensor, mu: float, sigma: float) -> Tensor:
    return -0.5 * ((w - mu) / sigma).square() - math.log(sigma) - 0.5 * math.log(2 * math.pi)


def _log_q_of(n: R, mu1: float) -> Tensor:
    return _log_density(n.weights[:, 0], mu1, n.sigma[0]) + _log_density(
        n.weights[:, 1], n.mu[1], n.sigma[1]
    )


def _three_terms(n: R) -> Tensor:
    log_prior = sum(_log_density(n.weights[:, j], 0.0, 1.0) for j in range(2))
    return n.mean(n.log_likelihood(n.weights) + log_prior - _log_q_of(n, n.mu[0]))


def _slope_at_first(n: R) -> Tensor:
    """Evaluate the derivative of log q(w) by mu_1 at the first node, by a finite difference."""
    return (_log_q_of(n, n.mu[0] + STEP) - _log_q_of(n, n.mu[0] - STEP))[0] / (2 * STEP)


def _residuals(n: R) -> Tensor:
    """Evaluate sum_n x_n1 (y_n - sigmoid(w . x_n)) at the nodes."""
    x, y = n.points
    return ((y - (n.weights @ x.T).sigmoid()) * x[:, 0]).sum(-1)


S = Line[R]

SCORE_FUNCTION = Derivation(
    key="D-17",
    title="Logistic regression: bound and score-function gradient",
    source="Slides, “Bayesian Logistic Regression” to “Score-Function Gradient”",
    setting="y_n ∈ {0, 1}, prior p(w) = N(0, I), p(y_n|x_n, w) = σ(w·x_n)^{y_n} "
    "(1 − σ(w·x_n))^{1−y_n} with the logistic function σ(u) = 1/(1 + e^{−u}); posterior "
    "p(w|data) ∝ p(w) Π_n p(y_n|x_n, w). σ is not conjugate to the prior, so there is no closed "
    "form: alternatives are Laplace's approximation, which is cheap but looks at the mode alone, "
    "and MCMC, which is exact in the long run but slow. q(w) = Π_j N(w_j; μ_j, σ_j²), "
    "ℓ(w) = Σ_n log p(y_n|x_n, w). Gradients are shown for j = 1, on twelve points.",
    lines=(
        S(formula=r"\mathcal L(q)=\mathbb E_q[\ell(w)]+\mathbb E_q[\log p(w)]"
          r"-\mathbb E_q[\log q(w)]", reason="(A) + (B) − (C).", value=_three_terms),
        S(formula=r"=\mathbb E_q[\ell(w)]-\sum_j\mathrm{KL}(q_j\,\|\,p_j),\quad"
          r"\mathrm{KL}_j=\tfrac12(\mu_j^2+\sigma_j^2-1)-\log\sigma_j",
          reason="p and q factorise.",
          value=lambda n: n.mean(n.log_likelihood(n.weights))
          - sum(_kl(m, s) for m, s in zip(n.mu, n.sigma, strict=True))),
        S(formula=r"\frac{\partial\mathrm{KL}_j}{\partial\mu_j}=\mu_j",
          reason="Moving away from the prior's mean costs.",
          note="The slide has −μ_j; its final formula, “… − μ_j” for the bound, is right.",
          start=lambda n: _slope(lambda m: _kl(m, n.sigma[0]), n.mu[0]),
          value=lambda n: n.mu[0]),
        S(formula=r"\frac{\partial\mathrm{KL}_j}{\partial\sigma_j}=\sigma_j-\frac1{\sigma_j}",
          reason="Likewise.", start=lambda n: _slope(lambda s: _kl(n.mu[0], s), n.sigma[0]),
          value=lambda n: n.sigma[0] - 1 / n.sigma[0]),
        S(formula=r"\frac\partial{\partial\mu_j}\int q(w)\,\ell(w)\,dw"
          r"=\int\frac\partial{\partial\mu_j}[q(w)\,\ell(w)]\,dw",
          reason="Derivative under the integral.", note="The last differential is dw_D.",
          start=lambda n: _gradient(n, 0),
          value=lambda n: n.mean(_ratio_slope(n) * n.log_likelihood(n.weights)), tolerance=1e-5),
        S(formula=r"=\int\ell(w)\,\frac{\partial q(w)}{\partial\mu_j}\,dw",
          reason="ℓ does not contain μ_j.",
          value=lambda n: n.mean(n.log_likelihood(n.weights) * _ratio_slope(n))),
        S(formula=r"\frac{\partial q(w)}{\partial\mu_j}=q(w)\,\frac{\partial\log q(w)}"
          r"{\partial\mu_j}", reason="Derivative of a logarithm (here at one w, divided by q).",
          start=lambda n: _ratio_slope(n)[0], value=_slope_at_first, tolerance=1e-4),
        S(formula=r"\log q(w)=\sum_j\Bigl[-\tfrac12\log(2\pi\sigma_j^2)"
          r"-\frac{(w_j-\mu_j)^2}{2\sigma_j^2}\Bigr]", reason="Gaussian (here at one w).",
          start=lambda n: torch.distributions.Normal(
              torch.tensor(n.mu, dtype=torch.float64), torch.tensor(n.sigma, dtype=torch.float64)
          ).log_prob(n.weights[0]).sum(),
          value=lambda n: _log_q_of(n, n.mu[0])[0]),
        S(formula=r"\frac{\partial\log q(w)}{\partial\mu_j}=\frac{w_j-\mu_j}{\sigma_j^2}",
          reason="Only the j-th summand depends on μ_j.", start=_slope_at_first,
          value=lambda n: _score(n)[0], tolerance=1e-5),
        S(formula=r"\frac{\partial\mathbb E_q[\ell]}{\partial\mu_j}=\mathbb E_q\!\left[\ell(w)\,"
          r"\frac{w_j-\mu_j}{\sigma_j^2}\right]",
          reason="The score-function form: unbiased, with a high variance.",
          start=lambda n: _gradient(n, 0),
          value=lambda n: n.mean(n.log_likelihood(n.weights) * _score(n))),
        S(formula=r"\frac{\partial\mathbb E_q[\ell]}{\partial\sigma_j}=\mathbb E_q\!\left[\ell(w)"
          r"\Bigl(\frac{(w_j-\mu_j)^2}{\sigma_j^3}-\frac1{\sigma_j}\Bigr)\right]",
          reason="The same with the derivative of log q by σ_j (“similarly” on the slide).",
          start=lambda n: _gradient(n, 1),
          value=lambda n: n.mean(n.log_likelihood(n.weights) * (
              (n.weights[:, 0] - n.mu[0]).square() / n.sigma[0] ** 3 - 1 / n.sigma[0]))),
        S(formula=r"\mathbb E_q\!\left[\frac{\partial\log q}{\partial\mu_j}\right]=0\ "
          r"\Rightarrow\ \frac{\partial\mathbb E_q[\ell]}{\partial\mu_j}=\mathbb E_q\!\left[("
          r"\ell(w)-b)\,"
          r"\frac{w_j-\mu_j}{\sigma_j^2}\right]",
          reason="∫ ∂q = ∂∫ q = 0, so any constant b may be taken off. Not on the slides; it "
          "removes most of the variance (here b is the mean of ℓ).",
          start=lambda n: _gradient(n, 0),
          value=lambda n: n.mean((n.log_likelihood(n.weights)
                                  - n.mean(n.log_likelihood(n.weights))) * _score(n))),
    ),
    unit="",
)  # fmt: skip


def _ratio_slope(n: R) -> Tensor:
    """Evaluate (dq/dmu_1)/q at the nodes, by finite differences of q itself."""
    here = _log_q_of(n, n.mu[0])
    up = (_log_q_of(n, n.mu[0] + STEP) - here).exp()
    down = (_log_q_of(n, n.mu[0] - STEP) - here).exp()
    return (up - down) / (2 * STEP)


REPARAMETERISED = Derivation(
    key="D-18",
    title="The same gradient by reparameterisation",
    source="Slides, “Combine all terms”",
    setting="As in D-17. The same trick, noise pushed through a function, trains the VAE.",
    lines=(
        S(formula=r"w=\mu+\sigma\odot\varepsilon,\ \varepsilon\sim\mathcal N(0,I):\quad"
          r"\mathbb E_q[\ell(w)]=\mathbb E_\varepsilon[\ell(\mu+\sigma\odot\varepsilon)]",
          reason="The same distribution.", start=lambda n: n.mean(n.log_likelihood(n.weights)),
          value=lambda n: n.at(torch.tensor(n.mu, dtype=torch.float64),
                               torch.tensor(n.sigma, dtype=torch.float64))),
        S(formula=r"\frac{\partial\mathbb E_q[\ell]}{\partial\mu_j}=\mathbb E_\varepsilon\!\left["
          r"\frac{\partial\ell}{\partial w_j}\right],\quad\frac{\partial\mathbb E_q[\ell]}"
          r"{\partial\sigma_j}=\mathbb E_\varepsilon\!\left[\frac{\partial\ell}{\partial w_j}\,"
          r"\varepsilon_j\right]", reason="Now the distribution does not contain μ and σ: chain "
          "rule (shown: by σ_1).", start=lambda n: _gradient(n, 1),
          value=lambda n: n.mean(_residuals(n) * n.noise[0][:, 0])),
        S(formula=r"\frac{\partial\ell}{\partial w_j}=\sum_n(y_n-\sigma(w\cdot x_n))\,x_{nj}",
          reason="ℓ = Σ_n [y_n u_n − log(1 + e^{u_n})], u_n = w·x_n (averaged over q).",
          start=lambda n: _gradient(n, 0), value=lambda n: n.mean(_residuals(n))),
        S(formula=r"\frac{\partial\mathcal L}{\partial\mu_j}=\sum_nx_{nj}\,"
          r"\mathbb E_q[y_n-\sigma(w\cdot x_n)]-\mu_j",
          reason="With the derivative of KL from D-17.",
          note="The slide gives this line without a reason, after it chose the score function: it "
          "is the reparameterised form.",
          start=lambda n: _gradient(n, 0) - n.mu[0],
          value=lambda n: n.mean(_residuals(n)) - n.mu[0]),
        S(formula=r"=\sum_n\mathbb E_q\!\left[\log p(y_n|w)\,\frac{w_j-\mu_j}{\sigma_j^2}\right]"
          r"-\mu_j", reason="The score-function form: two ways to write one gradient.",
          value=lambda n: n.mean(n.log_likelihood(n.weights) * _score(n)) - n.mu[0]),
        S(formula=r"\frac{\partial\mathcal L}{\partial\sigma_j}=\sum_nx_{nj}\,"
          r"\mathbb E_\varepsilon[(y_n-\sigma(w\cdot x_n))\,\varepsilon_j]-\sigma_j+\frac1{"
          r"\sigma_j}",
          reason="Likewise.", start=lambda n: _gradient(n, 1) - n.sigma[0] + 1 / n.sigma[0],
          value=lambda n: n.mean(_residuals(n) * n.noise[0][:, 0]) - n.sigma[0]
          + 1 / n.sigma[0]),
    ),
    unit="",
)  # fmt: skip
