"""Every line of every derivation: its two sides agree, on the shipped model and on examples."""

from pathlib import Path

import pytest
import torch

from xai_core import load_bundle
from xai_core.counterfactual.of_bundle import step_functions
from xai_core.data.preprocessing import to_float
from xai_core.evaluation.metrics import binarise
from xai_core.theory.bounds import draw
from xai_core.theory.derivations import evaluated
from xai_core.theory.derivations.catalogue import DERIVATIONS
from xai_core.theory.derivations.image import image_numbers
from xai_core.theory.derivations.line import Derivation, Line
from xai_core.theory.hidden_groups import fit_topics, infer_topics, segment_states
from xai_core.theory.linear_vae import LinearVAE

SHIPPED = Path(__file__).parents[3] / "checkpoints" / "mnist"


def missed(key, sides):
    """The lines that do not hold, and none must be left out but those without a value."""
    lines = DERIVATIONS[key].lines
    assert [s is None for s in sides] == [line.value is None for line in lines], key
    return [
        f"{key} line {number}: {both}"
        for number, both in enumerate(sides, 1)
        if both is not None and not both.holds
    ]


def test_every_line_holds_on_the_shipped_model():
    bundle = load_bundle(SHIPPED)
    noise = torch.Generator().manual_seed(0)
    images = bundle.dataset.test.images[:20]
    x = binarise(to_float(images[8:9]), noise)
    numbers = image_numbers(
        bundle.model, x, draw(bundle.model, x, num_samples=40, generator=noise)
    )
    problems = [
        problem
        for key in evaluated.OF_AN_IMAGE
        for problem in missed(key, evaluated.of_image(key, numbers))
    ]
    probs = bundle.model.cluster_probs(to_float(images)).detach()
    problems += missed("D-7", evaluated.of_clusters(probs))
    encode, decode, forward = step_functions(bundle)
    where = evaluated.LatentStep(code=encode(images[:1]), target=3, decode=decode, forward=forward)
    problems += missed("D-22", evaluated.of_step(where))
    assert not problems


def test_every_line_holds_where_everything_is_known(subtests):
    for key in list(evaluated.EXAMPLES):
        with subtests.test(key=key):
            assert not missed(key, evaluated.of_example(key))


def test_all_derivations_are_evaluated_on_something():
    assert list(DERIVATIONS) == [f"D-{number}" for number in range(1, 24)]
    said = {*evaluated.OF_AN_IMAGE, *evaluated.EXAMPLES, "D-7", "D-22"}
    assert set(DERIVATIONS) == said
    assert all(line.reason for each in DERIVATIONS.values() for line in each.lines)


def test_a_line_that_does_not_hold_is_found():
    lines = (
        Line(formula="1", reason="a start", value=lambda n: 1.0),
        Line(formula="2", reason="false", value=lambda n: 2.0),
        Line(formula="3", reason="true", relation="<=", value=lambda n: 3.0),
        Line(formula="4", reason="not a number", value=lambda n: float("nan")),
    )
    sides = Derivation(key="D", title="", source="", lines=lines).sides(None)
    assert [both.holds for both in sides] == [True, False, True, False]
    assert sides[0].left is None and sides[1].left == 1


def test_the_one_dimensional_vae_has_the_known_numbers():
    model = LinearVAE()
    assert (model.gradients.theta_1, model.gradients.f, model.gradients.sigma_z) == pytest.approx(
        (0.38, 4.824, -2.268)
    )
    assert model.elbo == pytest.approx(-4.7925, abs=1e-4)
    assert model.log_evidence == pytest.approx(-2.3113, abs=1e-4)
    mean, std = model.true_posterior
    assert LinearVAE(f=mean, sigma_z=std).gap == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="sigma_x"):
        LinearVAE(sigma_x=0.0)


def test_customers_and_topics_have_the_known_numbers():
    start, after = segment_states(1)
    assert start.responsibilities[:, 0].tolist() == pytest.approx(
        [0.8870, 0.1405, 0.3954, 0.0045], abs=1e-4
    )
    assert after.weights.tolist() == pytest.approx([0.3569, 0.6431], abs=1e-4)
    assert after.log_likelihood == pytest.approx(-12.2749, abs=1e-4)
    rounds = infer_topics(("ball", "ball", "goal", "vote"), 6)
    assert rounds[-1][0].tolist() == pytest.approx([4.0706, 1.9294], abs=1e-4)
    assert rounds[-1][1] == pytest.approx(-5.64465, abs=1e-4)
    assert {"law", "vote"} <= set(fit_topics(2).words[0])
    with pytest.raises(ValueError, match="document"):
        infer_topics(("dog",), 1)
