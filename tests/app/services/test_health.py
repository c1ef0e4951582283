"""`/healthz`: healthy where a model can be shown."""

import shutil

from dashboard.services.health import health


def test_it_counts_whole_and_damaged_bundles(tiny_bundle_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, found = health()
    assert status == 503 and found["status"] == "There is no whole bundle."
    for name in ("good", "bad"):
        shutil.copytree(tiny_bundle_path, tmp_path / "checkpoints" / name)
    (tmp_path / "checkpoints" / "bad" / "index.parquet").write_bytes(b"cut off")
    status, found = health()
    assert status == 200 and found["status"] == "ok"
    assert (found["bundles"], found["damaged"]) == (1, 1)
