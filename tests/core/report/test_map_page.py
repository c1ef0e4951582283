"""The exported map: complete, self-contained, and no string of the bundle in it is markup."""

import base64
import gzip
import hashlib
import json
import re

import numpy as np
import pytest

from xai_core.report.map_page import MapPageConfig, map_page

from .test_html import HOSTILE, Structure, named

BLOCK = re.compile(r'<script type="([^"]+)"(?: id="(\w+)")?>(.*?)</script>', re.DOTALL)
FEW = MapPageConfig(explained=3)


def blocks(content):
    """Return the data blocks of a page by id, and its only script."""
    found = BLOCK.findall(content.decode())
    data = {name: json.loads(text) for kind, name, text in found if kind == "application/json"}
    (script,) = [text for kind, _, text in found if kind == "module"]
    return data, script


@pytest.fixture(scope="module")
def content(tiny_bundle):
    return map_page(tiny_bundle, config=FEW)


def test_it_holds_every_image_and_its_probabilities(tiny_bundle, content):
    found, _ = blocks(content)
    data, sheets, count = found["data"], found["sheets"], len(tiny_bundle.index)
    blob = base64.b64decode(data["points"])
    rows = np.frombuffer(blob[4 * count :], "<u4")
    assert data["count"] == count and sorted(rows) == list(range(count))
    levels = np.frombuffer(base64.b64decode(data["columns"]["cluster"]["levels"]), np.uint8)
    assert np.array_equal(levels, tiny_bundle.index["cluster"])
    for kind, columns in (("cluster", 2), ("class", 2)):
        packed = gzip.decompress(base64.b64decode(sheets["probs"][kind]))
        probs = np.frombuffer(packed, "<u2").reshape(count, columns) / 65535
        np.testing.assert_allclose(probs.sum(1), 1, atol=1e-4)
        if kind == "cluster":
            np.testing.assert_allclose(probs.max(1), tiny_bundle.index["confidence"].iloc[rows],
                                       atol=1e-4)  # fmt: skip
    assert len(sheets["input"]) == len(sheets["reconstruction"]) == 1
    assert [one["group"] for one in data["explained"]] == ["Typical", "Least sure", "Least sure"]
    assert all(one["changed"]["image"].startswith("data:image/png") for one in data["explained"])


def test_fewer_images_and_no_explanation_but_no_impossible_numbers(tiny_bundle):
    found, _ = blocks(map_page(tiny_bundle, config=MapPageConfig(images=20, explained=0)))
    assert found["data"]["count"] == 20 and found["data"]["explained"] == []
    with pytest.raises(ValueError, match="`images` must be at least 1, got 0"):
        MapPageConfig(images=0)
    with pytest.raises(ValueError, match="`explained` must be at least 0, got -1"):
        MapPageConfig(explained=-1)


def test_it_asks_for_nothing_and_runs_one_script_only(content):
    text = content.decode()
    assert not re.search(r"https?://|url\(|<link|<iframe", text)
    _, script = blocks(content)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert f"default-src 'none'; {policy}" in text
    assert "<noscript>" in text


def test_a_hostile_text_is_never_markup(tiny_bundle, content):
    words = " ".join(HOSTILE)
    hostile = map_page(named(tiny_bundle, words), config=MapPageConfig(explained=1))
    assert Structure(hostile).elements == Structure(content).elements
    data, _ = blocks(hostile)
    assert f"1{words}" in data["data"]["classNames"]
    assert f"Latent map of {words}" in " ".join(Structure(hostile).words)
