"""Names that people give to clusters, in a file beside the bundle."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from xai_core.bundle.notes import LONGEST, notes_file
from xai_core.bundle.reading import load_bundle
from xai_core.errors import BundleError, ConfigError


@pytest.fixture
def named_bundle(tiny_bundle_path, tmp_path):
    """A copy of the tiny bundle that may be named."""
    return load_bundle(shutil.copytree(tiny_bundle_path, tmp_path / "bars"))


def test_a_name_is_kept_beside_the_bundle_and_taken_back(named_bundle):
    automatic, images = named_bundle.clusters, named_bundle.dataset
    seen = named_bundle.name_cluster(1, "  upright bars ")
    assert seen.clusters.names == (automatic.names[0], "upright bars")
    assert seen.clusters.order == automatic.order
    assert "Names that people gave" in seen.clusters.meaning
    assert seen.dataset is images, "what was read is shared"
    assert named_bundle.clusters == automatic, "an opened bundle never changes"
    again = load_bundle(named_bundle.path)
    assert again.clusters == seen.clusters
    assert again.digest == named_bundle.digest, "the notes are no part of the bundle"
    assert again.name_cluster(1, None).clusters == automatic


def test_names_that_cannot_be_given(named_bundle, subtests):
    other = named_bundle.clusters.names[0]
    for name in (
        "",
        " \t",
        "a\nb",
        "x" * (LONGEST + 1),
        "\0",
        "\u200b",
        "a\x1b[31m",
        other,
        f" {other}",
    ):
        with subtests.test(name=name), pytest.raises(ConfigError, match="name"):
            named_bundle.name_cluster(1, name)
    for cluster in (-1, 2, 10**9):
        with subtests.test(cluster=cluster), pytest.raises(ConfigError, match="0 to 1"):
            named_bundle.name_cluster(cluster, "bars")
    for name in (7, b"bars", ["bars"]):
        with subtests.test(name=name), pytest.raises(TypeError, match="`name` must be text"):
            named_bundle.name_cluster(1, name)
    assert not notes_file(named_bundle.path).exists()


def test_a_damaged_file_of_notes_is_named_and_stays(named_bundle, subtests):
    path = notes_file(named_bundle.path)
    whole = {"schema": 1, "models": {named_bundle.digest: {"cluster_names": {"0": "bars"}}}}

    def with_names(names):
        return json.dumps({**whole, "models": {named_bundle.digest: {"cluster_names": names}}})

    damaged = (
        *("", "{", "[]", "null", "{}", '{"models": []}', json.dumps({**whole, "schema": 2})),
        *(json.dumps({**whole, "models": {"a": 3}}), "\ufffe", "[" * 100_000),
        *map(with_names, ([], "bars", {"x": "bars"}, {"0": 7}, {"0": ""}, {"0": "a" * 99})),
    )
    for text in damaged:
        with subtests.test(text=text[:60]):
            path.write_text(text, "utf-8")
            with pytest.raises(BundleError, match=path.name):
                load_bundle(named_bundle.path)
            with pytest.raises(BundleError, match=path.name):
                named_bundle.name_cluster(1, "upright")
            assert path.read_text("utf-8") == text
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(named_bundle.path)


def test_notes_on_another_model_and_what_this_version_does_not_know_are_kept(named_bundle):
    path = notes_file(named_bundle.path)
    before = {
        "schema": 1,
        "models": {
            "another digest": {"cluster_names": {"0": "old name"}},
            named_bundle.digest: {"tags": {"odd": ["test:3"]}, "cluster_names": {"9": "gone"}},
        },
    }
    path.write_text(json.dumps(before), "utf-8")
    seen = load_bundle(named_bundle.path)
    assert seen.clusters == named_bundle.clusters
    seen.name_cluster(0, "flat")
    after = json.loads(path.read_text("utf-8"))
    assert after["models"]["another digest"] == before["models"]["another digest"]
    assert after["models"][named_bundle.digest] == {
        "tags": {"odd": ["test:3"]},
        "cluster_names": {"9": "gone", "0": "flat"},
    }


def test_two_who_write_at_once_lose_nothing(named_bundle):
    with ThreadPoolExecutor(2) as both:
        for turn in range(10):
            list(
                both.map(lambda c, turn=turn: named_bundle.name_cluster(c, f"{c} {turn}"), (0, 1))
            )
            assert named_bundle.with_notes().clusters.names == (f"0 {turn}", f"1 {turn}")


def test_a_given_name_that_is_another_s_automatic_name_is_numbered(named_bundle):
    automatic = named_bundle.clusters.names
    both = {"0": "bars", "1": "bars"}
    text = {"schema": 1, "models": {named_bundle.digest: {"cluster_names": both}}}
    notes_file(named_bundle.path).write_text(json.dumps(text), "utf-8")
    assert load_bundle(named_bundle.path).clusters.names == (
        "bars (cluster 0)",
        "bars (cluster 1)",
    )
    text["models"][named_bundle.digest]["cluster_names"] = {"1": automatic[0]}
    notes_file(named_bundle.path).write_text(json.dumps(text), "utf-8")
    assert load_bundle(named_bundle.path).clusters.names == (
        automatic[0],
        f"{automatic[0]} (cluster 1)",
    )
