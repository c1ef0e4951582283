"""EM step by step on points in the plane, by maximum likelihood and maximum a posteriori."""

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.services import generation
from dashboard.ui import download
from dashboard.ui.chart import chart
from dashboard.views.theory import question, stepper
from dashboard.views.theory.formulas import formulas
from dashboard.views.theory.mixtures import loader
from xai_core.plots.style import plain
from xai_core.plots.theory import mixtures

if TYPE_CHECKING:
    from xai_core.bundle.reading import Bundle
    from xai_core.theory.mixtures import MixtureFit

SOURCES = {"Two latents of test images": "latents", "Points with a pair of twins": "points"}
KINDS = ("spherical", "diagonal", "full")
COUNT, MOST = 400, 10
"""Largest numbers of points and of components."""
FORMULA = (
    r"""r_{nk}=\frac{\pi_k\,\mathcal N(x_n;\mu_k,\Sigma_k)}
{\sum_j\pi_j\,\mathcal N(x_n;\mu_j,\Sigma_j)}""",
    r"\pi_k=\frac{N_k}{N},\quad\mu_k=\frac{\sum_n r_{nk}x_n}{N_k}",
    r"\Sigma_k=\frac{S_k}{N_k},\quad S_k=\sum_n r_{nk}(x_n-\mu_k)(x_n-\mu_k)^\top",
)
MAP = (
    r"\text{MAP:}\ \pi_k=\frac{N_k+\alpha-1}{N+K(\alpha-1)}",
    r"\mu_k=\frac{\kappa m+\sum_n r_{nk}x_n}{\kappa+N_k}",
    r"\Sigma_k=\frac{\psi I+S_k+\frac{\kappa N_k}{\kappa+N_k}(\bar x_k-m)(\bar x_k-m)^\top}"
    r"{\nu+N_k+d+2}",
)
SYMBOLS = (
    "The prior: π ~ Dirichlet(α, …, α), μ_k | Σ_k ~ N(m, Σ_k/κ), Σ_k ~ inverse Wishart(ν, ψI). "
    "κ and ν count like points, ψ keeps every variance away from 0; S_k is the scatter about the "
    "weighted mean x̄_k. The covariance formula is that of full covariances. Each of the two fits "
    "maximises its objective: log likelihood, or log likelihood + log prior."
)


class Task(NamedTuple):
    """The settings of both fits."""

    source: str
    dims: tuple[int, int]
    clusters: int
    covariance: str
    strength: float
    seed: int


def show(bundle: "Bundle") -> None:
    """Show both fits at the same iteration, with controls for the data and the step."""
    formulas(*FORMULA)
    formulas(*MAP)
    st.caption(SYMBOLS)
    task = _task(bundle)
    likely, probable = (
        loader.mixture(
            bundle, task.source, task.dims, COUNT, task.clusters, task.covariance, strength,
            task.seed,
        )
        for strength in (0.0, task.strength)
    )  # fmt: skip
    last = max(likely.last.step, probable.last.step)
    stepper.stepped(
        "em step",
        last,
        lambda step: _at(bundle, task, likely, probable, step),
        of="Iteration",
        link="iteration",
    )
    _ask(likely, probable)


def _task(bundle: "Bundle") -> Task:
    names = [f"z{j}" for j in range(bundle.model.config.latent_dim)]
    carried = np.argsort(-generation.carried_nats(bundle), kind="stable")
    sources = list(SOURCES) if len(names) > 1 else list(SOURCES)[1:]
    first, second = (names[int(carried[min(i, len(names) - 1)])] for i in (0, 1))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.segmented_control(
            "Points",
            sources,
            required=True,
            **state.bind("em points", sources[0], sources, link="points"),
        )
        dims = (0, min(1, len(names) - 1))
        if SOURCES[source] == "latents":
            across = st.selectbox(
                "Across", names, width=90, **state.bind("em x", first, names, link="across")
            )
            up = st.selectbox(
                "Up", names, width=90, **state.bind("em y", second, names, link="up")
            )
            dims = (names.index(across), names.index(up))
        kind = st.segmented_control(
            "Covariances",
            KINDS,
            required=True,
            **state.bind("em kind", "full", KINDS, link="covariances"),
        )
    most = min(MOST, len(loader.plane(bundle, SOURCES[source], dims, COUNT)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        clusters = st.slider(
            "Components",
            1,
            most,
            width=200,
            **state.bind("em components", min(4, most), range(1, most + 1), link="components"),
        )
        strength = st.select_slider(
            "Strength of the prior (MAP)", [0.5, 1.0, 2.0, 5.0, 20.0], width=220,
            **state.bind("em strength", 1.0, [0.5, 1.0, 2.0, 5.0, 20.0], link="strength"),
        )  # fmt: skip
        seed = int(state.keep("em seed", 0, span=state.SEEDS, link="seed"))
        st.button(
            "Another start", icon=":material/refresh:",
            on_click=state.put_setting, args=("em seed", seed + 1),
        )  # fmt: skip
    return Task(SOURCES[source], dims, clusters, kind, strength, seed)


def _at(
    bundle: "Bundle", task: Task, likely: "MixtureFit", probable: "MixtureFit", step: int
) -> None:
    dark = state.dark()
    points = loader.plane(bundle, task.source, task.dims, COUNT)
    axes = (
        (f"z{task.dims[0]}", f"z{task.dims[1]}")
        if task.source == "latents"
        else ("x\u2081", "x\u2082")
    )
    names = ("Maximum likelihood", "Maximum a posteriori")
    for column, name, fit in zip(
        st.columns(2, gap="large"), names, (likely, probable), strict=True
    ):
        state_ = fit.states[min(step, fit.last.step)]
        with column:
            st.markdown(f"**{name}**, iteration {state_.step} of {fit.last.step}")
            figure = mixtures.gaussians(
                points,
                state_.responsibilities.numpy(),
                state_.parameters.means.numpy(),
                state_.parameters.covariances.numpy(),
                state_.parameters.weights.numpy(),
                axes,
                dark,
            )
            value = state_.log_likelihood / len(points)
            text = f"{name} at iteration {state_.step}: log likelihood {value:.4f} nats per point"
            chart(figure, key=f"gaussians {name}", alt=text)
            st.markdown(f"log likelihood **{plain(value, 4)}** nats per point")
            if state_.degenerate:
                st.warning(
                    f"Component {', '.join(map(str, state_.degenerate))} has shrunk to the "
                    "variance floor: the likelihood is unbounded there.",
                    icon=":material/warning:",
                )
            elif step >= fit.last.step:
                st.caption(fit.reason or "It has converged.")
    curves = {
        "log likelihood (MLE)": [s.objective / len(points) for s in likely.states],
        "log posterior (MAP)": [s.objective / len(points) for s in probable.states],
    }
    falls = any(b < a - 1e-9 for v in curves.values() for a, b in pairwise(v))
    text = "one of which falls" if falls else "neither of which falls"
    ends = "; ".join(f"{name} from {v[0]:.3f} to {v[-1]:.3f}" for name, v in curves.items())
    chart(
        mixtures.objectives(curves, step, "nats per point", dark),
        key="objectives",
        alt=f"Objectives over the iterations, {text}: {ends}",
    )
    rows = [
        {"fit": name, "iteration": i, "nats per point": v}
        for name, values in curves.items()
        for i, v in enumerate(values)
    ]
    download.table(bundle, pd.DataFrame(rows), name="em", **task._asdict())


def _ask(likely: "MixtureFit", probable: "MixtureFit") -> None:
    from xai_core.theory.mixtures import MixtureConfig

    floors = tuple(
        float(np.linalg.eigvalsh(fit.last.parameters.covariances.numpy()).min())
        for fit in (likely, probable)
    )
    question.choose(
        "em",
        because=f"The least variance in any direction is now {floors[0]:.2g} for maximum "
        f"likelihood (its floor is {MixtureConfig.variance_floor:g}) and {floors[1]:.2g} for "
        "maximum a posteriori.",
    )
