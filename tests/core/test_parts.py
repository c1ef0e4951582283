"""`xai_core/parts.py`: many processes write what one would."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric
from typer.testing import CliRunner

from xai_core import cli
from xai_core.errors import DataError
from xai_core.parts import check_folder, encode_part
from xai_core.runtime import share_of
from xai_core.workflow import encode


@pytest.fixture(scope="module")
def many(tiny_dataset):
    """Images enough for three batches, none of them like another."""
    generator = torch.Generator().manual_seed(0)
    images = tiny_dataset.train.images.repeat(60, 1, 1)[:2300]
    noise = torch.randint(0, 40, images.shape, generator=generator)
    return (images.int() + noise).clamp(max=255).to(torch.uint8)


class Process(Fabric):
    """One of several processes, which waits for nobody."""

    def __init__(self, rank, world):
        super().__init__(accelerator="cpu", devices=1)
        self._rank, self._world = rank, world

    global_rank = property(lambda self: self._rank)
    world_size = property(lambda self: self._world)

    def barrier(self, name=None):
        pass


def compare(folder, whole):
    found = pd.read_parquet(folder).sort_values("row")
    assert found["row"].tolist() == list(range(len(whole.umap)))
    arrays = whole.arrays()
    for name in ("elbo", "reconstruction", "kl_c"):
        np.testing.assert_allclose(found[name], arrays[name], rtol=1e-4, atol=1e-3, err_msg=name)
    for name in ("mean", "log_var", "cluster_probs", "class_probs"):
        columns = [f"{name}_{axis}" for axis in range(arrays[name].shape[1])]
        np.testing.assert_allclose(found[columns], arrays[name], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[["umap_x", "umap_y"]], arrays["umap"], atol=1e-3)


@pytest.mark.parametrize("world", [1, 2, 5])
def test_the_parts_are_what_one_process_gives(tiny_bundle, many, tmp_path, world):
    files = [
        encode_part(tiny_bundle, many, tmp_path / "parts", fabric=Process(rank, world), seed=3)
        for rank in range(world)
    ]
    assert sum(file is not None for file in files) == min(world, 3)
    compare(tmp_path / "parts", encode(tiny_bundle, many, seed=3))


def test_two_processes_of_the_command_write_what_one_gives(
    tiny_bundle, tiny_bundle_path, many, tmp_path
):
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
        timeout=240,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.count('"bundle"') == 1, "only the first process tells"
    names = ["part-00000-of-00002.parquet", "part-00001-of-00002.parquet"]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == names
    compare(tmp_path / "parts", encode(tiny_bundle, many))


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 5000, 5001])
@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_shares_are_whole_batches_and_all_there_is(count, world):
    shares = [share_of(count, 1000, rank, world) for rank in range(world)]
    assert [row for share in shares for row in range(count)[share]] == list(range(count))
    assert all(share.start % 1000 == 0 or share.start == count for share in shares)


def test_parts_never_join_others(tmp_path):
    check_folder(tmp_path)
    check_folder(tmp_path / "new")
    (tmp_path / "part-00000-of-00009.parquet").write_bytes(b"x")
    for place in (tmp_path, tmp_path / "part-00000-of-00009.parquet"):
        with pytest.raises(DataError, match=r"is there and not an empty folder"):
            check_folder(place)


def test_several_processes_need_a_folder(tmp_path):
    line = ["encode", "bars", "--images", "test", "--out", "z.npz", "--devices", "2"]
    result = CliRunner().invoke(cli.app, line)
    assert result.exit_code == 1
    assert "Several processes write parts: give a folder for `--out`" in result.stderr
