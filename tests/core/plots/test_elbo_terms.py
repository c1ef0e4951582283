import numpy as np
import pandas as pd
import pytest

from xai_core.plots import elbo_terms


@pytest.fixture
def index():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "split": ["train"] * 30 + ["test"] * 20,
            "reconstruction": rng.normal(-80, 20, 50),
            "expected_log_prior": rng.normal(-20, 3, 50),
            "kl_c": rng.uniform(1, 2.3, 50),
            "entropy_z": rng.normal(5, 2, 50),
        }
    )
    table["elbo"] = table.reconstruction + table.expected_log_prior - table.kl_c + table.entropy_z
    return table


@pytest.mark.parametrize("dark", [False, True])
def test_the_bars_of_the_waterfall_end_at_the_elbo(index, dark):
    for row in (3, 41):
        table = elbo_terms.summary(index, index.iloc[row])
        steps = elbo_terms.waterfall(table, "test", dark).data[0]
        assert list(steps.measure) == ["relative"] * 4 + ["total"]
        assert sum(steps.x[:4]) == pytest.approx(index.elbo[row])
        assert steps.text[4] == f"{index.elbo[row]:+.1f}".replace("-", "\N{MINUS SIGN}")


def test_the_kl_is_subtracted(index):
    table = elbo_terms.summary(index, index.iloc[7]).set_index("term")
    assert table.nats["KL of the cluster"] == pytest.approx(-index.kl_c[7])


def test_percentiles_count_the_images_of_the_same_split(index):
    ranks = index.groupby("split")["elbo"].rank()
    for row in (0, 29, 30, 49):
        size = 30 if row < 30 else 20
        found = elbo_terms.summary(index, index.iloc[row]).set_index("term").percentile["ELBO"]
        assert found == pytest.approx(100 * (ranks[row] - 0.5) / size)


def test_an_image_like_all_others_is_at_the_middle(index):
    index["kl_c"] = 2.0
    found = (
        elbo_terms.summary(index, index.iloc[0]).set_index("term").percentile["KL of the cluster"]
    )
    assert found == pytest.approx(50)


def test_the_numbers_have_room_beside_the_bars(index):
    table = elbo_terms.summary(index, index.iloc[3])
    low, high = elbo_terms.waterfall(table, "test", False).layout.xaxis.range
    sums = table.nats[:4].cumsum()
    assert low < sums.min() and high > 0


@pytest.mark.parametrize("term", elbo_terms.TERMS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_extremes_are_the_ends_of_a_sort(index, term, split):
    most, least = elbo_terms.extremes(index, term, split, 5)
    values = elbo_terms.TERMS[term].sign * index.loc[index["split"] == split, term]
    np.testing.assert_array_equal(most, values.nlargest(5).index)
    np.testing.assert_array_equal(least, values.nsmallest(5).index)


def test_extremes_of_few_images_are_all_of_them(index):
    assert [len(end) for end in elbo_terms.extremes(index, "elbo", "test", 99)] == [20, 20]
