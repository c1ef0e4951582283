r"""Divergences between Gaussians, and a one-dimensional VAE with gradients derived by hand."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from ..linear_vae import LinearVAE
from .image import ImageNumbers
from .line import Derivation, Line

__all__ = ["GAUSSIAN_KL", "LINEAR_VAE", "LinearNumbers", "even_noise"]

L = Line[ImageNumbers]
I = ImageNumbers  # noqa: E741


def _posterior(n: I) -> Normal:
    return Normal(n.mean, (0.5 * n.log_var).exp())


def _standard(n: I) -> Normal:
    return Normal(torch.zeros_like(n.mean), torch.ones_like(n.mean))


def _half(n: I) -> Tensor:
    dim = len(n.mean)
    squares = n.mean.square() + n.log_var.exp()
    return -dim / 2 * math.log(2 * math.pi) - 0.5 * squares.sum()


def _negative_entropy(n: I) -> Tensor:
    return -len(n.mean) / 2 * math.log(2 * math.pi) - 0.5 * (1 + n.log_var).sum()


def _closed(n: I) -> Tensor:
    return 0.5 * (n.mean.square() + n.log_var.exp() - 1 - n.log_var).sum()


def _slope(n: I, of: int) -> Tensor:
    """Differentiate KL(q || N(0, I)) by the first mean (0) or the first deviation (1)."""
    with torch.enable_grad():
        inputs = [
            value.detach().clone().requires_grad_() for value in (n.mean, (0.5 * n.log_var).exp())
        ]
        kl = kl_divergence(Normal(inputs[0], inputs[1]), _standard(n)).sum()
        (found,) = torch.autograd.grad(kl, inputs[of])
    return found[0]


def _first_std(n: I) -> Tensor:
    return (0.5 * n.log_var[0]).exp()


def _nearest(n: I) -> int:
    return int(n.kl_to_clusters.argmin())


GAUSSIAN_KL = Derivation(
    key="D-19",
    title="The divergence between Gaussians",
    source="Slides, “KL Divergence”; report, 1.8",
    setting="q(z|x) = N(μ, diag σ²) of the selected image, in J dimensions; p(z) = N(0, I) is the "
    "plain VAE's prior. Against one cluster there is a closed form, against the mixture p(z) "
    "there is none. The expectation of log p(x|z) is estimated from draws; the divergence needs "
    "none.",
    lines=(
        L(formula=r"\int q\log p\,dz=-\frac J2\log2\pi-\frac12\sum_j(\mu_j^2+\sigma_j^2)",
          reason="E[z_j²] = μ_j² + σ_j².", start=lambda n: -(
              kl_divergence(_posterior(n), _standard(n)).sum() + _posterior(n).entropy().sum()),
          note="The slide announces KL and shows this line: minus the cross entropy, one half of "
          "it. The divergence is between distributions, so it has no sample index.", value=_half),
        L(formula=r"\int q\log q\,dz=-\frac J2\log2\pi-\frac12\sum_j(1+\log\sigma_j^2)",
          reason="E[(z_j − μ_j)²] = σ_j²: minus the entropy.",
          start=lambda n: -_posterior(n).entropy().sum(), value=_negative_entropy),
        L(formula=r"\mathrm{KL}(q\,\|\,p)=\int q\log q\,dz-\int q\log p\,dz"
          r"=\frac12\sum_j(\mu_j^2+\sigma_j^2-1-\log\sigma_j^2)",
          reason="The terms with log 2π cancel.",
          start=lambda n: kl_divergence(_posterior(n), _standard(n)).sum(), value=_closed),
        L(formula=r"\frac{\partial\mathrm{KL}}{\partial\mu_j}=\mu_j",
          reason="(j = 1.)", start=lambda n: _slope(n, 0), value=lambda n: n.mean[0]),
        L(formula=r"\frac{\partial\mathrm{KL}}{\partial\sigma_j}=\sigma_j-\frac1{\sigma_j}",
          reason="(j = 1.)", start=lambda n: _slope(n, 1),
          value=lambda n: _first_std(n) - 1 / _first_std(n)),
        L(formula=r"\mathrm{KL}(\mathcal N(\mu,\sigma^2)\,\|\,\mathcal N(m,s^2))=\log\frac s\sigma"
          r"+\frac{\sigma^2+(\mu-m)^2}{2s^2}-\frac12",
          reason="In general, by the same steps (here the first latent against the nearest "
          "cluster).", start=lambda n: kl_divergence(
              Normal(n.mean[0], _first_std(n)),
              Normal(n.centres[_nearest(n), 0], n.scales[_nearest(n)])),
          value=lambda n: (n.scales[_nearest(n)] / _first_std(n)).log()
          + (_first_std(n).square() + (n.mean[0] - n.centres[_nearest(n), 0]).square())
          / (2 * n.scales[_nearest(n)].square()) - 0.5),
        L(formula=r"\mathrm{KL}(q(z|x)\,\|\,p(z|c))=\frac12\Bigl[\frac{\|\mu(x)-\mu_c\|^2"
          r"+\sum_j\sigma_j^2(x)}{\sigma_c^2}+d\log\sigma_c^2-d-\sum_j\log\sigma_j^2(x)\Bigr]",
          reason="Against a cluster, summed over the latents (the nearest cluster).",
          start=lambda n: kl_divergence(
              _posterior(n), Normal(n.centres[_nearest(n)], n.scales[_nearest(n)])).sum(),
          value=lambda n: n.kl_to_clusters.min()),
    ),
)  # fmt: skip


def even_noise(count: int) -> Tensor:
    """Return values of N(0, 1) at evenly spaced quantiles, scaled to mean 0 and variance 1."""
    shares = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    noise = Normal(0.0, 1.0).icdf(shares).double()
    noise = noise - noise.mean()
    return noise / noise.square().mean().sqrt()


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearNumbers:
    """A one-dimensional VAE, and noise by which its expectations are estimated."""

    model: LinearVAE
    noise: Tensor


N = LinearNumbers
V = Line[N]


def _by_autograd(n: N, of: str, noise: bool = True) -> Tensor:
    """Differentiate the sample average of log p(x|z) by a parameter."""
    m = n.model
    with torch.enable_grad():
        parts = {
            name: torch.tensor(float(getattr(m, name)), dtype=torch.float64, requires_grad=True)
            for name in ("theta_1", "theta_0", "f", "sigma_z")
        }
        z = parts["f"] + parts["sigma_z"] * n.noise
        if not noise:
            z = z.detach()
        image = Normal(parts["theta_1"] * z + parts["theta_0"], float(m.sigma_x))
        value = image.log_prob(torch.tensor(float(m.x))).mean()
        (found,) = torch.autograd.grad(value, parts[of], allow_unused=True)
    return torch.tensor(0.0) if found is None else found


def _sampled(n: N) -> Tensor:
    m = n.model
    z = m.f + m.sigma_z * n.noise
    image = Normal(m.theta_1 * z + m.theta_0, float(m.sigma_x))
    return image.log_prob(torch.tensor(float(m.x))).mean()


def _normal(mean: float, std: float) -> Normal:
    first, second = (torch.tensor(float(v), dtype=torch.float64) for v in (mean, std))
    return Normal(first, second)


def _evidence_variance(n: N) -> float:
    return float(n.model.theta_1**2 + n.model.sigma_x**2)


LINEAR_VAE = Derivation(
    key="D-20",
    title="A one-dimensional VAE, all gradients by hand",
    source="Slides, “Training VAE: Monte Carlo Method” to “Training Encoder with "
    "Reparameterization”",
    setting="p(z) = N(0, 1), p(x|z) = N(x; g(z), σ_x²) with g(z) = θ_1 z + θ_0, q(z|x) = "
    "N(z; f, σ_z²) with f = φ_1 x + φ_0. For a network, ∂g/∂θ stands in the place of z. The draws "
    "are spread evenly, so that their averages are exact for squares.",
    lines=(
        V(formula=r"\mathbb E_z[\log p(x|z)]\approx\frac1N\sum_i\log p(x|z_i),"
          r"\quad z_i\sim q(z|x)",
          reason="Monte Carlo: for a network there is no closed form.",
          start=lambda n: n.model.reconstruction, value=_sampled),
        V(formula=r"=-\log(\sigma_x\sqrt{2\pi})-\frac1{2N}\sum_i\frac{(x-g(z_i))^2}{\sigma_x^2}",
          reason="Gaussian density.", note="The slides print −log σ_x² √(2π); it is "
          "log(σ_x √(2π)).", value=lambda n: n.model.estimated_reconstruction(n.noise)),
        V(formula=r"\frac\partial{\partial\theta_1}\approx\frac1N\sum_i\frac{(x-g(z_i))\,z_i}"
          r"{\sigma_x^2}", reason="Chain rule, ∂g/∂θ_1 = z: simple, given samples.",
          start=lambda n: _by_autograd(n, "theta_1"),
          value=lambda n: n.model.estimated_gradients(n.noise).theta_1),

                 V(formula=r"\frac\partial{\partial\theta_0}\approx\frac1N\sum_i"
          r"\frac{x-g(z_i)}{\sigma_x^2}",
          reason="∂g/∂θ_0 = 1.", start=lambda n: _by_autograd(n, "theta_0"),
          value=lambda n: n.model.estimated_gradients(n.noise).theta_0),
        V(formula=r"\frac\partial{\partial\phi}\frac1N\sum_i\log p(x|z_i)=0\ \text{with the }z_i"
          r"\text{ as fixed numbers}",
          reason="Wrong: q was replaced by its samples, and they contain no φ any more.",
          note="“We cannot approximate the derivative”: not by this average. The score function "
          "could, with a higher variance.",
          start=lambda n: _by_autograd(n, "f", noise=False), value=lambda n: 0.0),
        V(formula=r"z_i=\sigma_z\varepsilon_i+f(x),\quad\varepsilon_i\sim\mathcal N(0,1)",
          reason="Reparameterisation: noise is pushed through a function of φ."),
        V(formula=r"-\log(\sigma_x\sqrt{2\pi})-\frac1{2N}\sum_i\frac{(x-g(\sigma_z\varepsilon_i"
          r"+f(x)))^2}{\sigma_x^2}", reason="Insert.", start=_sampled,
          value=lambda n: n.model.estimated_reconstruction(n.noise)),
        V(formula=r"\frac\partial{\partial\phi}\approx\frac1N\sum_i\frac{x-g(z_i)}{\sigma_x^2}\,"
          r"g'(z_i)\,\frac{\partial f}{\partial\phi}",
          reason="Chain rule: φ reaches x through z (shown: by f, ∂f/∂φ_0 = 1).",
          note="The slide writes the last two factors as ∂g/∂φ.",
          start=lambda n: _by_autograd(n, "f"),
          value=lambda n: n.model.estimated_gradients(n.noise).f),
        V(formula=r"\frac\partial{\partial\sigma_z}\approx\frac1N\sum_i\frac{x-g(z_i)}{\sigma_x^2}"
          r"\,\theta_1\varepsilon_i", reason="Likewise.",
          start=lambda n: _by_autograd(n, "sigma_z"),
          value=lambda n: n.model.estimated_gradients(n.noise).sigma_z),
        V(formula=r"\mathbb E_z[\log p(x|z)]=-\tfrac12\log(2\pi\sigma_x^2)-\frac{(x-\theta_0"
          r"-\theta_1f)^2+\theta_1^2\sigma_z^2}{2\sigma_x^2}",
          reason="Exact, for comparison: E[z] = f, E[z²] = f² + σ_z².", start=_sampled,
          value=lambda n: n.model.reconstruction),
        V(formula=r"\frac\partial{\partial f}=\frac{\theta_1(x-\theta_0-\theta_1f)}{\sigma_x^2}",
          reason="Exact derivative by f.",
          start=lambda n: n.model.estimated_gradients(n.noise).f,
          value=lambda n: n.model.gradients.f),
        V(formula=r"\mathrm{KL}=\tfrac12(f^2+\sigma_z^2-1-\log\sigma_z^2)", reason="D-19.",
          start=lambda n: kl_divergence(_normal(n.model.f, n.model.sigma_z), _normal(0.0, 1.0)),
          value=lambda n: n.model.kl),
        V(formula=r"p(x)=\mathcal N(x;\theta_0,\theta_1^2+\sigma_x^2),\quad p(z|x)"
          r"=\mathcal N\Bigl(\frac{\theta_1(x-\theta_0)}{\theta_1^2+\sigma_x^2},\frac{"
          r"\sigma_x^2}{\theta_1^2"
          r"+\sigma_x^2}\Bigr)", reason="Conjugacy: here everything is known (shown: log p(x)).",
          start=lambda n: n.model.log_evidence,
          value=lambda n: _normal(n.model.theta_0, math.sqrt(_evidence_variance(n)))
          .log_prob(torch.tensor(float(n.model.x), dtype=torch.float64))),
        V(formula=r"\log p(x)=\mathcal L+\mathrm{KL}(q(z|x)\,\|\,p(z|x))",
          reason="So the bound and its gap can be checked: f linear in x and one σ_z make the "
          "bound tight.", start=lambda n: n.model.log_evidence,
          value=lambda n: n.model.elbo + n.model.gap),
    ),
)  # fmt: skip
