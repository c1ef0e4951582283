"""The READMEs can be followed: links resolve, examples and commands run, tables are measured."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import xai_core
from tests.benchmarks import results
from xai_core.cli import app
from xai_core.data.built_in import BUILT_IN
from xai_core.training.presets import PRESET_TABLE

from .patience import PATIENCE

ROOT = Path(__file__).parents[1]
HIDDEN = re.compile(r"/(build|dist|\.(?!github/)[^/]+)/")
PAGES = [
    path
    for path in sorted(ROOT.glob("**/*.md"))
    if not HIDDEN.search(f"/{path.relative_to(ROOT)}")
]
README = ROOT / "README.md"


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def blocks(text, *languages):
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def headings(path):
    """Return the anchors that a page's headings have."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_relative_links_resolve(subtests):
    for path in PAGES:
        with subtests.test(path=path):
            links = re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text("utf-8"))
            for link in links:
                target, _, anchor = link.partition("#")
                found = path.parent / target if target else path
                assert found.exists(), link
                assert not anchor or anchor in headings(found), link


def test_named_files_exist(subtests):
    for path in PAGES:
        with subtests.test(path=path):
            text = path.read_text("utf-8")
            named = re.findall(r"`((?:xai_core|dashboard|tests|checkpoints|\.ci)/[\w./]+)`", text)
            assert not [
                name for name in named if "NAME" not in name and not (ROOT / name).exists()
            ]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param(path, code, id=f"{name_of(path)}-{k}")
        for path in PAGES
        for k, code in enumerate(blocks(path.read_text("utf-8"), "python"))
    ],
)
def test_examples_run(path, code, tmp_path):
    script = tmp_path / "example.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def commands_of(path):
    """Return the `xai` and `python -m` commands of a page, in code blocks and in the text."""
    text = path.read_text("utf-8")
    lines = [line for block in blocks(text, "bash", "sh") for line in block.splitlines()]
    spans = re.findall(r"`((?:xai|python) [^`\n]+)`", text)
    split = [part for line in lines for part in line.partition(" #")[0].split("&&")]
    return [c.strip() for c in [*split, *spans] if c.strip().startswith(("xai ", "python "))]


def test_commands_exist_with_their_options(subtests):
    """Of `xai` the command and its options, of `python` the module or the script."""
    for path in PAGES:
        with subtests.test(path=path):
            group = typer.main.get_command(app)
            for command in commands_of(path):
                program, *words = shlex.split(command)
                if program == "xai":
                    if words[0].isupper():  # `xai COMMAND --help`
                        continue
                    params = group.commands[words[0]].params
                    known = {name for p in params for name in [*p.opts, *p.secondary_opts]}
                    options = {word for word in words if word.startswith("--")}
                    assert options <= known | {"--help"}, command
                elif words[0] == "-m" and words[1].startswith(("tests.", "dashboard.")):
                    module = ROOT / words[1].replace(".", "/")
                    assert module.with_suffix(".py").exists() or (module / "__main__.py").exists()
                elif words[0].endswith(".py"):
                    assert (ROOT / words[0]).exists(), command


def test_the_readme_is_short():
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert len(text.split()) <= 1400


def test_the_library_names_every_data_set_and_preset(subtests):
    text = (ROOT / "xai_core" / "README.md").read_text("utf-8")
    for name in (*BUILT_IN, *PRESET_TABLE):
        with subtests.test(name=name):
            assert f"`{name}`" in text


def test_gate_runs_the_readmes_test_command():
    command = 'pip install -e ".[test]" && pytest'
    assert command in README.read_text("utf-8")
    assert command in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()


@pytest.mark.parametrize("path", results.READMES, ids=name_of)
def test_tables_are_those_of_the_results(path):
    text = path.read_text("utf-8")
    assert text == results.with_tables(text), "run `python -m tests.benchmarks --write-readme`"


def test_every_result_is_shown():
    shown = results.TABLE.findall(results.READMES[1].read_text("utf-8"))
    assert {name for name, *_ in shown} == set(results.read())


def test_results_say_when_and_how_they_were_measured():
    for name, record in results.read().items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"]), name
        assert record["version"] and record["machine"] and record["command"], name
        assert all(len(row) == len(record["columns"]) for row in record["rows"]), name


def test_a_measured_table_is_kept_with_its_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    for seconds in (1.25, 2.5):  # the second replaces the first
        table = results.Table("speed", "here", "there")
        table.row("a search", ("{:.1f} s", seconds), "-")
        table.save()
    (record,) = results.read().values()
    assert record["rows"] == [["a search", ["{:.1f} s", 2.5], "-"]]
    assert "| a search | 2.5 s | - |" in results.shown(record)
    assert record["date"] in results.shown(record)


def test_the_api_reference_has_every_public_name(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "docs.py", tmp_path, "xai_core"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "xai_core.html").read_text("utf-8")
    assert not [name for name in xai_core.__all__ if f'id="{name}"' not in page]
