"""The Theory pages' figures as plain functions: what they say is what they were given."""

import math
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from xai_core.plots import elbo_terms
from xai_core.plots.theory import (
    bounds,
    collapse,
    graphical_model,
    inference_gap,
    manifold,
    mean_field,
    mixtures,
)

DARK = pytest.mark.parametrize("dark", [False, True])
ARROW = "{http://www.w3.org/2000/svg}line"


@pytest.fixture
def index():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": [f"test:{i}" for i in range(30)],
            "split": "test",
            "cluster": np.arange(30) % 3,
            "reconstruction": rng.normal(-80, 20, 30),
            "expected_log_prior": rng.normal(-20, 3, 30),
            "kl_c": rng.uniform(1, 2.3, 30),
            "entropy_z": rng.normal(5, 2, 30),
        }
    )
    table["elbo"] = table.reconstruction + table.expected_log_prior - table.kl_c + table.entropy_z
    return table


def arrows(svg):
    return len(list(ElementTree.fromstring(svg).iter(ARROW)))


@DARK
def test_the_graphical_model_has_the_arrows_of_its_configuration(dark, subtests):
    for panel, conditioning, prior, count in [
        ("generative", "z", "mixture", 6),
        ("generative", "z+c", "mixture", 7),
        ("generative", "z", "standard", 3),
        ("c_given_x", "z", "mixture", 4),
        ("c_given_z", "z", "mixture", 3),
    ]:
        with subtests.test(panel=panel, conditioning=conditioning, prior=prior, count=count):
            svg = graphical_model.graphical_model_svg(
                panels=[panel], decoder_conditioning=conditioning, prior=prior, dark=dark
            )
            assert arrows(svg) == count
            graph = graphical_model.graph_of(panel, decoder_conditioning=conditioning, prior=prior)
            assert (("c", "x") in graph.arrows) == (
                panel == "generative" and conditioning == "z+c"
            )
            assert (("c", "z") in graph.arrows) == (panel == "generative" and prior == "mixture")
            assert graph.dashed == (panel != "generative")
            assert ("stroke-dasharray" in svg) == graph.dashed


def test_both_variants_are_figure_one():
    svg = graphical_model.graphical_model_svg(num_clusters=7, latent_dim=5, num_images=1234)
    texts = " ".join(ElementTree.fromstring(svg).itertext())
    for said in ("Generative model", "c given x", "c given z", "K = 7", "N = 1,234 images",
                 "one of 7", "5 numbers", "Bernoulli pixels"):  # fmt: skip
        assert said in texts
    one = graphical_model.graphical_model_svg(factorisation="c_given_z", likelihood="gaussian")
    texts = " ".join(ElementTree.fromstring(one).itertext())
    assert "c given x" not in texts and "Gaussian pixels" in texts


def nats_of(drawn):
    """The numbers of a waterfall's table."""
    return [float(nats.replace("\N{MINUS SIGN}", "-")) for _, nats in drawn.rows]


@DARK
def test_the_waterfalls_share_a_range_and_end_at_the_bound(index, dark):
    own = bounds.terms_of(index.iloc[4])
    for choice in bounds.BESIDE:
        name, other = bounds.beside(index, index.iloc[4], choice)
        span = bounds.room(own, other)
        for terms in (own, other):
            steps = nats_of(bounds.waterfall(terms, span, dark))
            assert sum(steps[:4]) == pytest.approx(steps[4], abs=0.3), "rounded to tenths"
            assert span[0] < min(np.cumsum(steps[:4])) and span[1] >= 0
        assert name


def test_what_an_image_is_held_against(index):
    _, typical = bounds.beside(index, index.iloc[4], bounds.BESIDE[0])
    assert typical["elbo"] == pytest.approx(index.elbo.mean())
    name, cluster = bounds.beside(index, index.iloc[4], bounds.BESIDE[1])
    assert cluster["elbo"] == pytest.approx(index[index.cluster == 1].elbo.mean())
    assert "10 test images" in name
    best, hardest = (bounds.beside(index, index.iloc[4], bounds.BESIDE[i])[0] for i in (2, 3))
    assert best == index.id[index.elbo.idxmax()] and hardest == index.id[index.elbo.idxmin()]
    assert bounds.terms_of(index.iloc[0])["kl_c"] == -index.kl_c[0]
    assert set(typical) == set(elbo_terms.ORDER)


@DARK
def test_the_pairs_lead_to_the_difference(dark):
    drawn = bounds.pairs({"a": 0.5, "b": -0.2, "c": 0.0}, dark)
    assert nats_of(drawn) == [0.5, -0.2, 0.0, pytest.approx(0.3)]
    assert drawn.rows[1][1].startswith("\N{MINUS SIGN}")
    bounds.pairs({"a": 0.0, "b": 0.0, "c": 0.0}, dark)


@DARK
def test_the_curve_marks_the_chosen_k_and_holds_the_bounds(dark):
    figure = bounds.closing(
        (1, 10), (-5.0, -4.0), (-6.0, -4.2), (-4.5, -3.9), {"L": -5.0, "L^": -5.2}, 10, dark
    )
    *_, line = figure.data
    assert list(line.y) == [-5.0, -4.0] and line.marker.size[1] > line.marker.size[0]
    assert {a.text for a in figure.layout.annotations} == {"L", "L^"}


@DARK
def test_points_of_the_inequality_lie_by_its_line(dark):
    lesser, greater = np.array([1.0, 2.0]), np.array([1.5, 2.0])
    figure = bounds.inequality(
        lesser, greater, ["a", "b"], ["#000000", "#ffffff"], math.log(10), dark
    )
    line, points, own = figure.data
    assert list(line.x) == list(line.y)
    assert list(points.y) == [1.5, 2.0] and list(own.x) == [1.0]


@DARK
def test_a_replay_has_one_strip_per_training(dark):
    probs = {name: np.full((6, 3), 1 / 3) for name in ("one", "two")}
    figure = collapse.beliefs(probs, [0, 0, 1, 1, 2, 2], ["a", "b", "c"], dark)
    assert len(figure.data) == 2 and figure.data[0].z.shape == (3, 6)
    assert list(figure.layout.xaxis2.ticktext) == ["a", "b", "c"]
    assert list(figure.layout.xaxis2.tickvals) == [0.5, 2.5, 4.5]


def test_a_curve_over_epochs_leaves_out_a_steep_start_and_marks_the_chosen_epoch():
    summary = pd.DataFrame({"run": ["x"] * 3, "epoch": [0, 1, 2], "elbo": [-900.0, -5.0, -3.0],
                            "cluster_information": [0.0, 1.0, 2.0]})  # fmt: skip
    lines = collapse.over_epochs(summary, {"x": "X"}, "elbo", "nats", 1)
    marks = re.findall(r"scale\(([\d.]+)\).*?<title>(.*?)</title>", lines.svg)
    assert marks == [
        ("6", "X, epoch 1: \N{MINUS SIGN}5.00"),
        ("2.5", "X, epoch 2: \N{MINUS SIGN}3.00"),
    ]
    assert [row[2] for row in lines.rows] == [
        f"\N{MINUS SIGN}{nats}" for nats in ("900.0000", "5.0000", "3.0000")
    ]
    level = collapse.over_epochs(summary, {"x": "X"}, "cluster_information", "I", 1, most=2.3)
    assert level.svg.count("stroke-dasharray") == 1


def test_a_training_under_way_is_seen_beside_one_that_is_done():
    done = pd.DataFrame({"run": "done", "epoch": range(1, 11), "elbo": -100.0})
    live = pd.DataFrame({"run": "live", "epoch": [1], "elbo": [-300.0]})
    drawn = collapse.over_epochs(
        pd.concat([done, live]), {"live": "L", "done": "D"}, "elbo", "nats", 10
    )
    marks = re.findall(r"scale\(6\).*?<title>(.*?)</title>", drawn.svg)
    assert marks == ["L, epoch 1: \N{MINUS SIGN}300.00", "D, epoch 10: \N{MINUS SIGN}100.00"]


def test_the_cost_of_clusters_is_stacked_and_the_loss_of_a_choice_is_a_bar():
    costs = pd.DataFrame({"run": "x", "epoch": [0, 1], "information": [0.0, 1.0],
                          "unevenness": [2.0, 0.5]})  # fmt: skip
    drawn = collapse.cluster_cost(costs, {"x": "X"}, 1, 2.3)
    bars = re.findall(
        r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)" fill="[^"]*" '
        r'fill-opacity="([\d.]+)"><title>X, epoch 1: .*?</title>', drawn.svg
    )  # fmt: skip
    (low, high, _), (top, thick, _) = [[float(v) for v in bar] for bar in bars]
    assert top + thick == pytest.approx(low, abs=0.11) and high > thick
    assert [bar[2] for bar in bars] == ["1", "1"] and drawn.svg.count('fill-opacity="0.5"') == 2
    losses = collapse.choices({"1/K": -3.0, "best": -1.0})
    assert losses.rows == (("1/K", "2.0000"), ("best", "0.0000"))


@DARK
def test_an_ellipse_lies_at_its_standard_deviations(dark):
    points = np.random.default_rng(0).normal(size=(20, 2))
    shares = np.tile([1.0, 0.0], (20, 1))
    covariances = np.array([np.diag([4.0, 1.0]), np.eye(2)])
    means = np.array([[0.0, 0.0], [1.0, 1.0]])
    figure = mixtures.gaussians(
        points, shares, means, covariances, np.array([0.5, 0.5]), ("a", "b"), dark
    )
    first = figure.data[1]
    assert max(first.x) == pytest.approx(2, abs=0.01)
    assert max(first.y) == pytest.approx(1, abs=0.01)
    colours = set(figure.data[0].marker.color)
    assert len(colours) == 1
    curves = mixtures.objectives({"MLE": [-3.0, -2.0], "MAP": [-3.0, -2.5]}, 7, "nats", dark)
    assert [max(range(2), key=lambda i: t.marker.size[i]) for t in curves.data] == [1, 1]
    line = mixtures.half_step(
        points[:, 0], shares, np.array([0.25, 0.75]), means[:, 0], np.array([1.0, 4.0]),
        means[:, 0], dark,
    )  # fmt: skip
    peaks = [max(curve.y) for curve in line.data[:2]]
    assert peaks == pytest.approx(np.array([0.25, 0.375]) / np.sqrt(2 * np.pi), rel=1e-3)
    assert set(line.data[2].marker.color) == colours


@DARK
def test_weights_are_sorted_and_clear_ones_stand_out(dark):
    mean, std = np.array([0.1, -2.0, 1.0]), np.array([0.5, 0.2, 0.2])
    dots = mean_field.weights(["z0", "z1", "intercept"], mean, std, dark).data[0]
    assert list(dots.y) == ["z1", "intercept", "z0"]
    assert dots.marker.color[0] == dots.marker.color[1] != dots.marker.color[2]
    assert list(dots.error_x.array) == [0.4, 0.4, 1.0]


@DARK
def test_the_probes_lines_are_what_they_are_given(dark):
    reach = np.linspace(-1, 1, 5)
    figure = mean_field.band(reach, reach / 4 + 0.5, reach * 0, reach * 0 + 1, "z0", dark)
    assert figure.data[2].x[0] == 0 and figure.data[2].y[0] == 0.5
    lines = mean_field.variances(
        [1, 4], {"score": [8.0, 2.0], "reparameterised": [4.0, 1.0]}, dark
    )
    assert list(lines.data[0].y) == [8.0, 2.0] and lines.layout.yaxis.type == "log"
    elbos = {"score": np.array([-9.0, -30.0]), "reparameterised": np.array([-9.0, -1.0])}
    ascent = mean_field.ascents(elbos, 5, dark)
    assert list(ascent.data[0].x) == [0, 5]
    assert ascent.layout.yaxis.range[0] > -30


@DARK
def test_the_guides_of_the_law_start_at_its_first_residual(dark):
    lengths, found = np.array([1e-3, 1e-2]), np.array([1e-6, 1e-4])
    one, two, points = manifold.residuals(lengths, found, 2.0, dark).data
    assert one.y[1] == pytest.approx(1e-5) and two.y[1] == pytest.approx(1e-4)
    assert list(points.y) == list(found)
    assert list(manifold.singular_values([3.0, 1.0], dark).data[0].y) == [3.0, 1.0]


@DARK
def test_the_gaps_are_bars_between_the_bounds_and_the_evidence(dark):
    figure = inference_gap.ascent((0, 10, 20), (-90.0, -84.0, -83.5), -81.0, 0.4, dark)
    bars = {tuple(trace.y) for trace in figure.data if trace.line.width == 12}
    assert bars == {(-90.0, -83.5), (-83.5, -81.0)}
    assert [note.text for note in figure.layout.annotations] == [
        "amortisation 6.50", "approximation 2.50"
    ]  # fmt: skip
