"""Wrong labels are found first, and nothing is judged where nothing can be."""

import dataclasses

import numpy as np
import pytest

from xai_core.errors import DataError
from xai_core.evaluation.label_errors import doubtful_labels, label_losses


def test_losses_are_negative_logarithms():
    found = label_losses(np.array([[0.25, 0.75], [1.0, 0.0]], np.float32), np.array([0, 0]))
    np.testing.assert_allclose(found, [np.log(4), 0.0], atol=1e-7)
    assert np.isfinite(label_losses(np.array([[1.0, 0.0]]), np.array([1]))).all()


@pytest.mark.parametrize("classifier", [True, False])
def test_a_flipped_label_comes_first_and_the_right_one_is_suggested(tiny_bundle, classifier):
    index, row = tiny_bundle.index.copy(), 45
    right = int(index.loc[row, "label"])
    bundle = tiny_bundle if classifier else dataclasses.replace(tiny_bundle, classifier=None)
    assert sorted(doubtful_labels(bundle).rows) == list(range(40, 60)), (
        "train images are not judged"
    )
    index.loc[row, "label"] = 1 - right
    index.loc[46, "label"] = -1
    found = doubtful_labels(dataclasses.replace(bundle, index=index))
    assert found.output == ("classifier" if classifier else "cluster")
    assert found.rows[0] == row and found.suggested[0] == right and 46 not in found.rows
    assert (np.diff(found.losses) <= 0).all()


def test_without_labels_nothing_is_judged(tiny_bundle):
    blind = dataclasses.replace(tiny_bundle, index=tiny_bundle.index.assign(label=-1))
    with pytest.raises(DataError, match="no labelled test images"):
        doubtful_labels(blind)
