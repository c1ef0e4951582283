r"""The q(c|x) that maximises the bound, and the two parts of the average KL(q(c|x) || p(c))."""

import math

import torch
from torch import Tensor

from ..._types import Probs
from ..cluster_choices import cluster_cost
from .image import ImageNumbers
from .line import Derivation, Line

__all__ = ["BEST_CHOICE", "TWO_COLLAPSES"]

L = Line[ImageNumbers]
P = Line[Probs]


def _exponents(n: ImageNumbers) -> Tensor:
    """Evaluate a_c = E_q(z|x)[log p(x|z, c) + log p(z|c)]."""
    return (n.log_likelihood + n.log_prior).mean(0)


def _entropy_of_code(n: ImageNumbers) -> Tensor:
    return -n.log_posterior.mean()


def _log_z(n: ImageNumbers) -> Tensor:
    return (_exponents(n) + n.log_uniform).logsumexp(0)


def _bound(n: ImageNumbers, q: Tensor) -> Tensor:
    kl = -torch.special.entr(q).sum() - n.log_uniform
    return q @ _exponents(n) - kl + _entropy_of_code(n)


def _kl_to_best(n: ImageNumbers, q: Tensor) -> Tensor:
    log_best = (_exponents(n) + n.log_uniform).log_softmax(0)
    return -torch.special.entr(q).sum() - q @ log_best


def _uniform(n: ImageNumbers) -> Tensor:
    return torch.full_like(n.given_x, 1 / len(n.given_x))


def _ratio(n: ImageNumbers) -> Tensor:
    q = n.given_x
    return q @ (_exponents(n) + n.log_uniform) + torch.special.entr(q).sum()


BEST_CHOICE = Derivation(
    key="D-6",
    title="The best q(c|x)",
    source="Report, 6.1.3, corrected; slides, “Coordinate Ascent”",
    setting="q(z|x) is held fixed; q stands for q(c|x), the encoder's here. The report says that "
    "the optimal q(c|x) is 1/K: that maximises one of four terms. This is the slides' "
    "coordinate update for the block c.",
    lines=(
        L(formula=r"a_c:=\mathbb E_{q(z|x)}[\log p(x|z,c)+\log p(z|c)]",
          reason="Everything in (6.1) that depends on c, apart from q(c|x)."),
        L(formula=r"\hat{\mathcal L}(q)=\sum_c q_c\,a_c-\sum_c q_c\log\frac{q_c}{p_c}+H(q(z|x))",
          reason="(6.1), gathered.", number="(6.1)",
          start=lambda n: n.given_x @ n.log_likelihood.mean(0)
          + n.given_x @ n.log_prior.mean(0) + torch.special.entr(n.given_x).sum()
          + n.log_uniform - n.log_posterior.mean(),
          value=lambda n: _bound(n, n.given_x)),
        L(formula=r"=\sum_c q_c\log\frac{p_c\,e^{a_c}}{q_c}+H(q(z|x))", reason="Gather.",
          value=lambda n: _ratio(n) + _entropy_of_code(n)),
        L(formula=r"Z:=\sum_j p_j\,e^{a_j},\qquad q^\star_c:=p_c\,e^{a_c}/Z",
          reason="Normalise."),
        L(formula=r"\hat{\mathcal L}(q)=\log Z+H(q(z|x))-\mathrm{KL}(q\,\|\,q^\star)",
          reason="Insert.",
          value=lambda n: _log_z(n) + _entropy_of_code(n) - _kl_to_best(n, n.given_x)),
        L(formula=r"\hat{\mathcal L}(q^\star)=\log Z+H(q(z|x))",
          reason="KL ≥ 0, and 0 if and only if q = q⋆ (Gibbs): q⋆ is the maximum.",
          note="“The optimal q(c|x) is 1/K”: minus KL alone wants 1/K, the whole bound wants q⋆.",
          number="6.1.3", start=lambda n: _bound(n, n.best),
          value=lambda n: _log_z(n) + _entropy_of_code(n)),
        L(formula=r"\hat{\mathcal L}(q^\star)-\hat{\mathcal L}(1/K)=\mathrm{KL}(1/K\,\|\,q^\star)"
          r"=-\ln K-\frac1K\sum_c\log q^\star_c", reason="What 1/K loses.",
          start=lambda n: _bound(n, n.best) - _bound(n, _uniform(n)),
          value=lambda n: -math.log(len(n.given_x))
          - (_exponents(n) + n.log_uniform).log_softmax(0).mean()),
        L(formula=r"q^\star=1/K\iff a_c\text{ is the same for every }c",
          reason="From the definition. Early in training it nearly is. For a decoder that reads z "
          "alone q⋆ is the normalised geometric mean of p(c|z) over the codes."),
        L(formula=r"\frac{\partial}{\partial q_c}\Bigl[\sum_c q_c(a_c+\log p_c-\log q_c)"
          r"+\nu\bigl(1-\sum_c q_c\bigr)\Bigr]=a_c+\log p_c-\log q_c-1-\nu=0",
          reason="The same by a Lagrange multiplier: q_c ∝ p_c exp a_c, and the objective is "
          "concave in q (shown: ν + 1 by two clusters' equations).",
          start=lambda n: (_exponents(n) + n.log_uniform
                           - (_exponents(n) + n.log_uniform).log_softmax(0))[0],
          value=_log_z),
    ),
)  # fmt: skip

TWO_COLLAPSES = Derivation(
    key="D-7",
    title="Two collapses",
    source="Report, 6.1.3, made precise",
    setting="Averages are over images; q̄(c) is the average of q(c|x). It is the inequality of "
    "section 3 once more, with x in the place of z.",
    lines=(
        P(formula=r"\overline{\mathrm{KL}(q(c|x)\,\|\,p(c))}"
          r"=\overline{\sum_c q(c|x)\log\frac{q(c|x)}{p(c)}}", reason="Definition.",
          value=lambda q: cluster_cost(q).paid),
        P(formula=r"=\overline{\sum_c q(c|x)\Bigl[\log\frac{q(c|x)}{\overline q(c)}"
          r"+\log\frac{\overline q(c)}{p(c)}\Bigr]}", reason="Multiply and divide by q̄(c).",
          value=lambda q: (
              q * (q.clamp(min=1e-300).log() - q.mean(0).clamp(min=1e-300).log())
              + q * (q.mean(0).clamp(min=1e-300).log() + math.log(q.shape[1]))
          ).sum(-1).mean()),
        P(formula=r"\overline{\mathrm{KL}(q(c|x)\,\|\,\overline q)}=H(\overline q)"
          r"-\overline{H(q(c|x))}=I(c;x)", reason="First part: the cluster information.",
          start=lambda q: (q * (q.clamp(min=1e-300).log() - q.mean(0).clamp(min=1e-300).log()))
          .sum(-1).mean(),
          value=lambda q: cluster_cost(q).information),
        P(formula=r"\sum_c\overline q(c)\log\frac{\overline q(c)}{p(c)}"
          r"=\mathrm{KL}(\overline q\,\|\,p(c))", reason="Second part: the average of q(c|x) is "
          "q̄(c).", start=lambda q: (q.mean(0) * (q.mean(0).clamp(min=1e-300).log()
                                                  + math.log(q.shape[1]))).sum(),
          value=lambda q: cluster_cost(q).unevenness),
        P(formula=r"\overline{\mathrm{KL}(q(c|x)\,\|\,p(c))}=I(c;x)"
          r"+\mathrm{KL}(\overline q\,\|\,p(c))", reason="What is paid = what is told + what is "
          "spent on uneven clusters. 1/K for every image: 0 = 0 + 0. One cluster for every "
          "image: ln K = 0 + ln K. Certain, evenly used clusters: ln K = ln K + 0.",
          note="“Collapse to the uniform prior” is one way to tell nothing; one cluster for all "
          "is the other. Ask for I(c; x), not for KL.",
          start=lambda q: cluster_cost(q).paid,
          value=lambda q: cluster_cost(q).information + cluster_cost(q).unevenness),
    ),
)  # fmt: skip
