"""What the README says can be done can be done, and what it names is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PRODUCED = {"manifest.json", "model.safetensors", "classifier.safetensors", "z.npz",
            "checkpoints/.runs"}  # fmt: skip
"""File names in the text that are not files of the project."""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_first_example_runs(tmp_path):
    script = tmp_path / "example.py"
    script.write_text(blocks("python")[0], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cluster") == 3


def test_commands_are_the_promised_ones():
    assert [block.strip() for block in blocks("bash")] == [
        "pip install -e . && streamlit run dashboard/Home.py",
        'pip install -e ".[test]" && pytest',
    ]


def test_gate_runs_the_readmes_test_command():
    command = blocks("bash")[-1].strip()
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command in gate.splitlines()


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
def test_relative_link_exists(target):
    assert (ROOT / target).exists()


def test_named_files_exist():
    spans = re.findall(r"`([\w./-]+)`", TEXT)
    named = {span for span in spans if "/" in span.strip("/") or span.endswith(".json")}
    missing = {n for n in named - PRODUCED if not (ROOT / n).exists()}
    assert not missing


def test_layout_exists():
    layout = blocks("text")[0]
    folder, missing = "", []
    for line in layout.splitlines():
        names = re.match(r"( *)(\S+/)", line)
        if names:
            parent = folder if names[1] else ""
            folder = folder if names[1] else names[2]
            missing += [names[2]] if not (ROOT / parent / names[2]).is_dir() else []
        else:
            missing += [n for n in line.split() if not (ROOT / folder / n).is_file()]
    assert not missing


def test_named_modules_run():
    for module in re.findall(r"`python -m (tests\.[\w.]+)`", TEXT):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
