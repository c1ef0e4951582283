import numpy as np
import pytest

from xai_core.evaluation.agreement import agreement, disagreements


def test_renumbered_clusters_agree_wholly():
    first = np.array([0, 0, 1, 1, 2, 2])
    found = agreement(first, (first + 1) % 3, num_first=3, num_second=3)
    assert found.partner.tolist() == [1, 2, 0]
    assert (found.share, found.nmi, found.ari) == pytest.approx((1, 1, 1))


def test_more_clusters_than_partners_are_left_alone():
    found = agreement(np.array([0, 1, 2, 2]), np.array([0, 0, 1, 1]), num_first=3, num_second=2)
    assert found.counts.tolist() == [[1, 0], [1, 0], [0, 2]]
    assert sorted(found.partner.tolist()) == [-1, 0, 1] and found.partner[2] == 1
    assert found.share == 0.75


def test_disagreements_come_surest_first():
    first, second = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0])
    sure = np.array([1, 1, 0.6, 1, 1, 0.9])
    found = agreement(first, second, num_first=2, num_second=2)
    assert disagreements(found, first, second, sure, sure).tolist() == [5, 2]


def test_clusterings_of_other_images_are_refused():
    with pytest.raises(ValueError, match="same images, got 2 and 3"):
        agreement(np.array([0, 1]), np.array([0, 1, 0]), num_first=2, num_second=2)
