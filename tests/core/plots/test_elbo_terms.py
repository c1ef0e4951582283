import xml.etree.ElementTree as ET
from itertools import pairwise

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


def bars_of(drawn):
    """Left and right ends of the bars, from above."""
    found = ET.fromstring(drawn.svg).findall("{http://www.w3.org/2000/svg}rect")
    ends = [(float(bar.get("x")), float(bar.get("width"))) for bar in found]
    return [(x, x + width) for x, width in ends]


def scale_of(bars, table):
    """Width of one nat, from the first bar."""
    return (bars[0][1] - bars[0][0]) / abs(table.nats.iloc[0])


@pytest.mark.parametrize("dark", [False, True])
def test_the_bars_of_the_waterfall_end_at_the_elbo(index, dark):
    for row in (3, 41):
        table = elbo_terms.summary(index, index.iloc[row])
        bars = bars_of(elbo_terms.waterfall(table, "test", dark))
        assert len(bars) == 5
        for (left, right), (after, until) in pairwise(bars):
            assert min(abs(a - b) for a in (left, right) for b in (after, until)) < 0.11
        assert bars[4][1] - bars[4][0] == pytest.approx(scale_of(bars, table) * abs(
            index.elbo[row]), abs=0.11)  # fmt: skip


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
    drawn = elbo_terms.waterfall(table, "test", False)
    assert drawn.rows[4][1] == f"{index.elbo[3]:+.1f}".replace("-", "\N{MINUS SIGN}")
    assert min(left for left, _ in bars_of(drawn)) > 180, "right of the names"


@pytest.mark.parametrize("term", elbo_terms.TERMS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_extremes_are_the_ends_of_a_sort(index, term, split):
    most, least = elbo_terms.extremes(index, term, split, 5)
    values = elbo_terms.TERMS[term].sign * index.loc[index["split"] == split, term]
    np.testing.assert_array_equal(most, values.nlargest(5).index)
    np.testing.assert_array_equal(least, values.nsmallest(5).index)


def test_extremes_of_few_images_are_all_of_them(index):
    assert [len(end) for end in elbo_terms.extremes(index, "elbo", "test", 99)] == [20, 20]
