import io

import numpy as np
import pandas as pd
from PIL import Image

from xai_core.plots import export

ABOUT = {"bundle": "mnist (0123)", "image": "test:3", "note": "two\nlines"}


def test_a_table_comes_back_and_says_where_it_is_from():
    table = pd.DataFrame({"term": ["elbo", "KL"], "nats": [-73.25, 2.0]})
    written = export.csv(table, ABOUT)
    assert written.decode().splitlines()[:3] == [
        "# bundle: mnist (0123)",
        "# image: test:3",
        "# note: two lines",
    ]
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(written), comment="#"), table)


def test_a_picture_keeps_its_pixels_and_says_where_it_is_from():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    image = Image.open(io.BytesIO(export.png(pixels, ABOUT, scale=3)))
    assert image.size == (21, 15)
    np.testing.assert_array_equal(np.asarray(image)[1::3, 1::3], pixels)
    assert image.text["image"] == "test:3" and image.text["note"] == "two lines"


def test_a_file_name_holds_no_separators():
    assert export.file_name("a/b", "test:3", suffix="csv") == "a-b-test-3.csv"
