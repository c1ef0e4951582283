"""A wrong shape or type fails where it is passed: `tests/annotations.py`."""

import jaxtyping
import pytest
import torch

from xai_core.evaluation.faithfulness.sanity import spearman


def test_a_wrong_shape_fails_where_it_is_passed():
    with pytest.raises(jaxtyping.TypeCheckError, match="spearman"):
        spearman(torch.rand(2, 3), torch.rand(2, 3))


def test_a_wrong_type_fails_at_every_call():
    for _ in range(2):
        with pytest.raises(jaxtyping.TypeCheckError, match="first"):
            spearman([[0.5]], torch.rand(1, 2, 2))
