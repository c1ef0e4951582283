r"""Jensen's inequality, and Gibbs' inequality with its equality."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .line import Derivation, Line

__all__ = ["GIBBS", "JENSEN", "Distributions", "Points", "points_of_weights"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """A random variable with positive values, to which f = -log is applied.

    Attributes:
        values: x_i, above 0.
        probs: p_i, at least three of them, sum 1.
    """

    values: Float[Tensor, " points"]
    probs: Float[Tensor, " points"]

    @property
    def mean(self) -> Tensor:
        """Evaluate E[X]."""
        return (self.probs * self.values).sum()

    def rest(self, first: int) -> Tensor:
        """Evaluate the probability that is left after the first points, s_k."""
        return self.probs[first:].sum()

    def centre(self, first: int) -> Tensor:
        """Evaluate the mean of the points after the first ones."""
        return (self.probs[first:] * self.values[first:]).sum() / self.rest(first)


def points_of_weights(log_weights: Float[Tensor, " samples"]) -> Points:
    """Take an image's weights w = p(x, z)/q(z|x), divided by the largest, as the variable."""
    values = (log_weights - log_weights.max()).clamp(min=-600).exp()
    return Points(values=values, probs=torch.full_like(values, 1 / len(values)))


def _f(x: Tensor) -> Tensor:
    return -x.log()


def _second_split(n: Points) -> Tensor:
    s1, p = n.rest(1), n.probs
    inner = p[1] / s1 * n.values[1] + n.rest(2) / s1 * n.centre(2)
    return p[0] * _f(n.values[0]) + s1 * _f(inner)


def _third_line(n: Points) -> Tensor:
    s1, p = n.rest(1), n.probs
    inner = p[1] / s1 * _f(n.values[1]) + n.rest(2) / s1 * _f(n.centre(2))
    return p[0] * _f(n.values[0]) + s1 * inner


L = Line[Points]

JENSEN = Derivation(
    key="D-11",
    title="Jensen's inequality",
    source="Slides, “Convex Set and Function”, “Jensen's Inequality” and its proof",
    setting="A set C is convex if λx + (1−λ)y lies in C for all x, y in C and λ in [0, 1]. "
    "f: C → R is convex if f(λx + (1−λ)y) ≤ λ f(x) + (1−λ) f(y). Theorem: E[f(X)] ≥ f(E[X]) for "
    "a convex f, and ≤ for a concave one. Here X are the selected image's weights p(x, z)/q(z|x), "
    "divided by the largest, f = −log, and s_k = 1 − p_1 − … − p_k.",
    lines=(
        L(formula=r"f\Bigl(\sum_i p_i x_i\Bigr)=f\Bigl(p_1x_1+s_1\frac{\sum_{i\ge2}p_ix_i}{s_1}"
          r"\Bigr)", reason="Split off the first point.", start=lambda n: _f(n.mean),
          value=lambda n: _f(n.probs[0] * n.values[0] + n.rest(1) * n.centre(1))),
        L(formula=r"\le p_1f(x_1)+s_1f\Bigl(\frac{\sum_{i\ge2}p_ix_i}{s_1}\Bigr)",
          reason="Convexity with λ = p_1.", relation="<=",
          value=lambda n: n.probs[0] * _f(n.values[0]) + n.rest(1) * _f(n.centre(1))),
        L(formula=r"=p_1f(x_1)+s_1f\Bigl(\frac{p_2}{s_1}x_2+\frac{s_2}{s_1}\,"
          r"\frac{\sum_{i\ge3}p_ix_i}{s_2}\Bigr)", reason="Split off the second point.",
          value=_second_split),
        L(formula=r"\le p_1f(x_1)+s_1\Bigl[\frac{p_2}{s_1}f(x_2)+\frac{s_2}{s_1}f\Bigl("
          r"\frac{\sum_{i\ge3}p_ix_i}{s_2}\Bigr)\Bigr]", reason="Convexity with λ = p_2/s_1.",
          relation="<=", value=_third_line),
        L(formula=r"=p_1f(x_1)+p_2f(x_2)+s_2f\Bigl(\frac{\sum_{i\ge3}p_ix_i}{s_2}\Bigr)",
          reason="Multiply out.", note="The slide loses the “+” before the last term.",
          value=lambda n: (n.probs[:2] * _f(n.values[:2])).sum() + n.rest(2) * _f(n.centre(2))),
        L(formula=r"\le\sum_i p_if(x_i)", reason="Repeat until one point is left.", relation="<=",
          value=lambda n: (n.probs * _f(n.values)).sum()),
        L(formula=r"f(x)\ge f(m)+a(x-m),\quad m=\mathbb E[X]",
          reason="Second proof, for a picture: a is the slope of a supporting line at m (here at "
          "the first point).", relation=">=", start=lambda n: _f(n.values[0]),
          value=lambda n: _f(n.mean) - (n.values[0] - n.mean) / n.mean),
        L(formula=r"\mathbb E[f(X)]\ge f(m)", reason="Take expectations. Equal if and only if f "
          "is linear on the values of X.", relation=">=",
          start=lambda n: (n.probs * _f(n.values)).sum(), value=lambda n: _f(n.mean)),
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Distributions:
    """Two distributions over the clusters.

    Attributes:
        p: Rows sum to 1; here q(c|x).
        q: Positive; here q*.
    """

    p: Float[Tensor, " clusters"]
    q: Float[Tensor, " clusters"]

    @property
    def there(self) -> Tensor:
        """Return where p is above 0."""
        return self.p > 0

    @property
    def kl(self) -> Tensor:
        """Evaluate KL(p || q)."""
        p, q = self.p[self.there], self.q[self.there]
        return (p * (p / q).log()).sum()


def _slope_of_kl(n: Distributions) -> Tensor:
    """Evaluate the derivative of KL(p || q) + (1 - sum p) by the largest p_i, at p, lambda = 1."""
    with torch.enable_grad():
        p = n.p.clone().clamp(min=1e-12).requires_grad_()
        objective = (p * (p.log() - n.q.log())).sum() + (1 - p.sum())
        (slope,) = torch.autograd.grad(objective, p)
    return slope[n.p.argmax()]


D = Line[Distributions]

GIBBS = Derivation(
    key="D-12",
    title="Gibbs' inequality, and when it is an equality",
    source="Slides, “Gibb's Inequality” and “Proof of the Equality”",
    setting="Information is I(X) = −log P(X), the surprise of an outcome; entropy its mean, "
    "H(X) = E[I(X)] = −Σ p log p, in bits for base 2 and in nats for base e (the base must be "
    "above 0 and not 1, the same in both). The relative entropy KL(p‖q) = Σ p log(p/q) needs q > "
    "0 wherever p > 0, with 0 log 0 = 0, and is not symmetric. Here p is q(c|x), and q is q⋆.",
    lines=(
        D(formula=r"\mathrm{KL}(p\,\|\,q)=\sum_ip_i\log\frac{p_i}{q_i}"
          r"=-\sum_ip_i\log\frac{q_i}{p_i}", reason="Definition, over i with p_i > 0.",
          start=lambda n: n.kl,
          value=lambda n: -(n.p[n.there] * (n.q[n.there] / n.p[n.there]).log()).sum()),
        D(formula=r"\ge-\log\sum_ip_i\,\frac{q_i}{p_i}", reason="Jensen: −log is convex.",
          relation=">=",
          value=lambda n: -(n.p[n.there] * n.q[n.there] / n.p[n.there]).sum().log()),
        D(formula=r"=-\log\sum_{i:\,p_i>0}q_i\ge-\log1=0",
          reason="The q_i that remain sum to at most 1.", relation=">=",
          note="The slide has = 0; the sum runs over p_i > 0 only, so it is at most 1. And it is "
          "Gibbs' inequality, after J. W. Gibbs.", value=lambda n: 0.0),
        D(formula=r"F(p,\lambda)=\sum_ip_i\log\frac{p_i}{q_i}+\lambda\bigl(1-\sum_ip_i\bigr)",
          reason="When is it an equality? Minimise over p with Σ p_i = 1: the Lagrangian."),
        D(formula=r"\frac{\partial F}{\partial p_i}=\log p_i-\log q_i+1-\lambda=0",
          reason="The derivative of t log t is log t + 1 (evaluated for the likeliest i at p, "
          "λ = 1).", start=_slope_of_kl,
          value=lambda n: n.p.max().log() - n.q[n.p.argmax()].log()),
        D(formula=r"p_i=q_i\,e^{\lambda-1}", reason="Solve."),
        D(formula=r"1=\sum_ip_i=e^{\lambda-1}\sum_iq_i=e^{\lambda-1}\ \Rightarrow\ \lambda=1,\ "
          r"p=q,\ \mathrm{KL}=0", reason="The constraint.",
          start=lambda n: (n.q * (n.q / n.q).log()).sum(), value=lambda n: 0.0),
        D(formula=r"\text{it is the only minimum}", reason="KL is strictly convex in p: its "
          "second derivative is 1/p_i > 0.",
          note="A stationary point alone need not be a minimum.",
          relation=">=", start=lambda n: n.kl, value=lambda n: 0.0),
    ),
)  # fmt: skip
