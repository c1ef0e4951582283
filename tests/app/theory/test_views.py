"""The Theory pages on the tiny bundle: each is whole, and what it says is measured."""

import math
import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from dashboard.links import PAGES as PAGES_OF
from dashboard.services import bundles
from dashboard.ui import download
from dashboard.ui.next_pages import STOPS
from dashboard.views.theory import loader as theory_loader
from dashboard.views.theory.bound import loader
from dashboard.views.theory.collapse import loader as collapse_loader
from dashboard.views.theory.collapse import replay
from dashboard.views.theory.derivation import DERIVED
from dashboard.views.theory.factorisations import loader as factorisations_loader
from dashboard.views.theory.manifold import loader as manifold_loader
from dashboard.views.theory.mean_field import loader as mean_field_loader
from dashboard.views.theory.mean_field import probe
from dashboard.views.theory.mixtures import em_steps
from dashboard.views.theory.mixtures import loader as mixtures_loader
from dashboard.views.theory.questions import QUESTIONS
from tests.benchmarks.theory import reactions
from xai_core.errors import DataError
from xai_core.plots.style import plain, signed
from xai_core.theory import sources
from xai_core.theory.bounds import bound_given_x
from xai_core.theory.derivations.catalogue import DERIVATIONS
from xai_core.training import collapse

from ..parts import alts, charts, linked, unescaped, widget

CHARTS = {
    "theory": {"own terms", "other terms", "closing"},
    "theory_factorisations": {"pairs", "jensen", "two equal Gaussians", "nats per pixel"},
    "theory_collapse": {"choices", "beliefs", "cluster cost", "elbos"},
    "theory_mixtures": {
        "half step",
        "half step bounds",
        "gaussians Maximum likelihood",
        "gaussians Maximum a posteriori",
        "objectives",
    },
    "theory_probe": {"weights", "band", "variances", "ascents", "two ellipses"},
    "theory_manifold": {"first order law", "singular values"},
    "theory_hidden": set(),
    "theory_inequalities": {"on the logarithm"},
    "theory_linear_vae": {"densities"},
    "theory_plane": set(),
    "theory_exercises": set(),
}
PAGES = tuple(CHARTS)


LOOKED_AT = (*PAGES, "heatmaps", "reconstructions", "clusters", "theory_contents")
"""Pages on which words are looked for."""


def latex_of(app):
    return "\n".join(e.value.strip("$\n ") for e in app.get("latex"))


def unsaid(app, page):
    """Statements whose words are not on the page that the contents name."""
    kinds = ("title", "subheader", "markdown", "caption", "info")
    told = [unescaped(str(e.value)).replace("*", "") for kind in kinds for e in app.get(kind)]
    told += [DERIVATIONS[key].setting for key in DERIVED.get(page, ())]
    text = " ".join("\n".join([*told, latex_of(app)]).split())
    return [
        (each.id, each.said)
        for each in sources.statements()
        if each.page == page
        and not each.said.startswith("D-")
        and " ".join(each.said.split()) not in text
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_whole(open_page, page):
    """Every figure with words, a formula, a question whose answer is checked, a way on."""
    app = open_page(page, image="test:3")
    assert set(alts(app)) == CHARTS[page]
    assert all(alts(app).values())
    assert app.get("latex")
    said = "\n".join(m.value for m in app.markdown)
    assert "Check yourself" in said or "Predict first" in said
    assert not app.error
    assert not unsaid(app, page)


@pytest.mark.parametrize("page", ["heatmaps", "reconstructions", "clusters", "theory_contents"])
def test_other_pages_say_what_the_contents_promise(open_page, page):
    assert not unsaid(open_page(page, image="test:3"), page)


def test_every_stop_of_theory_is_looked_at():
    assert {name for name, *_ in STOPS} == {*PAGES, "theory_contents"}


@pytest.mark.parametrize(
    ("information", "unevenness", "row"),
    [(0.0, 0.0, 0), (0.3, 0.4, 0), (0.05, 2.2, 1), (0.9, 1.3, 1), (2.2, 0.05, 2), (1.4, 0.8, 2)],
)
def test_the_row_of_a_collapse_is_the_nearest_of_the_table(information, unevenness, row):
    assert replay.nearest_case(information, unevenness, math.log(10)) == row


@pytest.mark.parametrize(("information", "unevenness"), [(0.01, 0.02), (0.02, 2.1), (2.0, 0.1)])
def test_the_answer_about_a_collapse_is_that_of_the_recording(
    open_page, monkeypatch, information, unevenness
):
    """Whatever training was recorded: the answer is computed from what is shown."""
    table = collapse_loader.recording().summary()
    table.loc[table["run"] == "prior", ["information", "unevenness"]] = information, unevenness
    monkeypatch.setattr(collapse_loader, "collapse_summary", lambda: table)
    app = open_page("theory_collapse", image="test:3")
    right = replay.nearest_case(information, unevenness, math.log(10))
    for number in range(3):
        widget(app.radio, QUESTIONS["collapse"].text).set_value(number).run()
        assert bool(app.success) == (number == right)


def test_the_contents_name_pages_and_lines_that_exist():
    """Words on pages are looked for where the pages are opened, in `unsaid`."""
    found = sources.statements()
    assert len(found) == 192 and all(each.page for each in found)
    assert {each.page for each in found} - {""} <= set(LOOKED_AT)
    for each in found:
        assert bool(each.page) == bool(each.said), each.id
        if each.said.startswith("D-"):
            key, _, line = each.said.partition(".")
            assert key in DERIVED[each.page], each.id
            assert 1 <= int(line) <= len(DERIVATIONS[key].lines), each.id
    assert sorted(key for keys in DERIVED.values() for key in keys) == sorted(DERIVATIONS)
    assert len(sources.errata()) == 74 and sum(e.serious for e in sources.errata()) == 22


def test_a_derivation_is_stepped_line_by_line(open_page, text_of):
    app = open_page("theory", image="test:3")
    first, second = DERIVATIONS["D-1"].lines[:2]
    assert first.formula in latex_of(app) and second.formula not in latex_of(app)
    widget(app.button, "Step forward").click().run()
    assert second.formula in latex_of(app)
    widget(app.button, "Step back").click().run()
    assert second.formula not in latex_of(app)
    linked_to = open_page("theory", image="test:3", derivation="exercise-a", line="6")
    assert "7 of 7 lines with numbers hold" in text_of(linked_to)


def test_the_waterfalls_add_up_and_follow_the_choice(open_page, tiny_bundle):
    app = open_page("theory", image="test:3")
    row = tiny_bundle.index.set_index("id").loc["test:3"]
    assert f"ELBO {row.elbo:+.1f}".replace("-", "\N{MINUS SIGN}") in alts(app)["own terms"]
    before = alts(app)["other terms"]
    widget(app.segmented_control, "Beside it").set_value("The hardest image").run()
    test = tiny_bundle.index[tiny_bundle.index["split"] == "test"]
    hardest = test.sort_values("elbo")["id"].iloc[0]
    assert hardest in alts(app)["other terms"] != before


def test_the_estimate_rises_and_starts_at_the_bound(open_page, tiny_bundle):
    open_page("theory", image="test:3")
    seen = loader.closing(tiny_bundle, "test:3", 2000)
    assert list(seen.curve.mean) == sorted(seen.curve.mean)
    assert seen.curve.counts[-1] == 2000
    assert seen.curve.mean[0] == pytest.approx(seen.upper, abs=0.2)
    assert seen.upper >= seen.lower - 1e-6
    app = open_page("theory", image="test:3")
    widget(app.select_slider, "k, draws of z in one estimate").set_value(2000).run()
    assert widget(app.metric, "log p(x), k = 2,000").value == plain(seen.curve.mean[-1])
    few = loader.closing(tiny_bundle, "test:3", theory_loader.FEWEST_DRAWS)
    widget(app.select_slider, "k, draws of z in one estimate").set_value(50).run()
    assert widget(app.metric, "log p(x), k = 50").value == plain(few.curve.mean[3])


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("theory", {"beside": "the-hardest-image", "draws": "50", "plates": "this-model"}),
        ("theory_factorisations", {"q": "undecided-1-k", "images": "100", "draws": "4"}),
        ("theory_mixtures", {"components": "3", "covariances": "diagonal", "iteration": "2"}),
        ("theory_probe", {"property": "cluster-0", "images": "50", "at": "start"}),
        ("theory_manifold", {"steps": "large"}),
        ("theory_collapse", {"epoch": "1"}),
    ],
)
def test_a_link_restores_the_settings_of_a_theory_page(open_page, page, link):
    app = open_page(page, bundle="bars", image="test:3", **link)
    assert {name: linked(app, name) for name in link} == link
    bare = open_page(page, bundle="bars", image="test:3")
    assert {linked(bare, name) for name in link} == {None}


def test_a_number_asked_for_is_checked(open_page, tiny_bundle):
    row = tiny_bundle.index.set_index("id").loc["test:3"]
    answer = float(row.expected_log_prior - row.kl_c + row.entropy_z)
    app = open_page("theory", image="test:3")
    for right in (round(answer, 1), round(answer), -round(answer, 1), -round(answer)):
        app.number_input[0].set_value(float(right)).run()
        assert "Right." in app.success[0].value
    app.number_input[0].set_value(round(float(answer) + 3, 2)).run()
    assert "Not quite." in app.warning[0].value


def test_the_two_readings_agree_for_every_choice(open_page, tiny_bundle, text_of):
    app = open_page("theory_factorisations", image="test:3")
    best = factorisations_loader.factorised(tiny_bundle, "test:3", "best")
    for given in ("encoder", "average", "unsure", "certain", "best"):
        seen = factorisations_loader.factorised(tiny_bundle, "test:3", given)
        assert seen.upper - seen.lower == pytest.approx(seen.divergence, abs=1e-5)
        pairs = (
            seen.likelihood[0] - seen.likelihood[1] + seen.prior[0] - seen.prior[1]
            + seen.kl[1] - seen.kl[0]
        )  # fmt: skip
        assert pairs == pytest.approx(seen.divergence, abs=1e-5)
        assert seen.lower <= best.lower + 1e-9
    assert "they agree" in text_of(app)
    undecided = factorisations_loader.factorised(tiny_bundle, "test:3", "unsure")
    assert undecided.kl[1] == pytest.approx(0, abs=1e-9)
    widget(app.segmented_control, "q(c|x) in L\u0302").set_value("Undecided, 1/K").run()
    assert plain(undecided.lower, 3) in [m.value for m in app.metric]


def test_jensen_holds_for_every_image_and_is_equal_at_one_draw(open_page, tiny_bundle):
    open_page("theory_factorisations")
    seen = factorisations_loader.sides(tiny_bundle, "test:3", 100, 16)
    assert seen.ids[0] == "test:3" and len(seen.ids) == len(set(seen.ids)) == 20
    assert (seen.greater >= seen.lesser - 1e-12).all()
    assert seen.greater.max() <= math.log(2) + 1e-9
    single = factorisations_loader.sides(tiny_bundle, "test:3", 100, 1)
    assert single.greater == pytest.approx(single.lesser, abs=1e-12)


def test_the_replay_steps_plays_and_stops(open_page, text_of):
    app = open_page("theory_collapse")
    last = collapse_loader.recording().epochs[-1]
    assert f"Epoch {last}." in text_of(app)
    widget(app.slider, "Epoch").set_value(1).run()
    assert "Epoch 1." in text_of(app)
    widget(app.button, "Step back").click().run()
    assert "Epoch 0." in text_of(app) and widget(app.button, "Step back").disabled
    widget(app.slider, "Epoch").set_value(last).run()
    assert f"Epoch {last}." in text_of(app) and widget(app.button, "Step forward").disabled
    widget(app.button, "Play").click().run()
    assert widget(app.button, "Pause")
    assert re.search(r"Epoch [01]\.", text_of(app))
    widget(app.button, "Pause").click().run()
    assert widget(app.button, "Play")


def test_the_price_of_the_cure_is_on_the_page(open_page, text_of):
    """The mean over the recorded seeds, each seed's own, and how sure they are."""
    app = open_page("theory_collapse")
    found = collapse.read_all_seeds()
    assert found[0].seed == 0 and len({seen.seed for seen in found}) == len(found)
    nats, errors, epoch = [], [], min(seen.epochs[-1] for seen in found)
    for seen in found:
        with_term, without = (
            seen.at(run, epoch).set_index("id")["elbo"] for run in ("cure", "prior")
        )
        gain = with_term - without
        assert len(gain) == 500 and not gain.isna().any()
        nats.append(float(gain.mean()))
        errors.append(float(gain.std() / 500**0.5))
        said = f"{signed(nats[-1], 1)} ± {errors[-1]:.1f} (seed {seen.seed})"
        assert said in text_of(app)
    error = np.std(nats, ddof=1) / len(nats) ** 0.5 if len(nats) > 1 else errors[0]
    said = f"{signed(np.mean(nats), 1)} ± {error:.1f}"
    assert widget(app.metric, "Gain of the cluster term, nats").value == said
    assert f"{abs(np.mean(nats)):.1f} ± {error:.1f} nats of bound after epoch {epoch}" in (
        text_of(app).replace("*", "")
    )


def test_no_choice_of_the_cluster_posterior_beats_the_best(open_page, tiny_bundle):
    open_page("theory_collapse", image="test:3")
    bounds = collapse_loader.bounds_of_choices(tiny_bundle, "test:3")
    assert list(bounds) == list(theory_loader.GIVEN)
    assert max(bounds.values()) == bounds["The best, q\u22c6"]


def test_the_recording_that_is_shipped_is_whole():
    seen = collapse.read_collapse()
    table = seen.summary()
    assert seen.runs == ["pure", "prior", "cure"]
    assert seen.epochs == list(range(seen.epochs[-1] + 1))
    assert table["information"].between(-1e-6, math.log(10)).all()
    sums = seen.probs("cure", seen.epochs[-1]).sum(1)
    assert sums == pytest.approx(1, abs=2e-3)
    last = table[table["epoch"] == seen.epochs[-1]].set_index("run")
    assert last.loc["cure", "information"] > 0.8 * math.log(10)


def test_without_a_recording_the_page_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match="xai record-collapse"):
        collapse.read_collapse(tmp_path / "none.parquet")


def test_em_steps_and_says_what_is_degenerate(open_page, text_of):
    app = open_page("theory_mixtures")
    assert "iteration 0 of" in text_of(app)
    app.button(key="em step next").click().run()
    assert "iteration 1 of" in text_of(app)
    widget(app.segmented_control, "Points").set_value("Points with a pair of twins").run()
    widget(app.slider, "Components").set_value(6).run()
    widget(app.slider, "Iteration").set_value(widget(app.slider, "Iteration").max).run()
    assert any("shrunk to the variance floor" in w.value for w in app.warning)


def test_there_are_no_more_components_than_points(open_page, monkeypatch):
    monkeypatch.setattr(em_steps, "COUNT", 3)
    app = open_page("theory_mixtures")
    assert not app.exception and widget(app.slider, "Components").max == 3


def test_a_dragged_mean_moves_the_density_and_is_in_the_link(open_page, component, send, text_of):
    app = open_page("theory_mixtures", bundle="bars", image="test:3")
    data, _ = component(app, "line density")
    assert data["means"] == [-2, 1, 4] and data["point"] == 0
    assert "**3 modes**; mean 0.40" in text_of(app)
    for which, value in enumerate((0.96, 1.2, 99, 0.5)):
        send(app, "line density", "moved", [which, value])
    data, _ = component(app, "line density")
    assert data["means"] == [1, 1.2, 6] and data["point"] == 0.5
    assert [linked(app, name) for name in ("mean1", "mean3", "point")] == ["1", "6", "0.5"]
    assert "**2 modes**; mean 2.54" in text_of(app)


def test_half_steps_touch_and_rise_as_known():
    first, second, third = mixtures_loader.halves(2)[:3]
    assert first.free_energy == pytest.approx(first.log_likelihood)
    assert first.log_likelihood == pytest.approx(-18.894680, abs=1e-6)
    assert second.free_energy == pytest.approx(-11.590466, abs=1e-6)
    assert second.log_likelihood == pytest.approx(-11.354218, abs=1e-6)
    assert third.log_likelihood == second.log_likelihood
    assert (first.within, second.within) == pytest.approx((22, 9.1667), abs=1e-4)
    assert second.centres == pytest.approx((-2.5, 2.6667), abs=1e-4)


def test_the_two_fits_begin_alike_and_never_fall(open_page, tiny_bundle):
    open_page("theory_mixtures")
    fits = [
        mixtures_loader.mixture(tiny_bundle, "points", (0, 1), 200, 4, "full", strength, 0)
        for strength in (0.0, 1.0)
    ]
    torch.testing.assert_close(
        fits[0].states[0].responsibilities, fits[1].states[0].responsibilities
    )
    for fit in fits:
        values = [state.objective for state in fit.states]
        assert all(b >= a - 1e-8 for a, b in pairwise(values))
    assert fits[1].last.degenerate == ()


def test_the_probe_reads_the_label_of_bars(open_page, tiny_bundle):
    app = open_page("theory_probe", image="test:3")
    options = widget(app.selectbox, "Is this readable from the code?").options
    assert {"Label |", "Label -", "More ink than the median"} <= set(options)
    widget(app.selectbox, "Is this readable from the code?").set_value("Label |").run()
    assert not app.exception
    found = mean_field_loader.probe(tiny_bundle, "label:0", 200, 8)
    assert found.tested == 20 and found.fitted == 40 and found.base == 0.5
    assert 0 <= found.accuracy <= 1
    assert all(values[-1] > values[0] for values in found.elbos.values())
    assert found.names == ["z0", "z1", "intercept"]


def test_both_estimators_are_unbiased_and_variance_falls_with_draws(open_page, tiny_bundle):
    open_page("theory_probe")
    for where in ("start", "end"):
        seen = mean_field_loader.spread(tiny_bundle, "label:0", 200, 8, where)
        for name in ("score", "reparameterised"):
            assert seen.bias[name] < 2.5
            values = seen.variance[name]
            assert values[0] / values[-1] == pytest.approx(256, rel=0.8)


def test_the_law_holds_at_an_image(open_page, tiny_bundle, text_of):
    app = open_page("theory_manifold", image="test:3")
    found = manifold_loader.certificate(tiny_bundle, "test:3", 0, 1.0)
    assert found.slope.item() == pytest.approx(2, abs=0.1)
    assert found.share_in_span.item() > 0.999
    widget(app.segmented_control, "Steps").set_value("large").run()
    assert not app.exception
    assert "approximately diffeomorphic" in text_of(app)


def test_the_loaders_give_arrays_of_the_image(open_page, tiny_bundle):
    open_page("theory", image="test:3")
    assert theory_loader.as_read(tiny_bundle, "test:3").shape == (1, 1, 28, 28)
    assert bundles.row_of(tiny_bundle, "test:3") is not None


@pytest.mark.parametrize("said", list(probe.SHAPES))
def test_every_property_can_be_asked_for(open_page, said):
    app = open_page("theory_probe")
    widget(app.selectbox, "Is this readable from the code?").set_value(said).run()
    assert not app.exception
    assert not app.error


def test_the_benchmark_of_the_controls_asks_each(tiny_bundle):
    assert all(milliseconds > 0 for milliseconds in reactions(tiny_bundle, 1).values())


def test_both_gaps_are_shown_after_a_prediction(open_page, tiny_bundle):
    app = open_page("theory", image="test:3")
    assert "inference gap" not in charts(app)
    widget(app.radio, QUESTIONS["larger gap"].text).set_value(0).run()
    found = loader.gaps(tiny_bundle, "test:3")
    assert charts(app)["inference gap"].alt
    shown = f"{found.amortisation:.2f} ± {found.gained_error:.2f}"
    assert widget(app.metric, "Amortisation gap").value == shown
    assert bool(app.success) == (found.amortisation > found.approximation)


def test_the_final_bound_can_be_computed_from_what_is_shown(open_page, tiny_bundle, text_of):
    app = open_page("theory_factorisations", image="test:3")
    seen = factorisations_loader.final_bound(tiny_bundle, "test:3")
    drawn = theory_loader.draws(tiny_bundle, "test:3", theory_loader.FEWEST_DRAWS)
    by_draws = bound_given_x(drawn, torch.from_numpy(seen.given)[None])
    near = 6 * seen.error + 1e-6
    assert seen.term == pytest.approx(by_draws.reconstruction.item(), abs=near)
    variances = seen.scales**2
    by_hand = -0.5 * (
        (seen.squares + seen.variances) / variances + seen.dim * np.log(2 * np.pi * variances)
    )
    assert by_hand == pytest.approx(seen.expected_log_prior, rel=1e-9)
    entropy = 0.5 * (seen.dim * math.log(2 * math.pi * math.e) + seen.log_variances)
    assert entropy == pytest.approx(by_draws.entropy_z.item(), rel=1e-5)
    total = seen.term + float(seen.given @ by_hand) - by_draws.kl_c.item() + entropy
    assert f"**{plain(total, 3)}**" in "\n".join(m.value for m in app.markdown)


EXERCISES = {"exercise-a": "exercise a", "exercise-b": "exercise b",
             "a-counterfactual-s-step": "exercise step"}  # fmt: skip


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_exercise_shows_numbers_and_solution_after_a_prediction(open_page, text_of, exercise):
    app = open_page("theory_exercises", image="test:3", exercise=exercise)
    asked = QUESTIONS[EXERCISES[exercise]]
    assert "Evaluated on" not in text_of(app) and not app.toggle
    widget(app.radio, asked.text).set_value(asked.right).run()
    assert app.success and "Evaluated on" in text_of(app)
    first, second = app.metric[:2]
    numbers = [m.value.replace("\N{MINUS SIGN}", "-").split()[0] for m in (first, second)]
    assert float(numbers[0]) == pytest.approx(float(numbers[1]), abs=2e-3)
    assert not [b for b in app.button if b.label == "Step forward"]
    widget(app.toggle, "The solution, line by line").set_value(True).run()
    widget(app.button, "Step forward").click().run()
    assert "lines with numbers hold" in text_of(app)
    widget(app.radio, asked.text).set_value(len(asked.choices) - 1).run()
    assert not app.success and "Not quite." in app.warning[0].value


def test_answers_of_all_pages_are_in_the_link_and_in_one_table(open_page, text_of, monkeypatch):
    link = {"answer-sign": "2", "answer-graph": "0", "answer-terms": "-3.5", "answer-em": "9"}
    app = open_page("theory_exercises", bundle="bars", image="test:3", **link)
    assert linked(app, "answer-sign") == "2" and linked(app, "answer-terms") == "-3.5"
    assert linked(app, "answer-em") is None
    table = app.dataframe[0].value.set_index("question")
    assert len(table) == len(QUESTIONS)
    sign, graph, terms = (QUESTIONS[key].text for key in ("sign", "graph", "terms"))
    assert table.loc[sign, ["answer", "right", "model", "image"]].tolist() == [
        "The best, q\u22c6", "yes", "bars", "test:3"
    ]  # fmt: skip
    assert table.loc[graph, "right"] == "no"
    assert table.loc[terms, "right"] == "open its page to check"
    assert "3 of 16 questions answered, 1 right. 1 to be checked" in text_of(app)
    app.switch_page(PAGES_OF["theory"]).run()
    assert "Not quite." in app.warning[0].value
    app.switch_page(PAGES_OF["theory_exercises"]).run()
    row = app.dataframe[0].value.set_index("question").loc[terms]
    assert row[["page", "right", "model"]].tolist() == ["The bound", "no", "bars"]
    assert linked(app, "answer-graph") == "0"
    files = []
    monkeypatch.setattr(download, "table", lambda _, frame, *more, **about: files.append(frame))
    widget(app.text_input, "Your name, for the file").set_value(" Ada, <b> ").run()
    assert set(files[-1]["student"]) == {"Ada, <b>"}


def test_every_question_is_on_its_page_and_has_an_answer():
    titles = {run: recipe.title for run, recipe in collapse.RECIPES.items()}
    assert f"“{titles['prior']}”" in QUESTIONS["collapse"].text
    assert set(theory_loader.GIVEN) >= set(QUESTIONS["sign"].choices)
    for key, asked in QUESTIONS.items():
        assert asked.page in PAGES, key
        assert bool(asked.choices) != bool(asked.unit), key
        assert len(set(asked.choices)) == len(asked.choices), key
        assert asked.right is None or 0 <= asked.right < len(asked.choices), key


def test_a_step_can_be_computed_from_the_numbers_shown(open_page, tiny_bundle, text_of):
    app = open_page("theory_manifold", image="test:3")
    seen = manifold_loader.step_pictures(tiny_bundle, "test:3", 0.25)
    s, a = seen.values, seen.coefficients
    assert (a @ a) / seen.slope**2 == pytest.approx(seen.share, rel=1e-4)
    law, code = np.linalg.norm(s**2 * a), np.linalg.norm(s * a)
    assert seen.change == pytest.approx(0.25 / code * law, rel=0.2)
    assert f"Σ(s_i² a_i)² = {law:#.5g} per unit" in text_of(app).replace("*", "")
    assert seen.residual < abs(seen.change)


def test_both_ascents_are_films_that_end_at_their_image(open_page, tiny_bundle, component):
    app = open_page("theory_manifold", image="test:3")
    for title, method in zip(
        ("Latent ascent", "Pixel ascent"), manifold_loader.METHODS, strict=True
    ):
        one = manifold_loader.ascended(tiny_bundle, "test:3", 0, "plain", method)
        assert one.frames.shape[0] == len(one.frame_probs) == manifold_loader.FRAMES
        assert one.frame_probs[-1] == pytest.approx(one.probability, abs=1e-4)
        data, _ = component(app, f"film {title}")
        assert data["count"] == manifold_loader.FRAMES


def test_a_decoder_that_reads_z_alone_has_no_image_below(open_page, tiny_bundle, text_of):
    seen = factorisations_loader.differences(tiny_bundle)
    assert len(seen.ids) == 20 and (seen.difference >= -1e-9).all()
    assert "`bars` has no such image" in text_of(open_page("theory_factorisations"))


def test_another_start_of_em_is_in_the_link(open_page):
    app = open_page("theory_mixtures", bundle="bars", image="test:3", seed="2")
    widget(app.button, "Another start").click().run()
    assert linked(app, "seed") == "3"
