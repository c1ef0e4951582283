r"""Bounds with two latents: q(c|z), q(c|x), their difference, and the final model's (6.1)."""

import math

import torch
from torch import Tensor

from .image import ImageNumbers
from .line import Derivation, Line

__all__ = ["DIFFERENCE", "FINAL_BOUND", "INEQUALITY", "TWO_LATENTS"]

L = Line[ImageNumbers]
I = ImageNumbers  # noqa: E741


def _under_z(n: I, table: Tensor) -> Tensor:
    """Evaluate E_q(z|x) E_q(c|z) of a table over draws and clusters."""
    return (n.given_z * table).sum(-1).mean()


def _under_x(n: I, table: Tensor) -> Tensor:
    """Evaluate E_q(z|x) E_q(c|x) of a table over draws and clusters."""
    return (n.given_x * table).sum(-1).mean()


def _negative_entropy(probs: Tensor) -> Tensor:
    return -torch.special.entr(probs).sum(-1)


def _kl(probs: Tensor, log_other: Tensor) -> Tensor:
    """Evaluate KL(probs || other), rows along the last axis."""
    return _negative_entropy(probs) - (probs * log_other).sum(-1)


def _i1(n: I) -> Tensor:
    return _negative_entropy(n.given_z).mean()


def _i2(n: I) -> Tensor:
    return n.log_posterior.mean()


def _i3(n: I) -> Tensor:
    return -_under_z(n, n.log_prior)


def _i4(n: I) -> Tensor:
    return -_under_z(n, n.log_uniform.expand_as(n.log_prior))


def _mean_kl(n: I) -> Tensor:
    return _kl(n.given_z, n.log_uniform).mean()


def _kl_of_pair(n: I) -> Tensor:
    joint = n.given_z.log() + n.log_posterior[:, None] - n.log_prior - n.log_uniform
    return (n.given_z * joint.nan_to_num(neginf=0)).sum(-1).mean()


def _upper(n: I) -> Tensor:
    return _under_z(n, n.log_likelihood) - _kl_of_pair(n)


def _lower(n: I) -> Tensor:
    return (
        _under_x(n, n.log_likelihood)
        - _i2(n)
        + _under_x(n, n.log_prior)
        - _kl(n.given_x, n.log_uniform)
    )


def _free(n: I) -> Tensor:
    """Evaluate E_q(z|x)[log p(x, z) - log q(z|x)]."""
    return n.draws.log_weights[:, 0].mean()


def _far(n: I, probs: Tensor) -> Tensor:
    """Evaluate E_q(z|x)[KL(probs || p(c|x, z))]."""
    return _kl(probs, n.true_given_z.log()).mean()


def _log_mixture(n: I) -> Tensor:
    return n.log_prior.logsumexp(-1) + n.log_uniform


def _given_code_and_cluster(n: I) -> Tensor:
    """Evaluate E_q(c|x)[KL(q(z|x, c) || p(z|c))] with q(c|x) the average of q(c|z)."""
    log_given = n.given_z.log() - n.average.log() + n.log_posterior[:, None]
    return (n.given_z * (log_given - n.log_prior).nan_to_num(neginf=0)).sum(-1).mean()


TWO_LATENTS = Derivation(
    key="D-2",
    title="The bound with two latents",
    source="Report, section 2, (2.1) and 2.1 to 2.3",
    setting="The latent is the pair (z, c). Here q(c|z) = p(c|z), and p(c) = 1/K. One samples as "
    "the nested expectations say: first z ~ q(z|x), then c ~ q(c|z); the sum over c is exact "
    "here. c is discrete: the report's integrals over c are sums.",
    lines=(
        L(formula=r"\mathcal L=\mathbb E_{q(z,c|x)}[\log p(x|z,c)]"
          r"-\mathrm{KL}(q(z,c|x)\,\|\,p(z,c))",
          reason="The bound (1.7) with the pair (z, c) as the latent.", number="(2.1)",
          value=_upper),
        L(formula=r"q(z,c|x)=q(c|z)\,q(z|x),\qquad p(z,c)=p(z|c)\,p(c)",
          reason="Assumption: c looks at the code only; and the product rule.",
          note="The long version prints p(z) p(c) before (2.1); read p(z|c) p(c)."),
        L(formula=r"\mathbb E_{q(z,c|x)}[\log p(x|z,c)]"
          r"=\int\sum_c q(z|x)\,q(c|z)\log p(x|z,c)\,dz", reason="Insert the factorisation.",
          number="2.1", start=lambda n: _under_z(n, n.log_likelihood),
          value=lambda n: (n.given_z * n.log_likelihood).sum() / len(n.given_z)),
        L(formula=r"\mathbb E_{q(c|z)}[\log p(x|z,c)]=\sum_c q(c|z)\log p(x|z,c)",
          reason="Inner expectation, over c for a fixed z (here the first draw).", number="2.1",
          start=lambda n: n.given_z[0] @ n.log_likelihood[0],
          value=lambda n: (n.given_z[0] * n.log_likelihood[0]).sum()),
        L(formula=r"\int q(z|x)\Bigl[\sum_c q(c|z)\log p(x|z,c)\Bigr]dz"
          r"=\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|z)}[\log p(x|z,c)]\bigr]",
          reason="Outer expectation; sum and integral may change places.", number="2.1",
          start=lambda n: (n.given_z * n.log_likelihood).mean(0).sum(),
          value=lambda n: _under_z(n, n.log_likelihood)),
        L(formula=r"\mathrm{KL}(q(z,c|x)\,\|\,p(z,c))=\int\sum_c q(z,c|x)\log"
          r"\frac{q(z,c|x)}{p(z,c)}\,dz", reason="Definition of KL.", number="2.2", begins=True,
          value=_kl_of_pair),
        L(formula=r"=\int\sum_c q(c|z)\,q(z|x)\log\frac{q(c|z)\,q(z|x)}{p(z|c)\,p(c)}\,dz",
          reason="Insert the factorisations.", number="2.2", value=_kl_of_pair),
        L(formula=r"\log\frac{q(c|z)\,q(z|x)}{p(z|c)\,p(c)}=\log q(c|z)+\log q(z|x)-\log p(z|c)"
          r"-\log p(c)", reason="Logarithm of products (here for the first draw and its likeliest "
          "cluster).", number="2.2",
          start=lambda n: (n.given_z[0].max().log() + n.log_posterior[0])
          - (n.log_prior[0].max() + n.log_uniform),
          value=lambda n: n.given_z[0].max().log() + n.log_posterior[0] - n.log_prior[0].max()
          - n.log_uniform),
        L(formula=r"\mathrm{KL}=I_1+I_2+I_3+I_4", reason="Linearity: four integrals.",
          number="2.2", start=_kl_of_pair, value=lambda n: _i1(n) + _i2(n) + _i3(n) + _i4(n)),
        L(formula=r"I_1=\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|z)}[\log q(c|z)]\bigr]"
          r"=-\mathbb E_{q(z|x)}[H(q(c|z))]", reason="Integral 1: minus the mean entropy of "
          "q(c|z).", number="2.2",
          start=lambda n: _under_z(n, n.given_z.log().nan_to_num(neginf=0)), value=_i1),
        L(formula=r"I_2=\mathbb E_{q(z|x)}[\log q(z|x)]",
          reason="Integral 2: q(c|z) sums to 1. It is −H(q(z|x)).", number="2.2",
          start=lambda n: (n.given_z * n.log_posterior[:, None]).sum(-1).mean(), value=_i2),
        L(formula=r"I_3=-\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|z)}[\log p(z|c)]\bigr]",
          reason="Integral 3.", number="2.2",
          start=lambda n: -(n.given_z * n.log_prior).mean(0).sum(), value=_i3),
        L(formula=r"I_4=-\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|z)}[\log p(c)]\bigr]=\ln K",
          reason="Integral 4, for p(c) = 1/K.", number="2.2", start=_i4,
          value=lambda n: math.log(len(n.scales))),
        L(formula=r"I_1+I_4=\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\,\|\,p(c))]",
          reason="An average of log(q(c|z)/p(c)) under q(c|z) is a KL. 1 and 3 cannot be grouped "
          "like this: one is a distribution over c, the other over z.", number="2.2",
          start=lambda n: _i1(n) + _i4(n), value=_mean_kl),
        L(formula=r"\mathrm{KL}=\mathbb E_{q(z|x)}\bigl[\log q(z|x)"
          r"-\mathbb E_{q(c|z)}[\log p(z|c)]"
          r"+\mathrm{KL}(q(c|z)\,\|\,p(c))\bigr]", reason="The four integrals, 1 with 4.",
          number="2.2", start=_kl_of_pair, value=lambda n: _i2(n) + _i3(n) + _mean_kl(n)),
        L(formula=r"\mathcal L=\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|z)}[\log p(x|z,c)]\bigr]"
          r"-\mathrm{KL}", reason="Into (2.1).", number="2.3", start=_upper,
          value=lambda n: _under_z(n, n.log_likelihood) - (_i2(n) + _i3(n) + _mean_kl(n))),
        L(formula=r"\mathcal L=\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|z)}[\log p(x|z,c)]"
          r"-\log q(z|x)+\mathbb E_{q(c|z)}[\log p(z|c)]-\mathrm{KL}(q(c|z)\,\|\,p(c))\bigr]",
          reason="One expectation over z.", number="2.3",
          value=lambda n: ((n.given_z * (n.log_likelihood + n.log_prior)).sum(-1)
                           - n.log_posterior - _kl(n.given_z, n.log_uniform)).mean()),
        L(formula=r"\mathrm{KL}=\mathrm{KL}(q(z|x)\,\|\,p(z))"
          r"+\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\,\|\,p(c|z))]",
          reason="Not in the report: p(z, c) = p(z) p(c|z). With q(c|z) = p(c|z) the second part "
          "is 0: for a decoder that reads z alone, L is then the plain two-term bound of a VAE "
          "whose prior is the mixture p(z).", start=_kl_of_pair,
          note="“First and third do not apply” is not taken up again in the report: this and the "
          "next line are two groupings that are divergences.",
          value=lambda n: (n.log_posterior - _log_mixture(n)).mean()
          + _kl(n.given_z, n.log_prior.log_softmax(-1)).mean()),
        L(formula=r"=\mathrm{KL}(q(c|x)\,\|\,p(c))+\mathbb E_{q(c|x)}[\mathrm{KL}(q(z|x,c)\,\|\,"
          r"p(z|c))]", reason="Bayes' rule inside q: q(c|x) is the average of q(c|z), and "
          "q(z|x, c) = q(c|z) q(z|x)/q(c|x).",
          value=lambda n: _kl(n.average, n.log_uniform) + _given_code_and_cluster(n)),
    ),
)  # fmt: skip

INEQUALITY = Derivation(
    key="D-3",
    title="The inequality, and its exact gap",
    source="Report, section 3, 3.1 to 3.4",
    setting="KL(p‖q) = Σ p log(p/q) is never negative, and 0 if and only if p = q. q(c|x) is here "
    "the average of q(c|z) over the codes of the image, not the encoder's branch.",
    lines=(
        L(formula=r"q(c|x)=\int q(c,z|x)\,dz=\int q(c|z)\,q(z|x)\,dz",
          reason="Marginalisation (shown: the probability of the likeliest cluster).",
          number="3.3", start=lambda n: n.average.max(),
          value=lambda n: n.given_z[:, n.average.argmax()].mean()),
        L(formula=r"\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\,\|\,p(c))]"
          r"=\int q(z|x)\sum_c q(c|z)\log\frac{q(c|z)}{p(c)}\,dz",
          reason="Left side, by definition.", number="3.2", start=_mean_kl,
          value=lambda n: _i1(n) + _i4(n)),
        L(formula=r"\mathrm{KL}(q(c|x)\,\|\,p(c))=\sum_c q(c|x)\log\frac{q(c|x)}{p(c)}",
          reason="Right side, by definition.", number="3.3",
          start=lambda n: _kl(n.average, n.log_uniform),
          value=lambda n: _negative_entropy(n.average) - n.log_uniform),
        L(formula=r"f(r):=\mathrm{KL}(r\,\|\,p)=\sum_c(r_c\log r_c-r_c\log p_c)"
          r"\text{ is convex in }r", reason="t log t has second derivative 1/t > 0, the rest is "
          "linear.", number="3.4"),
        L(formula=r"\mathbb E[f(r)]\ge f(\mathbb E[r])\quad\text{for the random }r=q(\cdot|z),\ "
          r"z\sim q(z|x)", reason="Jensen for a convex f.", number="3.4", relation=">=",
          start=_mean_kl, value=lambda n: _kl(n.given_z.mean(0), n.log_uniform)),
        L(formula=r"\mathbb E_{q(z|x)}[q(\cdot|z)]=q(\cdot|x)",
          reason="The first line. With this the inequality is proved.", number="3.4",
          start=lambda n: n.given_z.mean(0).max(), value=lambda n: n.average.max()),
        L(formula=r"\text{left}-\text{right}=\mathbb E_{q(z|x)}\Bigl[\sum_c q(c|z)\log"
          r"\frac{q(c|z)}{q(c|x)}\Bigr]", reason="The terms with log p(c) cancel, since q(c|x) is "
          "the mean of q(c|z).",
          start=lambda n: _mean_kl(n) - _kl(n.average, n.log_uniform),
          value=lambda n: _i1(n) - (n.given_z * n.average.log().nan_to_num(neginf=0)).sum(-1)
          .mean()),
        L(formula=r"=\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\,\|\,q(c|x))]"
          r"=I_q(z;c\,|\,\text{this }x)\ge 0", reason="Mutual information of code and cluster "
          "for this one image: 0 if and "
          "only if all codes agree about the cluster.",
          value=lambda n: _kl(n.given_z, n.average.log().nan_to_num(neginf=0)).mean()),
    ),
)  # fmt: skip

DIFFERENCE = Derivation(
    key="D-4",
    title="The difference of the bounds, and its sign",
    source="Report, section 4, (4.1)",
    setting="The modified bound has q(c|x) for q(c|z); it is a bound for any q(c|x). Here q(c|x) "
    "is the encoder's, or the average where the model has no such branch. p(c|x, z) is "
    "proportional to p(x|z, c) p(z|c).",
    lines=(
        L(formula=r"\hat{\mathcal L}=\mathbb E_{q(z|x)}\bigl[\mathbb E_{q(c|x)}[\log p(x|z,c)]"
          r"-\log q(z|x)+\mathbb E_{q(c|x)}[\log p(z|c)]-\mathrm{KL}(q(c|x)\,\|\,p(c))\bigr]",
          reason="The bound of section 2 with q(c|x) for q(c|z).", number="section 4",
          value=_lower),
        L(formula=r"\mathcal L-\hat{\mathcal L}=\mathbb E_{q(z|x)}\bigl\{"
          r"\mathbb E_{q(c|z)}[\log p(x|z,c)]-\mathbb E_{q(c|x)}[\log p(x|z,c)]"
          r"+\mathbb E_{q(c|z)}[\log p(z|c)]-\mathbb E_{q(c|x)}[\log p(z|c)]"
          r"-\mathrm{KL}(q(c|z)\,\|\,p(c))+\mathrm{KL}(q(c|x)\,\|\,p(c))\bigr\}",
          reason="Subtract; −log q(z|x) cancels.", number="(4.1)",
          note="In the short version a bracket closes too early: all six terms stand inside the "
          "expectation over z.", start=lambda n: _upper(n) - _lower(n),
          value=lambda n: _under_z(n, n.log_likelihood) - _under_x(n, n.log_likelihood)
          + _under_z(n, n.log_prior) - _under_x(n, n.log_prior) - _mean_kl(n)
          + _kl(n.given_x, n.log_uniform)),
        L(formula=r"-\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\,\|\,p(c))]"
          r"+\mathrm{KL}(\overline q\,\|\,p(c))=-I_q(z;c|x)\le 0",
          reason="The KL pair for the average q(c|x): Jensen alone makes L the *smaller* bound.",
          number="section 4", note="The report reads this the other way round.", relation="<=",
          start=lambda n: _kl(n.average, n.log_uniform) - _mean_kl(n), value=lambda n: 0.0),
        L(formula=r"\sum_c r_c[\log p(x|z,c)+\log p(z|c)+\log p(c)-\log r_c]"
          r"=\log p(x,z)-\mathrm{KL}(r\,\|\,p(c|x,z))",
          reason="For one z and any r: p(x, z, c) = p(c|x, z) p(x, z); definition of KL (here at "
          "the first draw, r = q(c|x)).",
          start=lambda n: n.given_x @ (n.log_likelihood[0] + n.log_prior[0] + n.log_uniform)
          - _negative_entropy(n.given_x),
          value=lambda n: (n.log_likelihood[0] + n.log_prior[0]).logsumexp(-1) + n.log_uniform
          - _kl(n.given_x, n.true_given_z[0].log())),
        L(formula=r"\mathcal L=\mathbb E_{q(z|x)}[\log p(x,z)-\log q(z|x)]"
          r"-\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|z)\,\|\,p(c|x,z))]",
          reason="The line before with r = q(c|z).", start=_upper,
          value=lambda n: _free(n) - _far(n, n.given_z)),
        L(formula=r"\hat{\mathcal L}=\mathbb E_{q(z|x)}[\log p(x,z)-\log q(z|x)]"
          r"-\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|x)\,\|\,p(c|x,z))]",
          reason="And with r = q(c|x).", start=_lower,
          value=lambda n: _free(n) - _far(n, n.given_x)),
        L(formula=r"\mathcal L-\hat{\mathcal L}=\mathbb E_{q(z|x)}\bigl[\mathrm{KL}(q(c|x)\,\|\,"
          r"p(c|x,z))-\mathrm{KL}(q(c|z)\,\|\,p(c|x,z))\bigr]",
          reason="Subtract: the exact rule for the sign, for every decoder.",
          start=lambda n: _upper(n) - _lower(n),
          value=lambda n: _far(n, n.given_x) - _far(n, n.given_z)),
        L(formula=r"q(c|z)=p(c|x,z)\ \Rightarrow\ \mathcal L-\hat{\mathcal L}"
          r"=\mathbb E_{q(z|x)}[\mathrm{KL}(q(c|x)\,\|\,p(c|x,z))]\ge 0",
          reason="The second divergence is 0. A decoder that does not read c has p(c|x, z) = "
          "p(c|z), so the mixture's responsibilities are enough.", relation=">=",
          start=lambda n: _far(n, n.given_x), value=lambda n: 0.0),
        L(formula=r"\text{otherwise either sign occurs}",
          reason="The example with two equal Gaussians below has −1.204 against −0.693. And "
          "L = L̂ where both average divergences are equal: q(c|z) = q(c|x) is enough for that, "
          "but not needed.", number="section 4",
          note="“Generally L ≥ L̂”, with equality only if q(c|z) = q(c|x), is not a theorem."),
    ),
)  # fmt: skip


def _joint_bound(n: I) -> Tensor:
    log_ratio = (
        n.log_likelihood + n.log_prior + n.log_uniform - n.log_posterior[:, None]
    ) - n.given_x.log()
    return (n.given_x * log_ratio.nan_to_num(posinf=0)).sum(-1).mean()


def _pixels(n: I) -> Tensor:
    """Sum the pixels' log densities at the first draw."""
    if n.pixel_log_var is None:
        shown = n.drawn.clamp(1e-12, 1 - 1e-12)
        return (n.pixels * shown.log() + (1 - n.pixels) * (1 - shown).log()).sum()
    squares = (n.pixels - n.drawn).square().sum() * math.exp(-n.pixel_log_var)
    return -0.5 * (squares + len(n.pixels) * (n.pixel_log_var + math.log(2 * math.pi)))


def _shifted(n: I) -> Tensor:
    """Evaluate log N(mu(x); mu_c, sigma_c^2 I) - sum sigma_j^2(x) / (2 sigma_c^2)."""
    centred = torch.distributions.Normal(n.centres, n.scales[:, None])
    density = centred.log_prob(n.mean).sum(-1)
    return density - n.log_var.exp().sum() / (2 * n.scales.square())


def _entropy(n: I) -> Tensor:
    normal = torch.distributions.Normal(n.mean, (0.5 * n.log_var).exp())
    return normal.entropy().sum()


FINAL_BOUND = Derivation(
    key="D-5",
    title="The final model's bound",
    source="Report, section 6, (6.1)",
    setting="p(x, z, c) = p(x|z, c) p(z|c) p(c), and q(z, c|x) = q(c|x) q(z|x): mean-field, c and "
    "z independent given x. μ_c and z are vectors of the latent space; only the decoder makes an "
    "image of a centre, g(μ_c), and p(z|c) is a distribution over codes. Section 6 writes L for "
    "what section 4 calls L̂.",
    lines=(
        L(formula=r"\hat{\mathcal L}=\mathbb E_{q(z,c|x)}\!\left[\log\frac{p(x,z,c)}{q(z,c|x)}"
          r"\right]", reason="(1.3) with the pair (z, c).", number="6",
          note="Section 6 calls this bound L.", value=_joint_bound),
        L(formula=r"=\mathbb E_{q(c|x)q(z|x)}\!\left[\log\frac{p(x|z,c)\,p(z|c)\,p(c)}"
          r"{q(c|x)\,q(z|x)}\right]", reason="Insert both factorisations.", number="6",
          value=_joint_bound),
        L(formula=r"=\mathbb E_{q(c|x)q(z|x)}[\log p(x|z,c)+\log p(z|c)+\log p(c)-\log q(c|x)"
          r"-\log q(z|x)]", reason="Logarithm of products, linearity.", number="6",
          value=lambda n: _under_x(n, n.log_likelihood) + _under_x(n, n.log_prior)
          + _under_x(n, n.log_uniform.expand_as(n.log_prior)) - _negative_entropy(n.given_x)
          - _under_x(n, n.log_posterior[:, None].expand_as(n.log_prior))),
        L(formula=r"=\mathbb E_{q(c|x)q(z|x)}[\log p(x|z,c)]+\mathbb E_{q(c|x)}\bigl["
          r"\mathbb E_{q(z|x)}[\log p(z|c)]\bigr]+\mathbb E_{q(c|x)}[\log p(c)]"
          r"-\mathbb E_{q(c|x)}[\log q(c|x)]-\mathbb E_{q(z|x)}[\log q(z|x)]",
          reason="A factor that does not contain the variable sums or integrates to 1.",
          number="6",
          value=lambda n: n.given_x @ n.log_likelihood.mean(0) + n.given_x @ n.log_prior.mean(0)
          + n.given_x.sum() * n.log_uniform - _negative_entropy(n.given_x) - _i2(n)),
        L(formula=r"=\mathbb E_{q(c|x)q(z|x)}[\log p(x|z,c)]+\mathbb E_{q(c|x)}\bigl["
          r"\mathbb E_{q(z|x)}[\log p(z|c)]\bigr]-\mathrm{KL}(q(c|x)\,\|\,p(c))"
          r"-\mathbb E_{q(z|x)}[\log q(z|x)]", reason="Definition of KL.", number="(6.1)",
          value=_lower),
        L(formula=r"\mathbb E_{q(c|x)}\bigl[\mathbb E_{q(z|x)}[\log p(z|c)]\bigr]"
          r"-\mathbb E_{q(z|x)}[\log q(z|x)]=-\sum_c q(c|x)\,\mathrm{KL}(q(z|x)\,\|\,p(z|c))",
          reason="Second and fourth term together, in closed form: (6.1) is reconstruction minus "
          "two divergences.", start=lambda n: n.given_x @ n.expected_log_prior + _entropy(n),
          value=lambda n: -(n.given_x @ n.kl_to_clusters)),
        L(formula=r"\mathbb E_{q(z|x)}[\log p(z|c)]=-\tfrac12\Bigl[\frac{\|\mu(x)-\mu_c\|^2+"
          r"\sum_j\sigma_j^2(x)}{\sigma_c^2}+d\log(2\pi\sigma_c^2)\Bigr]"
          r"=\log\mathcal N(\mu(x);\mu_c,\sigma_c^2I)-\frac{\sum_j\sigma_j^2(x)}{2\sigma_c^2}",
          reason="Term 2 pulls codes to the centres: E‖z − μ_c‖² = ‖μ(x) − μ_c‖² + Σ σ_j²(x). "
          "Wide clusters pay for their width by −d log σ_c, which differs by cluster.",
          number="6.1, term 2", start=lambda n: n.given_x @ n.expected_log_prior,
          note="“∝ −‖z − μ_c‖²/2σ_c²” leaves out −d log σ_c, which is no constant: σ_c is "
          "learned. The report's q(c|x) ≈ γ_c are responsibilities, not weights; how well they "
          "agree has to be measured.",
          value=lambda n: n.given_x @ _shifted(n)),
        L(formula=r"-\mathbb E_{q(z|x)}[\log q(z|x)]=\tfrac12\sum_j\log(2\pi e\,\sigma_j^2(x))",
          reason="Term 4, the entropy of one image's code: it depends on the spreads alone. It "
          "gives each code room; it does not share images out among clusters.",
          number="6.1, term 4", note="It does not prevent a collapse to one class.",
          start=_entropy,
          value=lambda n: 0.5 * (math.log(2 * math.pi * math.e) + n.log_var).sum()),
        L(formula=r"-\mathrm{KL}(q(c|x)\,\|\,p(c))=H(q(c|x))-\ln K",
          reason="Term 3, for p(c) = 1/K: it contains no pixel and only wants q(c|x) to be "
          "undecided. For one image q(c|x) = 1/K would be no answer; the average over images "
          "should be near 1/K.", number="6.1, term 3",
          note="“Adapts to perturbations of background pixels” and “ideally q(c|x) ≈ 1/K” are not "
          "what this term does.",
          start=lambda n: -_kl(n.given_x, n.log_uniform),
          value=lambda n: torch.special.entr(n.given_x).sum() - math.log(len(n.scales))),
        L(formula=r"\log p(x|z,c)=\sum_m[x_m\log g_m+(1-x_m)\log(1-g_m)]\ \text{ or }\ "
          r"-\frac{\|x-g\|^2}{2s^2}-\frac M2\log(2\pi s^2)",
          reason="Term 1, how well the decoder explains the pixels, g = g(z, c): Bernoulli, or "
          "Gaussian with one variance s² (here at the first draw). Every nat can be traced to "
          "its pixel.", number="6.1, term 1",
          note="Not the reconstruction error but minus it: large is good.",
          start=lambda n: n.drawn_log_likelihood, value=_pixels, tolerance=1e-4),
    ),
)  # fmt: skip
