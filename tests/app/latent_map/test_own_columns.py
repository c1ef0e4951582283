"""The user's own columns on the latent map: colours, the table, and search."""

import numpy as np
import pandas as pd
import pytest

from dashboard.services import bundles
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.latent_space.own_columns import OWN

from ..conftest import _open


@pytest.fixture(scope="module")
def with_columns(tiny_parts, tmp_path_factory):
    own = pd.DataFrame(
        {
            "site": ["Bonn", "<b>Ulm</b>", "Ulm*"] * 20,
            "age": np.linspace(20, 80, 60),
            "file": [f"scan-{row:02d}.png" for row in range(60)],
        }
    )
    index = pd.concat([tiny_parts["index"], own.add_prefix(OWN)], axis=1)
    root = tmp_path_factory.mktemp("own")
    save_bundle(root / "checkpoints" / "own", **{**tiny_parts, "index": index})
    return root


def test_they_colour_the_map_and_stand_in_the_table(with_columns, monkeypatch, text_of, subtests):
    monkeypatch.chdir(with_columns)
    for number, title in enumerate(("site", "age")):
        with subtests.test(title):
            app = _open("latent_map", bundle="own")
            app.session_state["setting.map table open"] = True
            app.selectbox("widget.map colour").set_value(f"own_{number}").run()
            assert not app.exception
            assert not app.error
            assert f"Your own column '{title}'" in text_of(app)
            table = next(frame.value for frame in app.dataframe if "site" in frame.value)
            assert {"site", "age", "file"} <= set(table)


def test_images_are_found_by_their_texts(with_columns, subtests):
    bundle = load_bundle(with_columns / "checkpoints" / "own")
    for text, expected in {
        "test:3": ["test:3"],
        "scan-07.png": ["train:7"],
        "SCAN-59": ["test:19"],
        "bonn": [f"train:{row}" for row in range(0, 40, 3)],
        "nowhere": [],
        "test:99": [],
        " ": [],
        "*": [f"train:{row}" for row in range(2, 40, 3)],
        "(": [],
        "25": ["train:25"],
    }.items():
        with subtests.test(text):
            found = bundles.search(bundle, text)
            assert found[: len(expected)] == expected
            assert bool(found) == bool(expected)
