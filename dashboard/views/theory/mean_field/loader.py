"""Cached results of the page on mean-field inference: the probe and its gradients."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.bundles import latents
from dashboard.services.cache import BY_FINGERPRINT
from dashboard.services.image_data import code
from dashboard.services.scheduler.scheduler import compute_slot

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle.reading import Bundle
    from xai_core.theory.variational import MeanField

SAMPLES_OF_MOMENTS = 4096
RECORD_EVERY = 20
"""Number of steps between two points of a fit's curve."""


class Probe(NamedTuple):
    """A Bayesian logistic regression of a property on the latents.

    Attributes:
        names: Names of the weights: z0, z1, ..., and the intercept.
        q: The posterior, of standardised latents.
        centre: Means subtracted from the latents, which are then divided by `scale`.
        scale: Standard deviations of the latents.
        elbos: ELBO before every `RECORD_EVERY`-th step and at the end, in nats, by estimator.
        converged: Whether the reparameterised fit converged.
        accuracy: Accuracy on held-out images.
        error: Standard error of `accuracy`.
        base: Share of the more frequent answer on those images.
        fitted: Number of images it was fitted on.
        tested: Number of held-out images.
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


@st.cache_resource(max_entries=32, show_spinner="Fitting the probe", hash_funcs=BY_FINGERPRINT)
def probe(bundle: "Bundle", of: str, count: int, samples: int) -> Probe:
    """Fit a probe by both estimators and score it on other images; read only.

    Args:
        bundle: Whose latents.
        of: "ink", "slant" or "width" above its median, "label:J" or "cluster:J".
        count: Images fitted, from the train split; the test split scores.
        samples: Draws of w per step.
    """
    from xai_core.theory import variational

    with compute_slot():
        (x, y), (other, answers), (centre, scale) = _probed(bundle, of, count)
        fits = {}
        for estimator in variational.ESTIMATORS:
            config = variational.MeanFieldConfig(
                estimator=estimator, num_samples=samples, record_every=RECORD_EVERY
            )
            fits[estimator] = variational.fit_mean_field(x, y, config)
        q = fits["reparameterised"].posterior
        right = ((variational.predict(q, other).probs > 0.5) == answers).double()
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

    from xai_core.theory import variational

    q = probe(bundle, of, count, samples).q
    if where == "start":
        q = variational.MeanField(torch.zeros_like(q.mean), torch.full_like(q.log_std, -1.0))
    (x, y), _, _ = _probed(bundle, of, count)
    counts = [1, 4, 16, 64, 256]
    exact = variational.exact_gradient(q, x, y)
    variance: dict[str, list[float]] = {}
    bias: dict[str, float] = {}
    for estimator in variational.ESTIMATORS:
        rows = variational.gradient_draws(
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
    """Predict along one latent of an image: probabilities with the edges of their band.

    Args:
        bundle: The bundle of the image.
        image_id: Image whose code is moved.
        found: The probe.
        dim: The latent moved.
        reach: Offsets in standard deviations over images.
    """
    import torch

    from xai_core.theory import variational

    z = code(bundle, image_id).double().numpy()
    codes = np.tile((z - found.centre) / found.scale, (len(reach), 1))
    codes[:, dim] += reach
    seen = variational.predict(found.q, variational.with_intercept(torch.from_numpy(codes)))
    return seen.probs.numpy(), seen.low.numpy(), seen.high.numpy()


Data = tuple["Tensor", "Tensor"]


@st.cache_resource(max_entries=32, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def _probed(bundle: "Bundle", of: str, count: int) -> tuple[Data, Data, Data]:
    """Return standardised features and answers of train and test images, with mean and scale.

    Read only.
    """
    import torch

    from xai_core.theory.variational import with_intercept

    noise = np.random.default_rng(0)
    splits = bundle.index["split"].to_numpy()
    picked = [np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")]
    rows = [noise.choice(p, min(n, len(p)), replace=False)
            for p, n in zip(picked, (count, 1000), strict=True)]  # fmt: skip
    z = [torch.from_numpy(latents(bundle)[r].astype(float)) for r in rows]
    values = [_values(bundle, of, r, r - p[:1]) for r, p in zip(rows, picked, strict=True)]
    if ":" not in of:
        values = [v > values[0].median() for v in values]
    centre, scale = z[0].mean(0), z[0].std(0).clamp(min=1e-9)
    x, other = (with_intercept((part - centre) / scale) for part in z)
    return (x, values[0].bool()), (other, values[1].bool()), (centre, scale)


def _values(
    bundle: "Bundle", of: str, rows: NDArray[np.int64], places: NDArray[np.int64]
) -> "Tensor":
    """Evaluate a property of some rows of the index, all of one split, at `places` in it."""
    import torch

    from xai_core.data.preprocessing import to_float
    from xai_core.theory.image_properties import PROPERTIES

    column, _, wanted = of.partition(":")
    if wanted:
        return torch.from_numpy(bundle.index[column].to_numpy()[rows] == int(wanted))
    split = bundle.dataset.split(bundle.index["split"].iat[rows[0]])
    return PROPERTIES[of](to_float(split.images[torch.from_numpy(places)], bundle.device)).cpu()
