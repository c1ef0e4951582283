"""Measure the processor time of the Theory pages' controls on images they have not seen."""

import contextlib
import io
import statistics
import time

import torch

from dashboard.services.scheduler.scheduler import compute_queue
from dashboard.views.theory import loader as loader_of_all
from dashboard.views.theory.bound import loader as bound_loader
from dashboard.views.theory.collapse import loader as collapse_loader
from dashboard.views.theory.factorisations import loader as factorisations_loader
from dashboard.views.theory.factorisations import panels
from dashboard.views.theory.manifold import loader as manifold_loader
from dashboard.views.theory.mean_field import loader, probe
from dashboard.views.theory.mixtures import em_steps
from dashboard.views.theory.mixtures import loader as mixtures_loader
from xai_core.theory.cluster_choices import IdenticalGaussians
from xai_core.theory.hidden_groups import fit_topics
from xai_core.theory.linear_vae import LinearVAE


def reactions(bundle, repeats):
    """Return each control's median milliseconds at its most expensive setting, uncached.

    They are processor time on one thread, which other work on the machine changes least. Codes
    are drawn beforehand: once per image, by the page that is opened on it.
    """
    with contextlib.redirect_stderr(io.StringIO()):  # caches warn that no server runs
        compute_queue()
    ids = [f"test:{10 + i}" for i in range(repeats)]
    most_probed, most_points = probe.COUNTS[-1], panels.COUNTS[-1]
    em = (bundle, "latents", (0, 1), em_steps.COUNT, 10, "full", 1.0)
    shapes = list(probe.SHAPES.values())
    fits = [(bundle, shapes[0], most_probed - i, probe.SAMPLES) for i in range(repeats)]
    asked = {
        "the bound from 2,000 draws instead of 1,000": (
            lambda i: bound_loader.closing(bundle, ids[i], 2000)
        ),
        "two factorisations": lambda i: factorisations_loader.factorised(
            bundle, ids[i], "average"
        ),
        f"the inequality on {most_points:,} images, 16 draws each": (
            lambda i: factorisations_loader.sides(bundle, ids[i], most_points, 16)
        ),
        "EM with 10 full components": lambda i: mixtures_loader.mixture(*em, i),
        f"a probe of {most_probed:,} images, once per question": (
            lambda i: loader.probe(bundle, shapes[1 + i % 2], *fits[i][2:])
        ),
        "both estimators' variance, 4,096 draws": (
            lambda i: loader.spread(*fits[i], probe.WHERE[i % 2])
        ),
        "the certificate of the manifold": lambda i: manifold_loader.certificate(
            bundle, ids[i], 1, 1.0
        ),
        "its tangent directions": lambda i: manifold_loader.tangents(bundle, ids[i], 8),
        "one step as pictures": lambda i: manifold_loader.step_pictures(bundle, ids[i], 1.0),
        "the film of the latent ascent": lambda i: manifold_loader.ascended(
            bundle, ids[i], 1, "plain", "diffeomorphic"
        ),
        "the film of the pixel ascent": lambda i: manifold_loader.ascended(
            bundle, ids[i], 1, "plain", "pixel"
        ),
        "their distances from the decoder's images": (
            lambda i: manifold_loader.distances(bundle, ids[i], 1, "plain")
        ),
        "the bound under five choices of q(c|x)": (
            lambda i: collapse_loader.bounds_of_choices(bundle, ids[i])
        ),
        "(6.1), term by term": lambda i: factorisations_loader.final_bound(bundle, ids[i]),
        "the gap in two parts, once per image": lambda i: bound_loader.gaps(bundle, ids[i]),
        "a derivation on an image": lambda i: loader_of_all.sides(
            bundle, ids[i], "D-4", exactly=False
        ),
        "topics of documents": lambda i: fit_topics(2 + i % 2),
        "two equal Gaussians": lambda i: [
            IdenticalGaussians(first=0.9, second=0.1, given_x=q / 100).lower for q in range(101)
        ],
        "gradients of a VAE by hand, 10,000 draws": lambda i: LinearVAE(
            f=0.1 * i
        ).estimated_gradients(torch.randn(10_000, dtype=torch.float64)),
    }
    for fit in fits:
        loader.probe(*fit)
    for image_id in ids:
        loader_of_all.numbers(bundle, image_id)
    return {what: _median(call, repeats) for what, call in asked.items()}


def _median(call, repeats):
    times = []
    for i in range(repeats):
        started = time.process_time()
        call(i)
        times.append(1000 * (time.process_time() - started))
    return statistics.median(times)
