"""Names of clusters and tags of images, in a file beside the bundle."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from xai_core import (
    __version__,
    cli,
    export_notes,
    import_notes,
    rename_tag,
    tag_images,
    undo_notes,
    untag_images,
)
from xai_core.bundle import notes
from xai_core.bundle.notes import LONGEST, PINNED, notes_file
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.errors import BundleError, ConfigError, DataError

from ...patience import PATIENCE


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
    own, data = named_bundle.digest, named_bundle.manifest.dataset.sha256
    whole = {"schema": 1, "models": {named_bundle.digest: {"cluster_names": {"0": "bars"}}}}

    def with_names(names):
        return json.dumps({**whole, "models": {named_bundle.digest: {"cluster_names": names}}})

    damaged = (
        *("", "{", "[]", "null", "{}", '{"models": []}', json.dumps({**whole, "schema": 2})),
        *(json.dumps({**whole, "models": {"a": 3}}), "\ufffe", "[" * 100_000),
        *map(with_names, ([], "bars", {"x": "bars"}, {"0": 7}, {"0": ""}, {"0": "a" * 99})),
        *(
            json.dumps({**whole, "data": part if isinstance(part, list) else {data: part}})
            for part in (
                *([], [3], {"tags": []}, {"tags": {"odd": "test:1"}}, {"tags": {"odd": [1]}}),
                *({"tags": {"": ["test:1"]}}, {"tags": {"odd": ["own:x"]}}),
            )
        ),
        *(
            json.dumps({**whole, "models": {own: {"changes": changes}}})
            for changes in (3, [3], [{}], [{"key": "a", "added": {}, "removed": {}, "names": 1}])
        ),
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
            named_bundle.digest: {"colours": ["red"], "cluster_names": {"9": "gone"}},
        },
        "data": {"another hash": {"tags": {"odd": ["test:3"]}}},
        "later": 1,
    }
    path.write_text(json.dumps(before), "utf-8")
    seen = load_bundle(named_bundle.path)
    assert seen.clusters == named_bundle.clusters
    seen.name_cluster(0, "flat")
    after = json.loads(path.read_text("utf-8"))
    assert after["models"]["another digest"] == before["models"]["another digest"]
    assert after["data"]["another hash"] == before["data"]["another hash"]
    assert after["later"] == 1
    own = after["models"][named_bundle.digest]
    assert own["colours"] == ["red"]
    assert own["cluster_names"] == {"9": "gone", "0": "flat"}


WRITER = """
import sys
from pathlib import Path
from xai_core.bundle.notes import Subject, change_notes
subject = Subject(Path(sys.argv[1]), *sys.argv[2:4])
sys.stdin.readline()
for row in range(40):
    change_notes(subject, lambda draft: draft.add("odd", [f"{sys.argv[4]}:{row}"]))
"""


@pytest.mark.slow
def test_two_who_write_at_once_lose_nothing(named_bundle, subtests):
    with subtests.test("threads"):

        def write(turn):
            def of(c):
                named_bundle.name_cluster(c, f"{c} {turn}")
                tag_images(named_bundle, f"of {c}", [f"test:{turn}"])
                tag_images(named_bundle, "of both", [f"test:{2 * turn + c}"])

            return of

        with ThreadPoolExecutor(2) as both:
            for turn in range(8):
                list(both.map(write(turn), (0, 1)))
                assert named_bundle.with_notes().clusters.names == (f"0 {turn}", f"1 {turn}")
        found = named_bundle.with_notes().notes.tags
        assert {tag: set(ids) for tag, ids in found.items()} == {
            "of 0": {f"test:{row}" for row in range(8)},
            "of 1": {f"test:{row}" for row in range(8)},
            "of both": {f"test:{row}" for row in range(16)},
        }
    with subtests.test("processes"):
        about = (named_bundle.path, named_bundle.digest, named_bundle.manifest.dataset.sha256)
        both = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, *map(str, about), split],
                stdin=subprocess.PIPE,
                text=True,
            )
            for split in ("train", "test")
        ]
        for writer in both:
            writer.stdin.write("go\n")
            writer.stdin.close()
        assert [writer.wait(PATIENCE) for writer in both] == [0, 0]
        expected = {f"{split}:{row}" for split in ("train", "test") for row in range(40)}
        assert set(named_bundle.with_notes().notes.tags["odd"]) == expected


def test_tags_survive_restart_export_import_and_a_new_model(
    named_bundle, tiny_parts, tmp_path, subtests
):
    hostile = '<b>![x](//evil) $1$ "`'
    seen = tag_images(named_bundle, " odd ", ["test:7", "train:2", "test:7"])
    seen = tag_images(tag_images(seen, hostile, ["test:1"]), "odd", ["test:0", "train:2"])
    seen = tag_images(seen, PINNED, ["test:3", "test:1"])
    seen = rename_tag(seen.name_cluster(1, "upright"), hostile, "Zebra")
    tags = {
        PINNED: ("test:3", "test:1"),
        "odd": ("test:7", "train:2", "test:0"),
        "Zebra": ("test:1",),
    }
    assert list(seen.notes.tags.items()) == list(tags.items()), "pinned first, then by name"
    assert named_bundle.notes.tags == {}, "an opened bundle never changes"
    assert load_bundle(seen.path).notes == seen.notes
    text = export_notes(seen)
    whole = json.loads(text)
    assert whole["model"] == {"name": "bars", "digest": seen.digest}
    assert whole["data_set"]["sha256"] == seen.manifest.dataset.sha256
    assert whole["made_by"].endswith(__version__)
    assert datetime.fromisoformat(whole["date"]).tzinfo is UTC

    with subtests.test("a copy of the model takes all and keeps its own"):
        copy = load_bundle(shutil.copytree(named_bundle.path, tmp_path / "copy"))
        copy = tag_images(copy.name_cluster(1, "mine"), "odd", ["test:5", "test:7"])
        found = import_notes(copy, text)
        assert found.bundle.notes.tags == {
            **tags,
            "odd": ("test:5", "test:7", "train:2", "test:0"),
        }
        assert found.tagged == 5 and found.named == ()
        assert found.bundle.notes.cluster_names == {1: "mine"}
        assert "Cluster 1 keeps its name 'mine', not 'upright'." in found.left_out
        again = import_notes(found.bundle, text.encode())
        assert again.tagged == 0 and again.bundle.notes == found.bundle.notes
        assert undo_notes(again.bundle).notes.tags == {"odd": ("test:5", "test:7")}
    with subtests.test("the command"):
        other = shutil.copytree(named_bundle.path, tmp_path / "other")

        def command(*options):
            done = CliRunner().invoke(cli.app, ["notes", *map(str, options)])
            return done.exit_code, done.stdout, done.stderr

        status, said, _ = command(seen.path, "--export", tmp_path / "new" / "notes.json")
        assert status == 0 and "cluster 1  upright" in said and "odd     3" in said
        status, said, counted = command(
            other, "--import", tmp_path / "new" / "notes.json", "--json"
        )
        assert status == 0 and "6 tagged images, 1 names of clusters" in counted
        assert json.loads(said)["tags"] == {tag: list(ids) for tag, ids in tags.items()}
        status, said, error = command(other, "--import", tmp_path / "none.json")
        assert status == 1 and "none.json" in error and "--export" in error
    with subtests.test("a model trained anew keeps the tags of its images"):
        made_anew = save_bundle(
            named_bundle.path, overwrite=True, **{**tiny_parts, "seed": 1 + tiny_parts["seed"]}
        )
        anew = load_bundle(made_anew)
        assert anew.digest != seen.digest
        assert anew.notes.tags == tags
        assert anew.notes.cluster_names == {} and anew.notes.last_change is None
        found = import_notes(anew, text)
        assert found.tagged == 0 and found.named == ()
        assert "they are of another model" in found.left_out[0]


def test_the_last_change_is_undone_and_no_other(named_bundle, subtests):
    begun = tag_images(named_bundle, "odd", ["test:1", "test:2"]).name_cluster(0, "flat")
    steps = {
        "tag 'odd' on 2 images": lambda b: tag_images(b, "odd", ["test:3", "test:2", "test:4"]),
        "tag 'odd' taken from test:2": lambda b: untag_images(b, "odd", ["test:2", "test:9"]),
        "tag 'odd' taken from 2 images": lambda b: untag_images(b, "odd"),
        "tag 'odd' renamed 'strange'": lambda b: rename_tag(b, "odd", "strange"),
        "cluster 0 named 'level'": lambda b: b.name_cluster(0, "level"),
        "cluster 0 given its automatic name": lambda b: b.name_cluster(0, None),
    }
    for words, step in steps.items():
        with subtests.test(words=words):
            changed = step(begun)
            assert changed.notes.last_change.words == words
            undone = undo_notes(changed, changed.notes.last_change.key).notes
            assert undone.cluster_names == begun.notes.cluster_names
            assert {t: set(i) for t, i in undone.tags.items()} == {"odd": {"test:1", "test:2"}}
            assert undone.last_change == begun.notes.last_change
    with subtests.test("what changes nothing is no change"):
        tag_images(begun, "odd", ["test:1"])
        tag_images(begun, "even", [])
        untag_images(begun, "odd", ["test:8"])
        rename_tag(begun, "odd", "odd")
        assert begun.with_notes().notes.last_change == begun.notes.last_change
    with subtests.test("another's later change is not undone unseen"):
        mine = tag_images(begun, "mine", ["test:1"])
        tag_images(begun, "others", ["test:2"])
        with pytest.raises(ConfigError, match="meanwhile: tag 'others' on test:2. Nothing was"):
            undo_notes(mine, mine.notes.last_change.key)
        assert {"mine", "others"} <= set(begun.with_notes().notes.tags)
    with subtests.test("the oldest changes are forgotten"):
        for row in range(notes.MOST_CHANGES + 5):
            tag_images(begun, "many", [f"train:{row}"])
        for _ in range(notes.MOST_CHANGES):
            left = undo_notes(begun)
        assert left.notes.tags["many"] == tuple(f"train:{row}" for row in range(5))
        with pytest.raises(ConfigError, match="no change of the notes to undo"):
            undo_notes(left)


def test_what_no_tag_may_be_is_refused_in_one_sentence(named_bundle, monkeypatch, subtests):
    seen = tag_images(named_bundle, "odd", ["test:1"])
    before = notes_file(seen.path).read_bytes()
    good = json.loads(export_notes(seen))

    def exported(**parts):
        return json.dumps({**good, **parts})

    needed = good.keys() - {"made_by", "date"}
    other = {"name": "shapes", "sha256": "0" * 64}
    for error, match, call in (
        *(
            (ConfigError, "A tag's name has 1 to 40 visible", lambda n=n: tag_images(seen, n, []))
            for n in ("", " ", "a\nb", "x" * 41, "\u202eevil", "a\x1b[31m")
        ),
        (DataError, "An image's id is", lambda: tag_images(seen, "odd", ["own:abc"])),
        (DataError, "There is no image 'test:999'", lambda: tag_images(seen, "a", ["test:999"])),
        (TypeError, "`ids` must be a list", lambda: tag_images(seen, "odd", "test:1")),
        (ConfigError, "no tag 'od'. There are 'odd'", lambda: untag_images(seen, "od")),
        (ConfigError, "no tag 'even'", lambda: rename_tag(seen, "even", "x")),
        (
            ConfigError,
            "not saved, so its notes have no place",
            lambda: tag_images(replace(seen, path=seen.path / "none"), "odd", ["test:1"]),
        ),
        (
            DataError,
            "about images of 'shapes'",
            lambda: import_notes(seen, exported(data_set=other)),
        ),
        (DataError, "another version", lambda: import_notes(seen, exported(schema=2))),
        *(
            (
                DataError,
                "cannot be imported: .*xai notes NAME --export",
                lambda t=t: import_notes(seen, t),
            )
            for t in (
                *("", "{", "[]", "null", "[" * 100_000, b"\xff\xfe", b"\0" * 99, before),
                *(json.dumps({k: v for k, v in good.items() if k != gone}) for gone in needed),
                *(
                    exported(tags=tags)
                    for tags in ([], 3, {"a": "test:1"}, {"a": ["test:999"]}, {"a": [["test:1"]]})
                ),
                *(exported(cluster_names=names) for names in ([], {"x": "a"}, {"0": "a\nb"})),
                *(exported(model=3), exported(data_set=[]), exported(data_set=None)),
            )
        ),
    ):
        with subtests.test(match=match):
            with pytest.raises(error, match=match) as found:
                call()
            assert "\n" not in str(found.value)
            assert notes_file(seen.path).read_bytes() == before
    with subtests.test("a name that is taken"):
        tag_images(seen, "even", ["test:2"])
        with pytest.raises(ConfigError, match="a tag 'odd' already. Choose another name"):
            rename_tag(seen, "even", "odd")
    for limit, match in (("MOST_TAGS", "There may be 2 tags, got 3"), ("MOST_TAGGED", "hold 2 ")):
        with subtests.test(limit=limit), monkeypatch.context() as patch:
            patch.setattr(notes, limit, 2)
            with pytest.raises(ConfigError, match=match):
                tag_images(seen, "third", ["test:3"])


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
