"""`xai_core/cli/sharded_output.py`: many processes write what one would."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from xai_core import cli, runtime
from xai_core.bundle.encode import encode
from xai_core.cli import sharded_output
from xai_core.cli.sharded_output import check_folder, write_part
from xai_core.counterfactual.task import CounterfactualConfig
from xai_core.errors import DataError
from xai_core.runtime import share_of

from ...patience import PATIENCE

FEW = 8
COMMANDS = {
    "encode": ("encode", 1000),
    "attribute": ("attribute --method gradient_shap --set n_points=2 --scores", 6),
    "counterfactual": ("counterfactual --target all --probability 0.9", FEW),
    "nearest": ("counterfactual --target 1 --method nearest --of cluster", FEW),
}
"""Command and options, and the images it works on together, made few but for `encode`."""


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


@dataclass(frozen=True)
class Process:
    """What the commands use of Fabric, in one of several processes, which waits for no other."""

    global_rank: int
    world_size: int
    device: str = "cpu"

    def barrier(self):
        pass


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


@pytest.mark.parametrize("world", [1, 2, 5])
def test_the_parts_are_what_one_process_gives(plain, tiny_bundle, tmp_path, monkeypatch, world):
    asked, count, wanted = plain
    monkeypatch.setattr("xai_core.bundle.reading.load_bundle", lambda name, *, device: tiny_bundle)
    monkeypatch.setattr(sharded_output, "BLOCKS_AT_ONCE", 2)
    told = []
    for rank in range(world):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setattr(runtime, "make_fabric", lambda _, rank=rank: Process(rank, world))
        as_json = ["--json"] if world > 1 else []
        told.append(xai(*asked, "--out", tmp_path / "parts", *as_json))
    assert not any(told[1:]), "only the first process tells"
    assert "part-00000-of-00001" in told[0] if world == 1 else json.loads(told[0])["images"]
    assert len(list((tmp_path / "parts").iterdir())) == min(world, 3)
    table = pq.read_table(tmp_path / "parts")
    assert table["row"].to_pylist() == list(range(count))
    for name, array in wanted.items():
        found = array_of(table, name, array.ndim)
        if name.startswith("path"):
            assert found.shape[1] == CounterfactualConfig().path_points
            found = found[:, : array.shape[1]]
        compare = np.testing.assert_array_equal if name != "umap" else close
        compare(found, np.broadcast_to(array, found.shape), name)


def test_work_is_laid_out_as_columns_a_few_blocks_at_a_time(tmp_path, monkeypatch):
    """Three rows an image; what is asked for at once does not grow with the share."""
    asked = []

    def work(rows):
        asked.append(rows)
        numbers = np.arange(rows.start, rows.stop, dtype=np.float32).repeat(3)
        return {
            "value": numbers,
            "who": np.array("all"),
            "why": np.array([f"{number:.0f}" for number in numbers]),
            "distances": np.stack([numbers, -numbers], 1),
            "map": numbers[:, None, None] + np.zeros((1, 4, 2), np.float32),
        }

    monkeypatch.setattr(sharded_output, "BLOCKS_AT_ONCE", 3)
    path = write_part(work, 47, tmp_path / "new" / "parts", fabric=Process(1, 2), block=2)
    assert path == tmp_path / "new" / "parts" / "part-00001-of-00002.parquet"
    assert asked == [slice(24, 30), slice(30, 36), slice(36, 42), slice(42, 47)]
    table = pq.read_table(path)
    assert table.column_names == ["row", "value", "who", "why", "l1", "l2", "map"]
    assert pq.ParquetFile(path).num_row_groups == 4
    rows = np.arange(24, 47).repeat(3)
    assert table["row"].to_pylist() == rows.tolist() and set(table["who"].to_pylist()) == {"all"}
    assert table["why"].to_pylist() == [str(row) for row in rows]
    assert table["l2"].to_pylist() == (-rows).tolist()
    maps = array_of(table, "map", 3)
    assert maps.shape == (69, 4, 2) and (maps == rows[:, None, None]).all()
    flat = pd.read_parquet(path)["map"]
    assert flat.iloc[0].shape == (8,), "lists to what does not know their shape"
    assert write_part(work, 47, tmp_path, fabric=Process(1, 2), block=50) is None


def test_a_part_is_whole_or_absent(tmp_path, monkeypatch):
    def work(rows):
        if rows.start:
            raise DataError("Such an image cannot be read.")
        return {"value": np.zeros(rows.stop)}

    monkeypatch.setattr(sharded_output, "BLOCKS_AT_ONCE", 1)
    with pytest.raises(DataError, match="Such an image"):
        write_part(work, 4, tmp_path, fabric=Process(0, 1), block=2)
    assert not list(tmp_path.iterdir())


def test_two_processes_of_the_command_write_what_one_gives(
    tiny_bundle, tiny_bundle_path, many, tmp_path
):
    """The launch, the folder and the telling are the same code in every command."""
    shutil.copytree(tiny_bundle_path, tmp_path / "bars")
    np.savez(tmp_path / "many.npz", images=many.numpy())
    line = "encode ./bars --images many.npz --out parts --devices 2 --device cpu --json"
    found = subprocess.run(
        [sys.executable, "-m", "xai_core", *line.split()],
        cwd=tmp_path,
        env={
            **{k: v for k, v in os.environ.items() if not k.endswith("RANK")},
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.count('"bundle"') == 1, "only the first process tells"
    names = ["part-00000-of-00002.parquet", "part-00001-of-00002.parquet"]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == names
    table = pq.read_table(tmp_path / "parts")
    assert table["row"].to_pylist() == list(range(len(many)))
    for name, array in encode(tiny_bundle, many).arrays().items():
        close(array_of(table, name, array.ndim), array, name)


def close(found, wanted, name):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-3, err_msg=name)


def test_shares_are_whole_batches_and_all_there_is(subtests):
    for count in [0, 1, 999, 1000, 1001, 5000, 5001]:
        for world in [1, 2, 3, 7]:
            with subtests.test(count=count, world=world):
                shares = [share_of(count, 1000, rank, world) for rank in range(world)]
                assert [row for share in shares for row in range(count)[share]] == list(
                    range(count)
                )
                assert all(share.start % 1000 == 0 or share.start == count for share in shares)


def test_parts_never_join_others(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
    (tmp_path / "part-00000-of-00009.parquet").write_bytes(b"x")
    for place in (tmp_path, tmp_path / "part-00000-of-00009.parquet"):
        with pytest.raises(DataError, match=r"exists and is not an empty folder"):
            check_folder(place)


@pytest.mark.parametrize("line", [line for line, _ in COMMANDS.values()])
def test_what_cannot_be_written_is_refused_before_any_work(line, tmp_path):
    (tmp_path / "part").write_bytes(b"x")
    name, *options = line.split()
    asked = [name, "nope", "--images", "test", *options, "--out"]
    refused = {
        (str(tmp_path),): "exists and is not an empty folder",
        ("z.npz", "--devices", "2"): "Several processes write parts: `--out` must be a folder",
        ("z.csv",): "`--out` must end in .npz or be a folder",
    }
    if name != "encode":
        refused[("z", "--figure", "z.png")] = "`--figure` needs an .npz"
    for rest, message in refused.items():
        result = CliRunner().invoke(cli.app, [*asked, *rest])
        assert result.exit_code == 1 and message in result.stderr
