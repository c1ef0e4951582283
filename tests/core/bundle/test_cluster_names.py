import pandas as pd

from xai_core.bundle.cluster_names import name_clusters


def index_of(*counts):
    """Return train images, (label, cluster, how many) each, and a test image that says nothing."""
    rows = [(y, c) for y, c, many in counts for _ in range(many)]
    table = pd.DataFrame([*rows, (1, 0)], columns=["label", "cluster"])
    return table.assign(split=["train"] * len(rows) + ["test"])


def test_a_cluster_is_called_by_what_its_training_images_are(subtests):
    for counts, classes, names, order in [
        (((1, 0, 10), (0, 1, 9), (1, 1, 1)), "01", ("1s", "0s"), (1, 0)),
        (((1, 0, 10), (0, 1, 8), (1, 1, 2)), "01", ("1s", "mostly 0s"), (1, 0)),
        (((1, 0, 10), (1, 1, 10)), "01", ("1s (cluster 0)", "1s (cluster 1)"), (0, 1)),
        (
            ((0, 0, 4), (1, 0, 3), (2, 0, 3)),
            "012",
            ("mixed (cluster 0)", "empty (cluster 1)"),
            (0, 1),
        ),
        (((1, 0, 10), (0, 1, 10)), ("Bag", "Ankle boot"), ("Ankle boot", "Bag"), (1, 0)),
        (((1, 0, 1), (0, 1, 1)), "|-", ("-", "|"), (1, 0)),
        (((7, 0, 1), (3, 1, 1)), (), ("7s", "3s"), (1, 0)),
    ]:
        with subtests.test(counts=counts, classes=classes, names=names, order=order):
            found = name_clusters(index_of(*counts), 2, tuple(classes))
            assert (found.names, found.order) == (names, order)
            assert names[order[0]] in found.meaning


def test_without_labels_clusters_are_letters_and_with_labels_of_tests_those_count():
    none = index_of((-1, 0, 2)).assign(label=-1)
    found = name_clusters(none, 28, ())
    assert found.names[:2] == ("A", "B") and found.names[-2:] == ("AA", "AB")
    assert found.order == tuple(range(28)) and found.meaning == ""
    assert name_clusters(index_of((-1, 0, 2)), 1, ("0", "1")).names == ("1s",)
