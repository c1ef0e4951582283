"""`xai_core/cli/sharded_output.py`: an engine writes what one process gives, and continues."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from distributed import LocalCluster
from filelock import FileLock
from typer.testing import CliRunner

from xai_core import cli
from xai_core.bundle.encode import encode
from xai_core.cli import sharded_output
from xai_core.counterfactual.task import CounterfactualConfig

from ...patience import PATIENCE

FEW = 8
COMMANDS = {
    "encode": ("encode", 1000),
    "attribute": ("attribute --method gradient_shap --set n_points=2 --scores", 6),
    "counterfactual": ("counterfactual --target all --probability 0.9", FEW),
    "nearest": ("counterfactual --target 1 --method nearest --of cluster", FEW),
}
"""Command and options, and the images it works on together, made few but for `encode`."""


LISTENS = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from xai_core.cli import main; main()"
)
"""The `xai` command, stopped by Ctrl-C even if tests run in the background of a shell."""


@dataclass(frozen=True, kw_only=True)
class Few(CounterfactualConfig):
    batch_size: int = FEW


@pytest.fixture(scope="module")
def many(tiny_dataset):
    """Images enough for three batches, none of them like another."""
    generator = torch.Generator().manual_seed(0)
    images = tiny_dataset.train.images.repeat(60, 1, 1, 1)[:2300]
    noise = torch.randint(0, 40, images.shape, generator=generator)
    return (images.int() + noise).clamp(max=255).to(torch.uint8)


def xai(*words):
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.fixture(scope="module", params=COMMANDS)
def plain(request, tiny_bundle_path, many, tmp_path_factory):
    """A command, how many images it is given, three blocks, and the arrays it writes alone."""
    folder = tmp_path_factory.mktemp("plain")
    line, block = COMMANDS[request.param]
    np.savez(folder / "many.npz", images=many[: 2 * block + 3].numpy())
    name, *options = line.split()
    asked = (name, tiny_bundle_path, "--images", folder / "many.npz", *options, "--device", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_core.attribution.of_bundle.IMAGES_AT_ONCE", block)
        patch.setattr("xai_core.evaluation.faithfulness.map_scores.IMAGES_AT_ONCE", block)
        patch.setattr("xai_core.counterfactual.task.CounterfactualConfig", Few)
        xai(*asked, "--out", folder / "plain.npz")
        with np.load(folder / "plain.npz", allow_pickle=False) as arrays:
            yield asked, 2 * block + 3, dict(arrays)


def array_of(table, name, ndim):
    """Put together what was laid out as columns."""
    if ndim < 2:
        return table[name].to_numpy()
    if ndim > 2:
        return table[name].combine_chunks().to_numpy_ndarray()
    numbered = [column for column in table.column_names if re.fullmatch(rf"{name}_\d+", column)]
    return np.stack([table[column] for column in sharded_output.AXES.get(name, numbered)], 1)


def test_the_parts_are_what_one_process_gives(plain, tmp_path, monkeypatch):
    asked, count, wanted = plain
    block = (count - 3) // 2
    monkeypatch.setattr(sharded_output, "IMAGES_PER_PART", 1)
    command = (*asked, "--engine", "inline", "--out", tmp_path / "parts", "--json")
    told = json.loads(xai(*command))
    assert told["images"] == count and len(told["parts"]) == 3
    assert sorted(path.name for path in (tmp_path / "parts").glob("[!._]*")) == told["parts"]
    table = pq.read_table(tmp_path / "parts")
    assert table["row"].to_pylist() == list(range(count))
    assert pq.read_metadata(tmp_path / "parts" / "part-00000.parquet").num_rows == block
    for name, array in wanted.items():
        found = array_of(table, name, array.ndim)
        if name.startswith("path"):
            assert found.shape[1] == CounterfactualConfig().path_points
            found = found[:, : array.shape[1]]
        compare = np.testing.assert_array_equal if name != "umap" else close
        compare(found, np.broadcast_to(array, found.shape), name)
    (tmp_path / "parts" / told["parts"][1]).write_bytes(b"half")
    monkeypatch.setattr(sharded_output.PartTask, "__call__", only(told["parts"][1]))
    assert json.loads(xai(*command)) == told
    assert pq.read_table(tmp_path / "parts").equals(table)


def only(name, compute=sharded_output.PartTask.__call__):
    """Compute one part, and no other."""

    def checked(task, number):
        assert task.path(number).name == name
        compute(task, number)

    return checked


def test_work_is_laid_out_as_columns(tmp_path):
    """Three rows an image."""
    numbers = np.arange(24, 47, dtype=np.float32).repeat(3)
    arrays = {
        "value": numbers,
        "who": np.array("all"),
        "why": np.array([f"{number:.0f}" for number in numbers]),
        "distances": np.stack([numbers, -numbers], 1),
        "map": numbers[:, None, None] + np.zeros((1, 4, 2), np.float32),
    }
    pq.write_table(sharded_output._table(arrays, np.arange(24, 47)), tmp_path / "part")
    table = pq.read_table(tmp_path / "part")
    assert table.column_names == ["row", "value", "who", "why", "l1", "l2", "map"]
    rows = np.arange(24, 47).repeat(3)
    assert table["row"].to_pylist() == rows.tolist() and set(table["who"].to_pylist()) == {"all"}
    assert table["why"].to_pylist() == [str(row) for row in rows]
    assert table["l2"].to_pylist() == (-rows).tolist()
    maps = array_of(table, "map", 3)
    assert maps.shape == (69, 4, 2) and (maps == rows[:, None, None]).all()
    flat = pd.read_parquet(tmp_path / "part")["map"]
    assert flat.iloc[0].shape == (8,), "lists to what does not know their shape"


def test_the_failed_parts_are_named_and_the_others_written(
    tiny_bundle, tiny_bundle_path, many, tmp_path, monkeypatch
):
    np.savez(tmp_path / "many.npz", images=many.numpy())
    asked = ("encode", tiny_bundle_path, "--images", tmp_path / "many.npz", "--engine", "inline")
    command = [str(word) for word in (*asked, "--out", tmp_path / "parts")]
    tries = []

    def failing(*task):
        tries.append(task)
        if len(tries) > 1:
            raise RuntimeError("The lights went out.")
        return encode(*task, seed=0, first=0)

    with monkeypatch.context() as patch:
        patch.setattr(sharded_output, "IMAGES_PER_PART", 1)
        patch.setattr("xai_core.bundle.encode.encode", lambda *task, **_: failing(*task[:2]))
        failed = CliRunner().invoke(cli.app, command)
        assert failed.exit_code == 1 and len(tries) == 7
        assert "The images 1,000 to 1,999, 2,000 to 2,299 failed three times" in failed.stderr
        assert "The lights went out. The others are written." in failed.stderr
        assert [path.name for path in (tmp_path / "parts").glob("part*")] == ["part-00000.parquet"]
        patch.undo()
        patch.setattr(sharded_output, "IMAGES_PER_PART", 1)
        xai(*command)
    table = pq.read_table(tmp_path / "parts")
    for name, array in encode(tiny_bundle, many).arrays().items():
        close(array_of(table, name, array.ndim), array, name)


def test_engines_give_the_same_bits_and_a_stopped_command_continues(
    tiny_bundle_path, many, tmp_path, subtests, monkeypatch
):
    shutil.copytree(tiny_bundle_path, tmp_path / "bars")
    np.savez(tmp_path / "many.npz", images=many.repeat(4, 1, 1, 1).numpy())
    monkeypatch.chdir(tmp_path)

    def command(engine, out):
        line = f"encode ./bars --images many.npz --engine {engine} --out {out} --device cpu --json"
        return line.split()

    assert len(json.loads(xai(*command("inline", "inline")))["parts"]) == 5
    wanted = pq.read_table("inline")
    with (
        subtests.test("dask"),
        LocalCluster(2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
    ):
        xai(*command(f"dask://{cluster.scheduler_address.removeprefix('tcp://')}", "dask"))
        assert pq.read_table("dask").equals(wanted)
    for harm in (signal.SIGKILL, signal.SIGINT):
        with subtests.test(harm.name):
            out = tmp_path / harm.name
            words = [sys.executable, "-c", LISTENS, *command("local:2", out.name)]
            process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            until = time.monotonic() + PATIENCE
            while not (there := sorted(out.glob("part*"))):
                assert time.monotonic() < until
                time.sleep(0.01)
            process.send_signal(harm)
            _, errors = process.communicate(timeout=PATIENCE)
            before = {path: path.stat().st_mtime_ns for path in there}
            assert process.returncode in (-signal.SIGKILL, 130)
            if harm == signal.SIGINT:
                assert "To continue, give the same command again." in errors
            xai(*command("inline", out.name))
            assert {path: path.stat().st_mtime_ns for path in there} == before
            assert pq.read_table(out).equals(wanted)
            assert {path.name for path in out.glob("[._]*")} == {"_manifest.json", ".lock"}


def test_parts_never_join_others(tiny_bundle_path, many, tmp_path, subtests):
    np.savez(tmp_path / "many.npz", images=many[:10].numpy())
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "part-00000.parquet").write_bytes(b"x")
    asked = ("encode", tiny_bundle_path, "--images", tmp_path / "many.npz", "--engine", "inline")
    xai(*asked, "--out", tmp_path / "done")
    xai(*asked, "--out", tmp_path / "odd")
    (tmp_path / "odd" / "_manifest.json").write_bytes(b"[]")
    refused = {
        ("file",): "exists and is not an empty folder",
        ("full",): "exists and is not an empty folder",
        ("done", "--seed", "1"): "holds the results of another command: seed differ",
        ("odd",): "_manifest.json` is damaged",
    }
    for (out, *more), message in refused.items():
        with subtests.test(out):
            words = [str(word) for word in (*asked, "--out", tmp_path / out, *more)]
            result = CliRunner().invoke(cli.app, words)
            assert result.exit_code == 1 and message in result.stderr
    with subtests.test("held"), FileLock(tmp_path / "done" / ".lock"):
        words = [str(word) for word in (*asked, "--out", tmp_path / "done")]
        assert "Another process writes into" in CliRunner().invoke(cli.app, words).stderr


def test_what_cannot_be_written_is_refused_before_any_work(tmp_path, subtests):
    for line, _ in COMMANDS.values():
        name, *options = line.split()
        asked = [name, "nope", "--images", "test", *options, "--out"]
        refused = {("z.csv",): "`--out` must end in .npz or be a folder"}
        if name != "encode":
            refused[("z", "--figure", "z.png")] = "`--figure` needs an .npz"
        for rest, message in refused.items():
            with subtests.test(line, rest=rest):
                result = CliRunner().invoke(cli.app, [*asked, *rest])
                assert result.exit_code == 1 and message in result.stderr


def close(found, wanted, name):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3, err_msg=name)
