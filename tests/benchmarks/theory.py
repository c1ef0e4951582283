"""How long the controls of the Theory pages take to answer on an image that is new to them."""

import contextlib
import io
import statistics
import time

from dashboard.components import mixture_steps, probe_panel, theory_factorisations
from dashboard.loaders import engine
from dashboard.loaders import theory as loaders


def reactions(bundle, repeats):
    """Median milliseconds of each control at its most expensive choice, nothing cached."""
    with contextlib.redirect_stderr(io.StringIO()):  # caches say that no server runs
        engine()
    ids = [f"test:{10 + i}" for i in range(repeats)]
    most_probed, most_points = probe_panel.COUNTS[-1], theory_factorisations.COUNTS[-1]
    em = (bundle, "latents", (0, 1), mixture_steps.COUNT, 10, "full", 1.0)
    shapes = list(probe_panel.SHAPES.values())
    fit = (bundle, shapes[0], most_probed, probe_panel.SAMPLES)
    asked = {
        "one image: the bound from 5,000 draws, once an image": (
            lambda i: loaders.closing(bundle, ids[i], 5000)
        ),
        "two factorisations": lambda i: loaders.factorised(bundle, ids[i], "average"),
        f"the inequality on {most_points:,} images, 16 draws each": (
            lambda i: loaders.sides(bundle, ids[i], most_points, 16)
        ),
        "EM with 10 full components": lambda i: loaders.mixture(*em, i),
        f"a probe of {most_probed:,} images, once a question": (
            lambda i: loaders.probe(bundle, shapes[i % len(shapes)], most_probed - i, 8)
        ),
        "both estimators' variance, 4,096 draws": (
            lambda i: loaders.spread(*fit, probe_panel.WHERE[i % 2])
        ),
        "the certificate of the manifold": lambda i: loaders.certificate(bundle, ids[i], 1, 1.0),
        "its tangent directions": lambda i: loaders.tangents(bundle, ids[i], 8),
    }
    loaders.probe(*fit)
    return {what: _median(call, repeats) for what, call in asked.items()}


def _median(call, repeats):
    times = []
    for i in range(repeats):
        started = time.perf_counter()
        call(i)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)
