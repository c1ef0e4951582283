"""Some people at once on the real server; `python -m tests.benchmarks.load` is the whole class."""

import re

from tests.benchmarks.load import ask_again, press

from .conftest import ROOT, served

PAGES = ("", "reconstructions", "latent_map", "clusters", "counterfactuals", "train")


def test_no_session_sees_what_another_does(server, tmp_path):
    report = press(server, 4, 6, 0, PAGES)
    with served(tmp_path / "log.txt") as address:
        assert ask_again(address, report) == 4 * 6
    assert report.problems == [] and report.leaks == []
    assert len(report.seconds) == 4 * 6


def test_static_files_are_points_and_pictures(server):
    static = ROOT / "dashboard" / "static"
    files = [path for path in static.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".bin", ".png"}
    assert all(re.fullmatch("[0-9a-f]{16}", p.relative_to(static).parts[0]) for p in files)
