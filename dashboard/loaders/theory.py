"""Cached ways to what the Theory pages show."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.loaders import BY_FINGERPRINT, apart, batch, code, heavy, latents, stored, table

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle import Bundle
    from xai_core.collapse import Recording
    from xai_core.explain.manifold import Certificate
    from xai_core.model.gaussian_mixture import MixtureFit
    from xai_core.theory.bounds import Draws, EvidenceCurve
    from xai_core.theory.variational import MeanField

Arrays = dict[str, NDArray[np.floating] | None]
"""The fields of something that holds tensors."""

FEWEST_DRAWS = 1000
"""Draws made at least, the same for every view."""
SAMPLES_OF_MOMENTS = 4096
RECORD_EVERY = 6
"""Steps of a probe's fit between two points of its curve."""
TWIN = (8.0, -6.0)
"""Where the sampled points hold two equal ones."""


class Closing(NamedTuple):
    """The estimates of log p(x) of one image, and the bounds L and L^ below it, in nats."""

    curve: "EvidenceCurve"
    upper: float
    lower: float


class Factorised(NamedTuple):
    """L, L^ and what lies between them, in nats.

    `likelihood`, `prior` and `kl` are expectations with q(c|z) and with q(c|x); `divergence` is
    E[KL(q(c|x) || p(c|z))].
    """

    upper: float
    lower: float
    divergence: float
    likelihood: tuple[float, float]
    prior: tuple[float, float]
    kl: tuple[float, float]


class Sides(NamedTuple):
    """The two sides of Jensen's inequality for many images, in nats."""

    ids: list[str]
    clusters: NDArray[np.int64]
    greater: NDArray[np.float64]
    lesser: NDArray[np.float64]


class Probe(NamedTuple):
    """A Bayesian logistic regression of a property on the latents.

    Attributes:
        names: Of the weights: z0, z1, ..., and the intercept.
        q: The posterior, of standardised latents.
        centre: Subtracted from latents; `scale` divides them.
        scale: See `centre`.
        elbos: Before every `RECORD_EVERY`-th step and at the end, in nats, by the estimator.
        converged: Whether the reparameterised fit arrived.
        accuracy: On other images, and its standard error.
        error: See `accuracy`.
        base: Share of the commoner answer on those images.
        fitted: Images it was fitted on.
        tested: Other images.
    """

    names: list[str]
    q: "MeanField"
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    elbos: dict[str, NDArray[np.float64]]
    converged: bool
    accuracy: float
    error: float
    base: float
    fitted: int
    tested: int


class Spread(NamedTuple):
    """Variance of an estimator's mean over S draws, summed over parameters, for each S."""

    counts: list[int]
    variance: dict[str, list[float]]
    bias: dict[str, float]


@st.cache_resource(max_entries=64, show_spinner="Drawing codes", hash_funcs=BY_FINGERPRINT)
def draws(bundle: "Bundle", image_id: str, count: int) -> "Draws":
    """Draw codes of one image, binarised where the likelihood is Bernoulli; read only."""
    from xai_core.theory.bounds import Draws

    return Draws(**_as_tensors(_drawn(bundle, image_id, count)))


@apart
def _drawn(bundle: "Bundle", image_id: str, count: int) -> Arrays:
    import torch

    from xai_core.evaluation import binarise
    from xai_core.theory.bounds import draw

    x = batch(bundle, [image_id])
    noise = torch.Generator().manual_seed(0)
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, noise)
    with heavy():
        return _as_arrays(draw(bundle.model, x, num_samples=count, generator=noise))


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def closing(bundle: "Bundle", image_id: str, most: int) -> Closing:
    """Estimate log p(x) of one image from 1 to `most` draws, beside both bounds."""
    from xai_core.theory import bounds

    drawn = draws(bundle, image_id, most)
    return Closing(
        bounds.evidence_curve(drawn.log_weights[:, 0]),
        bounds.bound_given_z(drawn).elbo.item(),
        bounds.bound_given_x(drawn, drawn.encoder_probs).elbo.item(),
    )


@st.cache_data(max_entries=256, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def factorised(bundle: "Bundle", image_id: str, given: str) -> Factorised:
    """Read the model both ways, with a chosen q(c|x).

    Args:
        bundle: The model.
        image_id: The image.
        given: q(c|x): "encoder", "average" of q(c|z), "unsure" (1/K), or "certain" of one.
    """
    import torch

    from xai_core.theory import bounds

    drawn = draws(bundle, image_id, FEWEST_DRAWS)
    average = drawn.average
    probs = {
        "encoder": drawn.encoder_probs,
        "average": average,
        "unsure": torch.full_like(average, 1 / average.shape[-1]),
        "certain": torch.nn.functional.one_hot(average.argmax(-1), average.shape[-1]).double(),
    }[given]
    six = bounds.six_expectations(drawn, probs)
    return Factorised(
        upper=bounds.bound_given_z(drawn).elbo.item(),
        lower=bounds.bound_given_x(drawn, probs).elbo.item(),
        divergence=bounds.cluster_divergence(drawn, probs).item(),
        likelihood=(six.likelihood_given_z.item(), six.likelihood_given_x.item()),
        prior=(six.prior_given_z.item(), six.prior_given_x.item()),
        kl=(six.kl_given_z.item(), six.kl_given_x.item()),
    )


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def binary_image(bundle: "Bundle", image_id: str) -> NDArray[np.float32]:
    """Give the image whose likelihood `draws` measures, (28, 28) in [0, 1]."""
    import torch

    from xai_core.evaluation import binarise

    x = batch(bundle, [image_id])
    if bundle.model.config.likelihood == "bernoulli":
        x = binarise(x, torch.Generator().manual_seed(0))
    return x[0, 0].numpy()


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def sides(bundle: "Bundle", image_id: str, count: int, samples: int) -> Sides:
    """Measure both sides of the inequality on the selected image and some test images.

    Needs the mixture alone, not the decoder: q(z|x) of every image is in the index.
    """
    import torch

    from xai_core.model.distributions import categorical_kl_to_uniform, sample_normal

    index = bundle.index
    test = np.flatnonzero((index["split"] == "test").to_numpy())
    rows = np.random.default_rng(0).choice(test, min(count, len(test)), replace=False)
    others = [i for i in index["id"].iloc[rows] if i != image_id]
    size = bundle.model.config.latent_dim
    columns = [[f"{kind}_{j}" for j in range(size)] for kind in ("mean", "log_var")]
    here = table(bundle, [image_id, *others])
    mean, log_var = (torch.tensor(here[names].to_numpy(np.float32)) for names in columns)
    noise = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        parts = [
            bundle.model.prior.responsibilities(sample_normal(mean, log_var, generator=noise))
            for _ in range(samples)
        ]
        probs = torch.stack(parts).double()
        each = categorical_kl_to_uniform(probs.flatten(0, 1)).reshape(samples, -1)
        lesser = categorical_kl_to_uniform(probs.mean(0))
    return Sides(
        here["id"].tolist(), here["cluster"].to_numpy(), each.mean(0).numpy(), lesser.numpy()
    )


@st.cache_resource(max_entries=1, show_spinner=False)
def recording() -> "Recording":
    """Read the recorded trainings; read only."""
    from xai_core.collapse import read_collapse

    return read_collapse()


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def plane(bundle: "Bundle", source: str, dims: tuple[int, int], count: int) -> NDArray[np.float64]:
    """Give points in the plane: two latents of some test images, or points of three bells.

    Args:
        bundle: Whose latents.
        source: "latents", or "points", which hold two equal points far from the rest.
        dims: The latents taken.
        count: How many.
    """
    noise = np.random.default_rng(0)
    if source == "points":
        shapes = np.array(
            [[[1.0, 0.0], [0.6, 0.5]], [[0.5, 0.0], [-0.4, 0.9]], [[0.8, 0], [0, 0.8]]]
        )
        centres = np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, 4.5]])
        which = noise.integers(3, size=count - 2)
        spread = np.einsum("ni,nij->nj", noise.normal(size=(count - 2, 2)), shapes[which])
        return np.concatenate([centres[which] + spread, [TWIN, TWIN]])
    test = np.flatnonzero((bundle.index["split"] == "test").to_numpy())
    rows = noise.choice(test, min(count, len(test)), replace=False)
    return latents(bundle)[rows][:, list(dims)].astype(float)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def mixture(
    bundle: "Bundle",
    source: str,
    dims: tuple[int, int],
    count: int,
    clusters: int,
    covariance: str,
    strength: float,
    seed: int,
) -> "MixtureFit":
    """Fit a mixture to `plane` by EM; a strength of 0 is maximum likelihood. Read only."""
    from dataclasses import replace

    import torch

    from xai_core.model.gaussian_mixture import (
        MixtureConfig,
        fit_gaussian_mixture,
        initial_parameters,
        reference_prior,
    )

    points = torch.from_numpy(plane(bundle, source, dims, count))
    prior = None
    if strength > 0:
        prior = reference_prior(points, clusters)
        prior = replace(
            prior, degrees=2 + 2 * strength, strength=0.01 * strength, concentration=1 + strength
        )
    config = MixtureConfig(
        num_clusters=clusters,
        covariance=covariance,  # type: ignore[arg-type]
        prior=prior,
        max_steps=60,
        tolerance=1e-5,
    )
    start = initial_parameters(points, clusters, covariance=config.covariance, seed=seed)
    return fit_gaussian_mixture(points, config, start=start)


@st.cache_resource(max_entries=32, show_spinner="Fitting the probe", hash_funcs=BY_FINGERPRINT)
def probe(bundle: "Bundle", of: str, count: int, samples: int) -> Probe:
    """Fit a probe by both estimators and score it on other images; read only.

    Args:
        bundle: Whose latents.
        of: "ink", "slant" or "width" above its median, "label:J" or "cluster:J".
        count: Images fitted, from the train split; the test split scores.
        samples: Draws of w a step.
    """
    from xai_core.theory import variational as vi

    with heavy():
        (x, y), (other, answers), (centre, scale) = _probed(bundle, of, count)
        fits = {}
        for estimator in vi.ESTIMATORS:
            config = vi.MeanFieldConfig(
                estimator=estimator, num_samples=samples, record_every=RECORD_EVERY
            )
            fits[estimator] = vi.fit_mean_field(x, y, config)
        q = fits["reparameterised"].posterior
        right = ((vi.predict(q, other).probs > 0.5) == answers).double()
    share = answers.double().mean().item()
    return Probe(
        names=[*(f"z{j}" for j in range(x.shape[1] - 1)), "intercept"],
        q=q,
        centre=centre.numpy(),
        scale=scale.numpy(),
        elbos={name: fit.elbos.numpy() for name, fit in fits.items()},
        converged=fits["reparameterised"].converged,
        accuracy=right.mean().item(),
        error=(right.std() / np.sqrt(len(right))).item() if len(right) > 1 else float("nan"),
        base=max(share, 1 - share),
        fitted=len(x),
        tested=len(other),
    )


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def spread(bundle: "Bundle", of: str, count: int, samples: int, where: str) -> Spread:
    """Measure both estimators' variance against the number of draws.

    Args:
        bundle: Whose latents.
        of: As in `probe`, with `count` and `samples`.
        count: As in `probe`.
        samples: As in `probe`.
        where: "start" of the fit, or its "end".
    """
    import torch

    from xai_core.theory import variational as vi

    q = probe(bundle, of, count, samples).q
    if where == "start":
        q = vi.MeanField(torch.zeros_like(q.mean), torch.full_like(q.log_std, -1.0))
    (x, y), _, _ = _probed(bundle, of, count)
    counts = [1, 4, 16, 64, 256]
    exact = vi.exact_gradient(q, x, y)
    variance: dict[str, list[float]] = {}
    bias: dict[str, float] = {}
    for estimator in vi.ESTIMATORS:
        rows = vi.gradient_draws(
            q, x, y, estimator=estimator, num_samples=SAMPLES_OF_MOMENTS,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip
        groups = [rows.reshape(-1, s, rows.shape[1]).mean(1) for s in counts]
        variance[estimator] = [group.var(0).sum().item() for group in groups]
        error = (rows.var(0) / len(rows)).sqrt().clamp(min=1e-300)
        bias[estimator] = ((rows.mean(0) - exact) / error).square().mean().sqrt().item()
    return Spread(counts, variance, bias)


def moved(
    bundle: "Bundle", image_id: str, found: Probe, dim: int, reach: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Predict along one latent of an image: probabilities, and their band's lower and upper edge.

    Args:
        bundle: Where the image is.
        image_id: Whose code is moved.
        found: The probe.
        dim: The latent moved.
        reach: How far, in standard deviations over images.
    """
    import torch

    from xai_core.theory import variational as vi

    z = code(bundle, image_id).double().numpy()
    codes = np.tile((z - found.centre) / found.scale, (len(reach), 1))
    codes[:, dim] += reach
    seen = vi.predict(found.q, vi.with_intercept(torch.from_numpy(codes)))
    return seen.probs.numpy(), seen.low.numpy(), seen.high.numpy()


Data = tuple["Tensor", "Tensor"]


def _probed(bundle: "Bundle", of: str, count: int) -> tuple[Data, Data, Data]:
    """Give standardised features and answers of train and of test images, and the standard."""
    import torch

    from xai_core.theory.variational import with_intercept

    noise = np.random.default_rng(0)
    splits = bundle.index["split"].to_numpy()
    picked = [np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")]
    rows = [noise.choice(p, min(n, len(p)), replace=False)
            for p, n in zip(picked, (count, 1000), strict=True)]  # fmt: skip
    z = [torch.from_numpy(latents(bundle)[r].astype(float)) for r in rows]
    values = [_values(bundle, of, r) for r in rows]
    if ":" not in of:
        values = [v > values[0].median() for v in values]
    centre, scale = z[0].mean(0), z[0].std(0).clamp(min=1e-9)
    x, other = (with_intercept((part - centre) / scale) for part in z)
    return (x, values[0].bool()), (other, values[1].bool()), (centre, scale)


def _values(bundle: "Bundle", of: str, rows: NDArray[np.int64]) -> "Tensor":
    import torch

    from xai_core.theory.properties import PROPERTIES

    if ":" in of:
        column, _, wanted = of.partition(":")
        return torch.from_numpy(bundle.index[column].to_numpy()[rows] == int(wanted))
    ids = bundle.index["id"].iloc[rows].tolist()
    return PROPERTIES[of](batch(bundle, ids))


@st.cache_data(max_entries=1, show_spinner=False)
def collapse_summary() -> pd.DataFrame:
    """Average the recorded trainings over their images, a row a run and epoch."""
    return recording().summary()


@st.cache_data(max_entries=1, show_spinner=False)
def titles() -> dict[str, str]:
    """Name the recorded trainings."""
    from xai_core.collapse import RECIPES

    return {run: RECIPES[run].title for run in recording().runs}


@st.cache_data(max_entries=8, show_spinner=False)
def cluster_order(run: str) -> list[int]:
    """Order a recorded training's clusters by the label they ended at."""
    import torch

    from xai_core.evaluation import fit_cluster_labels

    seen = recording()
    last = seen.epochs[-1]
    probs = torch.from_numpy(seen.probs(run, last))
    labels = torch.from_numpy(seen.at(run, last)["label"].to_numpy(copy=True))
    if bool((labels < 0).any()):
        return list(range(probs.shape[1]))
    fitted = fit_cluster_labels(probs.argmax(-1), labels, probs.shape[1])
    ranks = torch.where(fitted < 0, fitted.max() + 1, fitted)
    return torch.argsort(ranks, stable=True).tolist()


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def certificate(bundle: "Bundle", image_id: str, target: int, longer: float) -> "Certificate":
    """Check the first-order law at the code of an image, towards a class; read only.

    Args:
        bundle: The models.
        image_id: The image.
        target: The class.
        longer: Factor on the lengths of the steps.
    """
    from xai_core.explain.manifold import Certificate

    return Certificate(**_as_tensors(_certified(bundle, image_id, target, longer)))


@apart
def _certified(bundle: "Bundle", image_id: str, target: int, longer: float) -> Arrays:
    from xai_core.ask.manifold import LENGTHS, certify_images

    lengths = tuple(length * longer for length in LENGTHS)
    x = stored(bundle, [image_id])
    with heavy():
        return _as_arrays(certify_images(bundle, x, target=target, lengths=lengths))


@st.cache_data(max_entries=128, show_spinner=False, hash_funcs=BY_FINGERPRINT)
@apart
def tangents(bundle: "Bundle", image_id: str, count: int) -> NDArray[np.float32]:
    """Give the strongest directions in which an image can move on the manifold, signed."""
    from xai_core.ask.manifold import tangent_images

    with heavy():
        found = tangent_images(bundle, stored(bundle, [image_id]), count)
    return found[:, 0].float().numpy()


def _as_arrays(found: "Draws | Certificate") -> Arrays:
    """Take apart what holds tensors, which cannot be handed from a process to another."""
    return {
        name: None if value is None else value.detach().numpy()
        for name, value in vars(found).items()
    }


def _as_tensors(arrays: Arrays) -> "dict[str, Any]":
    import torch

    return {
        name: None if value is None else torch.from_numpy(value) for name, value in arrays.items()
    }
