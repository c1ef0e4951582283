"""The table of scores of a bundle's methods."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from xai_core.attribution.config import AttributionConfig
from xai_core.attribution.registry import METHODS
from xai_core.data.preprocessing import to_float
from xai_core.errors import BundleError
from xai_core.evaluation.faithfulness.scores import FaithfulnessConfig
from xai_core.evaluation.faithfulness.summary import keep_summary, kept_summary
from xai_core.evaluation.faithfulness.table import infill_of, scores
from xai_core.evaluation.faithfulness.trust_criteria import CHECKS
from xai_core.plots.faithfulness import checks

FEW = FaithfulnessConfig(num_masks=6, num_moves=1, sanity_images=4)
FAST = AttributionConfig(n_steps=8, n_samples=4)


@pytest.fixture(scope="module")
def table(tiny_bundle):
    told = []
    found = scores(
        tiny_bundle,
        tiny_bundle.dataset.test.images[:8],
        ["deep_lift", "saliency"],
        config=FEW,
        attribution=FAST,
        on_progress=lambda *step: told.append(step),
    )
    assert told == [
        (name, i, 4) for i, name in enumerate(["deep_lift", "saliency", "random", "edges"])
    ]
    return found


def test_each_method_has_a_row_and_so_do_random_and_edges(table):
    assert [row.method for row in table.rows] == ["deep_lift", "saliency", "random", "edges"]
    assert (table.output, table.num_images) == ("classifier", 8)
    for row in table.rows:
        measured = table.measured[row.method]
        for part in (row.insertion, row.deletion):
            assert 0 <= part.low <= part.mean <= part.high <= 1
        assert row.insertion.mean == pytest.approx(measured.insertion.mean().item(), abs=1e-6)
        assert measured.insertion_curve.shape == (8, len(table.shares))
        assert 0 <= row.infidelity.mean <= 1 and 0 <= row.sparsity.mean < 1
        assert row.trusted == (not row.reasons) and row.seconds > 0


def test_what_does_not_apply_is_missing_not_zero(table):
    rows = {row.method: row for row in table.rows}
    assert rows["deep_lift"].gap.mean < 1e-3
    assert rows["saliency"].gap.mean != rows["saliency"].gap.mean  # NaN
    frame = table.frame()
    assert list(frame["method"]) == list(rows) and frame["gap"].isna().tolist()[1:] == [True] * 3
    assert frame["insertion_low"].le(frame["insertion_high"]).all()


def test_scores_are_kept_beside_a_bundle(table, tmp_path, subtests):
    folder, made = tmp_path / "bars", table.summary()
    assert kept_summary(folder, "digest", "classifier") is None
    path = keep_summary(folder, "digest", "classifier", made)
    assert path == tmp_path / "bars.faithfulness.classifier.json"
    found = kept_summary(folder, "digest", "classifier")
    pd.testing.assert_frame_equal(found.table, made.table, atol=1e-5, check_dtype=False)
    assert (found.shares, found.images) == (made.shares, 8)
    for kind in ("insertion", "deletion"):
        for name, curve in getattr(made, kind).items():
            np.testing.assert_allclose(getattr(found, kind)[name], curve, atol=1e-5)
    assert kept_summary(folder, "another", "classifier") is None
    assert kept_summary(folder, "digest", "cluster") is None
    whole = json.loads(path.read_bytes())
    for broken in ("", "[]", "{}", json.dumps(whole | {"shares": [0.0]}),
                   json.dumps(whole | {"rows": [{"method": "saliency"}]})):  # fmt: skip
        path.write_text(broken)
        with subtests.test(broken[:20]), pytest.raises(BundleError, match="damaged. Delete it"):
            kept_summary(folder, "digest", "classifier")
    drawn = checks(made.table, {n: n.title() for n in made.table["method"]}, CHECKS,
                   emphasised="saliency")  # fmt: skip
    cells = dict((row[0], row[3:]) for row in drawn.rows)
    assert cells["Random"][:2] == ("\N{BALLOT X}", "\N{BALLOT X}")
    assert cells["Saliency"][3] == "\N{EN DASH}" and cells["Deep_Lift"][3] == "\N{CHECK MARK}"
    assert drawn.columns == ("method", "model fills", "mean image fills", *CHECKS.values())


def test_maps_that_know_no_model_are_marked(table):
    rows = {row.method: row for row in table.rows}
    for name in ("random", "edges"):
        assert any("shuffled (rank correlation 1.00)" in reason for reason in rows[name].reasons)
        assert any("same map (rank correlation 1.00)" in reason for reason in rows[name].reasons)


def test_a_check_that_every_method_passes_is_named_as_such(table):
    """Here DeepLift is complete, and nothing else promises to be."""
    rows = {row.method: row for row in table.rows}
    assert {"model", "class"} <= set(rows["random"].failed) and "sum" in rows["deep_lift"].passed
    assert "sum" in table.uninformative and not {"model", "class"} & set(table.uninformative)
    for row in table.rows:
        assert row.trusted == (not row.failed) and not set(row.passed) & set(row.failed)
        assert set(table.uninformative) <= set(row.passed) | {"sum", "pixels"}


def test_the_same_question_has_the_same_answer(tiny_bundle, table):
    images = to_float(tiny_bundle.dataset.test.images[:8])
    again = scores(tiny_bundle, images, "saliency", config=FEW, attribution=FAST)
    old = {row.method: row for row in table.rows}["saliency"]
    assert again.rows[0].insertion == old.insertion
    assert again.rows[0].randomisation == old.randomisation


@pytest.mark.parametrize("of", ["cluster", "reconstruction"])
def test_other_functions_can_be_scored(of, tiny_bundle):
    images = tiny_bundle.dataset.test.images[:4]
    found = scores(tiny_bundle, images, "input_x_gradient", output=of, config=FEW).rows[0]
    one_output = of == "reconstruction"
    assert (found.class_sensitivity.mean != found.class_sensitivity.mean) == one_output
    assert found.randomisation.mean < 1


def test_the_infill_keeps_what_it_is_told_to(tiny_bundle):
    x = to_float(tiny_bundle.dataset.test.images[:3], tiny_bundle.device)
    mask = torch.zeros(3, 28, 28, device=x.device)
    mask[:, :, :14] = 1
    filled = infill_of(tiny_bundle)(x, mask)
    assert torch.equal(filled[..., :14], x[..., :14])
    assert not torch.allclose(filled[..., 14:], x[..., 14:]) and not filled.requires_grad


def test_an_unknown_method_is_refused(tiny_bundle):
    with pytest.raises(ValueError, match="`method` must be one of"):
        scores(tiny_bundle, tiny_bundle.dataset.test.images[:2], ["saliency", "lime"])
    assert "lime" not in METHODS
