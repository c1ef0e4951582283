import pytest
import torch

from xai_core.counterfactual.alternatives import APART, alternatives
from xai_core.counterfactual.of_bundle import counterfactuals


def image_of(bundle, image_id="test:3"):
    return bundle.dataset.images([image_id])


@pytest.mark.parametrize("of", ["classifier", "cluster"])
def test_what_is_kept_is_there_differs_and_is_ordered(tiny_bundle, of):
    own = int(counterfactuals(tiny_bundle, image_of(tiny_bundle), 0, output=of).source[0])
    answer = alternatives(
        tiny_bundle, image_of(tiny_bundle), 1 - own, output=of, count=4, starts=6
    )
    found, kept = answer.found, list(answer.kept)
    assert len(found) == 6 and 1 <= len(kept) <= 4
    assert found.converged[kept].all() and (found.target == 1 - own).all()
    assert (found.l1[kept].diff() >= 0).all()
    for place, row in enumerate(kept):
        for earlier in kept[:place]:
            gap = (found.counterfactuals[row] - found.counterfactuals[earlier]).abs().sum()
            assert gap >= APART * found.l1[earlier]


def test_the_seed_decides(tiny_bundle):
    one, same, other = (
        alternatives(tiny_bundle, image_of(tiny_bundle), 0, seed=seed).found.counterfactuals
        for seed in (0, 0, 5)
    )
    torch.testing.assert_close(one, same)
    assert not torch.equal(one, other)


def test_a_float_image_is_the_same_question(tiny_bundle):
    bytes_ = image_of(tiny_bundle)
    floats = bytes_.float() / 255
    one, other = (alternatives(tiny_bundle, x, 0, starts=3).found for x in (bytes_, floats))
    torch.testing.assert_close(one.counterfactuals, other.counterfactuals)


def test_more_starts_than_members_is_no_error(tiny_bundle):
    answer = alternatives(tiny_bundle, image_of(tiny_bundle), 0, starts=500)
    assert 1 <= len(answer.found) <= 40


def test_one_image_and_a_target_with_members_are_asked_for(tiny_bundle):
    two = tiny_bundle.dataset.images(["test:3", "test:4"])
    with pytest.raises(ValueError, match="must hold one image, got 2"):
        alternatives(tiny_bundle, two, 0)
    with pytest.raises(ValueError, match="must have real images"):
        alternatives(tiny_bundle, image_of(tiny_bundle), 7)
    with pytest.raises(ValueError, match="classes apart, and `elbo` is one number"):
        alternatives(tiny_bundle, image_of(tiny_bundle), 0, output="elbo")
