import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xai_core.plots import probabilities, theme
from xai_core.plots.clusters import confusion, film_strip
from xai_core.plots.clusters import table as cluster_table

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def index():
    return pd.DataFrame(
        {
            "split": ["test"] * 7 + ["train"] * 2,
            "label": [0, 0, 0, 1, 1, 1, 1, 0, 1],
            "cluster": [1, 1, 0, 0, 0, 0, 1, 2, 2],
            "confidence": [0.9, 0.7, 0.5, 1.0, 1.0, 0.6, 0.8, 0.5, 0.5],
        }
    )


def test_confusion_counts_every_image_of_the_split_once(index):
    table = confusion.counts(index, "test", 3, 2)
    np.testing.assert_array_equal(table, [[1, 2, 0], [3, 1, 0]])
    np.testing.assert_array_equal(confusion.counts(index, "train", 3, 2), [[0, 0, 1], [0, 0, 1]])


def test_accuracy_is_the_share_whose_cluster_has_their_label(index):
    table = confusion.counts(index, "test", 3, 2)
    assert confusion.accuracy(table, (1, 0, -1)) == pytest.approx(5 / 7)
    assert confusion.accuracy(table, (-1, -1, -1)) == 0


def test_the_most_confused_label_is_the_largest_count_off_the_matches(index):
    table = confusion.counts(index, "test", 3, 2)
    assert confusion.most_confused(table, (1, 0, -1)) == (0, 0, 1, 3)
    assert confusion.most_confused(table, (0, 1, -1)) == (1, 0, 3, 4)
    assert confusion.most_confused(table * 0, (1, 0, -1)) is None


def test_accuracy_is_the_manifest_s(tiny_bundle):
    for split in ("train", "test"):
        table = confusion.counts(tiny_bundle.index, split, 2, 2)
        scored = tiny_bundle.manifest.metrics[split]["accuracy"]
        assert confusion.accuracy(table, tiny_bundle.cluster_labels) == pytest.approx(scored)


@pytest.mark.parametrize("dark", [False, True])
def test_the_heat_map_s_colours_are_shares_of_the_row(index, dark):
    table = confusion.counts(index, "test", 3, 2)[[1, 0, 2]]
    names = ["zero", "one"], ["b", "a", "c"]
    drawn = confusion.heat_map(table, *names, dark)
    cells = ET.fromstring(drawn.svg).findall(f"{SVG}rect")
    shares = np.array([2 / 3, 1 / 3, 0, 1 / 4, 3 / 4, 0])
    wanted = theme.hex_colours(theme.shares(dark)[(255 * shares).round().astype(int)])
    assert [cell.get("fill") for cell in cells] == wanted
    titles = [cell.find(f"{SVG}title").text for cell in cells]
    assert titles[0] == "label zero in cluster b: 2 images, 66.67 % of the label"
    assert drawn.columns == ("label", "b", "a", "c") and drawn.rows[0] == ("zero", "2", "1", "0")
    other = confusion.heat_map(table, *names, dark, show="% of the label")
    assert {"66.7", "33.3"} <= set(ET.fromstring(other.svg).itertext())


def test_overview_says_size_purity_and_confidence(index):
    table = cluster_table.overview(index, "test", np.ones(3), (1, 0, -1), ("zero", "one"))
    assert table["images"].tolist() == [4, 3, 0]
    assert table["share"].sum() == pytest.approx(1)
    assert table["label"].tolist() == ["one", "zero", "\N{EN DASH}"]
    assert table["purity"][0] == pytest.approx(3 / 4) and np.isnan(table["purity"][2])
    assert table["mean_confidence"][1] == pytest.approx(0.8)


def test_without_labels_the_overview_has_none(index):
    table = cluster_table.overview(index, "test", np.ones(3), (-1, -1, -1), ())
    assert not {"label", "purity"} & set(table)


def test_bars_have_their_cluster_s_colour_and_number():
    probs, before = np.array([0.25, 0.75, 0.0]), np.array([1.0, 0.0, 0.0])
    drawn = probabilities.bar_chart(probs, ["a", "b", "c"])
    assert drawn.rows == (("a", "25.0 %"), ("b", "75.0 %"), ("c", "under 0.1 %"))
    drawn = probabilities.bar_chart(probs, ["a", "b", "c"], order=[1, 2, 0], before=before)
    assert drawn.columns[1:] == ("q(c|x)", "before")
    assert [row[0] for row in drawn.rows] == ["b", "c", "a"]
    assert drawn.rows[-1] == ("a", "25.0 %", "over 99.9 %")
    bars = ET.fromstring(drawn.svg).findall(f"{SVG}rect")
    colours = dict(zip("bca", [bar.get("fill") for bar in bars], strict=True))
    assert [colours[name] for name in "abc"] == theme.cluster_colours([1, 2, 0])
    widths = [float(bar.get("width")) for bar in bars]
    assert widths[0] == pytest.approx(3 * widths[2], rel=0.01) and widths[1] < 1


def test_a_name_in_a_drawing_is_text():
    drawn = probabilities.bar_chart(np.array([0.5, 0.5]), ["<a href='x'>&", "b"])
    assert "<a href='x'>&" in list(ET.fromstring(drawn.svg).itertext())


def test_a_probability_is_never_rounded_to_certainty(subtests):
    for share, text in [
        (0, "under 0.1 %"),
        (1e-9, "under 0.1 %"),
        (0.0006, "0.1 %"),
        (0.999, "99.9 %"),
        (0.99999, "over 99.9 %"),
        (1, "over 99.9 %"),
    ]:
        with subtests.test(share=share, text=text):
            assert probabilities.percent(share) == text
            counted = {0: "0 %", 1: "100 %"}.get(share, text)
            assert probabilities.share(share) == counted


def film():
    images = np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 28, 28))
    along = np.linspace(0, 1, 5)
    return images, np.stack([1 - along, along, 0 * along], 1)


def test_each_frame_stands_over_its_own_point():
    images, probs = film()
    root = ET.fromstring(film_strip.film_strip(images, probs, ["a", "b", "c"]).svg)
    strip = root.find(f"{SVG}image")
    pixels = Image.open(io.BytesIO(base64.b64decode(strip.get("href").split(",")[1])))
    assert pixels.size == (5 * 28, 28)
    left, width = float(strip.get("x")), float(strip.get("width"))
    marks = [
        m.get("transform") for m in root.findall(f"{SVG}path") if m.find(f"{SVG}title") is not None
    ]
    places = [float(re.match(r"translate\(([\d.]+)", m)[1]) for m in marks[:5]]
    np.testing.assert_allclose(places, left + (np.arange(5) + 0.5) * width / 5, atol=0.06)


def test_clusters_never_seen_have_no_line_and_the_others_differ_without_colour():
    images, probs = film()
    drawn = film_strip.film_strip(images, probs, ["a", "b", "c"])
    assert drawn.columns[1:] == ("a", "b") and drawn.rows[1][1:] == ("75.0 %", "25.0 %")
    samples = ET.fromstring(drawn.svg).findall(f"{SVG}g")
    kinds = [sample.findall(f"{SVG}path")[1].get("d") for sample in samples]
    assert len(set(kinds)) == len(kinds) == 2


def test_crossing_says_where_and_to_whom():
    _, probs = film()
    names = ["4s", "9s", "7s"]
    assert film_strip.crossing(probs, names, 0) == (
        "the frames leave 4s after 75 % of the path, for 9s"
    )
    assert "every frame" in film_strip.crossing(probs[:2], names, 0)
