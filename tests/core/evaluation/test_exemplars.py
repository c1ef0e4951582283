import numpy as np

from xai_core.evaluation.exemplars import margins, smallest_margins


def draw(images, clusters, seed=0):
    logits = 3 * np.random.default_rng(seed).normal(size=(images, clusters))
    probs = np.exp(logits)
    return probs / probs.sum(1, keepdims=True)


def test_margin_is_the_gap_between_the_two_best():
    probs = np.array([[0.5, 0.2, 0.3], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(margins(probs), [0.2, 0.7])


def test_smallest_margins_are_those_of_a_search_through_all():
    probs = draw(5000, 10)
    rows, found = smallest_margins(probs.max(1), lambda some: probs[some], 24, batch=64)
    np.testing.assert_array_equal(rows, np.argsort(margins(probs), kind="stable")[:24])
    np.testing.assert_allclose(found, probs[rows])


def test_smallest_margins_leaves_the_sure_ones_alone():
    probs, evaluated = draw(5000, 2), []

    def probs_of(rows):
        evaluated.extend(rows)
        return probs[rows]

    smallest_margins(probs.max(1), probs_of, 10, batch=50)
    assert len(evaluated) <= 100


def test_smallest_margins_gives_all_rows_where_there_are_fewer():
    probs = draw(3, 4)
    assert sorted(smallest_margins(probs.max(1), lambda r: probs[r], 9)[0]) == [0, 1, 2]
