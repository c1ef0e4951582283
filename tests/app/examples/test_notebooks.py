"""The notebooks run from top to bottom, what they show draws itself, and no output is stored."""

import ast
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted(ROOT.glob("dashboard/examples/*.ipynb"))
LARGEST = 100_000
"""Characters of HTML that one result may be."""


def script_of(cells):
    """Return the code of a notebook; `display` gets the value that each cell ends with."""
    lines = []
    for cell in cells:
        body = ast.parse("".join(cell["source"])).body
        *_, last = body
        if isinstance(last, ast.Expr):
            shown = ast.Name("display", ast.Load())
            last.value = ast.Call(shown, [last.value], [])
        lines += [ast.unparse(statement) for statement in body]
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_results_draw_themselves(path, tmp_path, monkeypatch):
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    script, shown = tmp_path / "cells.py", []
    script.write_text(script_of(cells), encoding="utf-8")
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(script), {"display": shown.append})
    drawn = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    assert len(drawn) >= 2 and all(len(html) < LARGEST for html in drawn)


def test_there_are_three_notebooks():
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["a_first_look", "my_own_classifier", "theory_in_a_lesson"]
