"""The tree is formatted, lint-free and its annotations hold together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .patience import PATIENCE

ROOT = Path(__file__).parent.parent
RULES = {
    "import pickle\npickle.loads(b'')": "TID251",
    "from joblib import load as read\nread('x')": "TID251",
    "import torch as t\nf = t.load": "TID251",
    "import builtins\nbuiltins.exec('1')": "TID251",
    "import os\nos.system('ls')": "TID251",
    "import subprocess\nsubprocess.run('ls', shell=True)": "S602",
    "import umap\numap.UMAP()": "TID253",
    "print('x')": "T201",
    "try:\n    f()\nexcept:\n    g()": "E722",
    "try:\n    f()\nexcept Exception:\n    g()": "BLE001",
    "try:\n    f()\nexcept OSError:\n    pass": "SIM105",
    "from __future__ import annotations": "TID251",
}
"""Code, and the rule that must find it: together they replace readers of our own."""


def run(*command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )


@pytest.mark.parametrize(
    "command",
    [["ruff", "format", "--check", "."], ["ruff", "check", "."], ["mypy"]],
    ids=["format", "lint", "types"],
)
def test_style(command):
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


def test_ruff_sees_what_it_is_relied_on_for(tmp_path):
    for number, code in enumerate(RULES):
        (tmp_path / f"{number}.py").write_text(f'"""Module."""\n\n{code}\n')
    config = ("--config", "pyproject.toml", "--output-format", "json", "--no-cache")
    seen = {(Path(f["filename"]).stem, f["code"]) for f in json.loads(
        run("ruff", "check", *config, str(tmp_path)).stdout
    )}  # fmt: skip
    missed = [code for n, (code, rule) in enumerate(RULES.items()) if (str(n), rule) not in seen]
    assert not missed
