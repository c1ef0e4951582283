"""What goes wrong around the library: each fault has a message, and nothing is left half done.

Disks fill, folders cannot be written, processes are killed and people press Ctrl-C; after each,
the bundle or state of before opens, and no temporary file is left.
"""

import errno
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from xai_core import atomic_write, cli
from xai_core.bundle import files, parts, paths, reading, writing
from xai_core.bundle.listing import list_bundles
from xai_core.bundle.paths import find_bundle
from xai_core.bundle.reading import load_bundle
from xai_core.bundle.writing import save_bundle
from xai_core.cli import figures
from xai_core.data.preprocessing import read_images
from xai_core.data.registry import load_dataset
from xai_core.errors import BundleError, BundleNotFoundError, DataError, OutOfMemoryError, XaiError
from xai_core.latent_space.encoding import classify, encode_dataset
from xai_core.models.config import ClusterVAEConfig
from xai_core.runtime import Launch, is_out_of_memory, map_batches, report_out_of_memory
from xai_core.training.checkpoint import TrainingState, read_state, write_state
from xai_core.training.collapse import read_collapse
from xai_core.training.config import CriticTraining, TrainingConfig
from xai_core.training.stages import vae
from xai_core.training.stages.sequence import train_models

from ..patience import PATIENCE

SMALL = ClusterVAEConfig(
    num_clusters=2, latent_dim=2, channels=(4, 4, 4), decoder_channels=(4, 4, 4), hidden=16
)
BRIEF = TrainingConfig(
    epochs=2, classifier_epochs=1, batch_size=20, pseudo_label_weight=0.0, critic=CriticTraining()
)
FULL = OSError(errno.ENOSPC, "No space left on device")
READ_ONLY = OSError(errno.EROFS, "Read-only file system")
DENIED = PermissionError(errno.EACCES, "Permission denied")
QUOTA = OSError(errno.EDQUOT, "Disk quota exceeded")
BROKEN = OSError(errno.EIO, "Input/output error")
FAULTS = [FULL, READ_ONLY, DENIED, QUOTA, BROKEN]
NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def by_reason(fault):
    return str(getattr(fault, "strerror", None) or type(fault).__name__)


def raising(fault):
    def fail(*_, **__):
        raise fault

    return fail


def failing(fault, real, *, call):
    """Make a function that fails at its n-th call, from 1."""
    calls = 0

    def sometimes(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == call:
            raise fault
        return real(*arguments, **options)

    return sometimes


class Handle:
    """A file on a disk that has room for some bytes, of which it takes what fits."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, content):
        view = memoryview(content).cast("B")
        self._file.write(view[: self._room])
        if len(view) > self._room:
            raise FULL
        self._room -= len(view)
        return len(view)


def with_room(monkeypatch, room):
    """Leave so many bytes to every file that is opened for writing from now on."""
    real = Path.open

    def opened(self, mode="r", *arguments, **options):
        file = real(self, mode, *arguments, **options)
        return Handle(file, room) if "w" in mode else file

    monkeypatch.setattr(Path, "open", opened)


# --- writing a bundle ---------------------------------------------------------------------------


@pytest.fixture
def before(tiny_bundle_path, tmp_path):
    """A bundle that is to be replaced, alone in its folder."""
    return shutil.copytree(tiny_bundle_path, tmp_path / "bars")


def stays_whole(path):
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert load_bundle(path).manifest.seed == 0


@pytest.mark.parametrize("write", range(1, 9))
def test_a_disk_that_fills_at_any_write_leaves_the_bundle_of_before(
    before, tiny_parts, monkeypatch, write
):
    """Seven files and the folder are each written through to the disk."""
    monkeypatch.setattr(files.os, "fsync", failing(FULL, os.fsync, call=write))
    with pytest.raises(BundleError, match=r"Cannot write `.*`: No space left.* Make room or"):
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    monkeypatch.undo()
    stays_whole(before)


@pytest.mark.parametrize("room", [0, 1000])
def test_files_cut_short_by_a_full_disk_are_not_left(before, tiny_parts, monkeypatch, room):
    with_room(monkeypatch, room)
    with pytest.raises(BundleError, match="No space left on device"):
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    monkeypatch.undo()
    stays_whole(before)


@pytest.mark.parametrize("fault", FAULTS, ids=by_reason)
@pytest.mark.parametrize("where", ["mkdir", "rename"])
def test_a_place_that_cannot_be_written_is_named(before, tiny_parts, monkeypatch, fault, where):
    monkeypatch.setattr(Path, where, raising(fault))
    with pytest.raises(BundleError, match=f"Cannot write `.*bars.*`: {fault.strerror}. Make room"):
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    monkeypatch.undo()
    stays_whole(before)


@pytest.mark.parametrize("part", ["write_tensors", "write_table", "write_bytes", "file_entry"])
def test_interrupted_while_it_is_saved_the_bundle_of_before_stays(
    before, tiny_parts, monkeypatch, part
):
    monkeypatch.setattr(writing, part, raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    monkeypatch.undo()
    stays_whole(before)


def test_what_a_killed_saving_left_is_removed_by_a_later_one(before, tiny_parts):
    names = (f".{before.name}.0a0a0a0a.tmp", f".{before.name}.1b1b1b1b.tmp", ".other.0a0a0a0a.tmp")
    old, fresh, other = (before.with_name(name) for name in names)
    for folder in (old, fresh, other):
        folder.mkdir()
        (folder / "index.parquet").write_bytes(b"half")
    for folder in (old, other):
        os.utime(folder, (1.0, 1.0))
    save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    assert (old.exists(), fresh.exists(), other.exists()) == (False, True, True)


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), FULL, SystemExit(1)], ids=by_reason)
def test_stopped_between_its_two_renames_the_bundle_of_before_comes_back(
    before, tiny_parts, monkeypatch, fault
):
    monkeypatch.setattr(Path, "rename", failing(fault, Path.rename, call=2))
    with pytest.raises((type(fault), BundleError)):
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    monkeypatch.undo()
    stays_whole(before)


def test_interrupted_once_the_new_one_has_its_place_it_stays(before, tiny_parts, monkeypatch):
    real = atomic_write.sync_folder
    monkeypatch.setattr(paths, "sync_folder", failing(KeyboardInterrupt(), real, call=2))
    with pytest.raises(KeyboardInterrupt):
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
    monkeypatch.undo()
    assert load_bundle(before).manifest.seed == 5


def test_killed_between_its_two_renames_it_says_where_the_bundle_is(
    before, tiny_parts, monkeypatch
):
    """SIGKILL, or a plug pulled: nothing can be put back by then."""
    before.rename(before.with_name(".bars.previous"))
    monkeypatch.setenv("XAI_BUNDLES", str(before.parent))
    with pytest.raises(BundleNotFoundError, match=r"\.bars\.previous`. Rename that folder to 'ba"):
        find_bundle("bars")
    save_bundle(before, **tiny_parts)
    stays_whole(before)


# --- reading a bundle ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors", "history.parquet"])
def test_a_file_that_may_not_be_read_is_named(before, monkeypatch, name):
    for method in ("open", "read_bytes"):
        real = getattr(Path, method)

        def denied(self, *arguments, real=real, **options):
            if self.name == name:
                raise DENIED
            return real(self, *arguments, **options)

        monkeypatch.setattr(Path, method, denied)
    with pytest.raises(
        BundleError, match=rf"{name}` cannot be read: Permission denied. Check that"
    ):
        load_bundle(before)


def test_a_folder_that_may_not_be_entered_is_listed_with_its_error(before, monkeypatch):
    real = Path.exists

    def denied(self, **options):
        if self.parent == before:
            raise DENIED
        return real(self, **options)

    monkeypatch.setattr(Path, "exists", denied)
    monkeypatch.setattr(Path, "is_symlink", raising(DENIED))
    (found,) = list_bundles([before.parent])
    assert "manifest.json` cannot be read: Permission denied" in found.error


def test_a_root_that_may_not_be_listed_is_named(before, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", raising(DENIED))
    with pytest.raises(BundleError, match=r"cannot be listed: Permission denied.* \$XAI_BUNDLES"):
        list_bundles([before.parent])


@pytest.mark.parametrize("part", ["read_model", "read_index"])
def test_a_bundle_that_vanishes_while_it_is_opened_is_named(before, monkeypatch, part):
    real = getattr(reading, part)

    def vanishing(*arguments):
        shutil.rmtree(before)
        return real(*arguments)

    monkeypatch.setattr(reading, part, vanishing)
    with pytest.raises(BundleError, match=r"`.*/bars/.*cannot be read|is missing"):
        load_bundle(before)


def test_a_bundle_replaced_while_it_is_opened_is_never_a_mixture(before, tiny_parts, monkeypatch):
    real = parts.read_index

    def replacing(*arguments):
        monkeypatch.undo()
        save_bundle(before, **tiny_parts | {"seed": 5}, overwrite=True)
        return real(*arguments)

    monkeypatch.setattr(reading, "read_index", replacing)
    with pytest.raises(BundleError, match="was replaced while it was opened. Open it again"):
        load_bundle(before)
    assert load_bundle(before).manifest.seed == 5


# --- data ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "x.png"])
@pytest.mark.parametrize("fault", [None, DENIED, BROKEN], ids=by_reason)
def test_images_that_vanish_or_may_not_be_read_are_named(tmp_path, monkeypatch, name, fault):
    path = tmp_path / name
    path.write_bytes(b"x")
    if fault is None:
        path.unlink()
        monkeypatch.setattr(Path, "is_file", lambda self: True)  # it was there a moment ago
    else:
        monkeypatch.setattr(io, "open", raising(fault))
        monkeypatch.setattr("builtins.open", raising(fault))
    reason = fault.strerror if fault else "No such file"
    with pytest.raises(DataError, match=f"{name}` cannot be read as .*{reason}.*[.] Save it"):
        read_images(path)


def test_a_folder_of_images_that_may_not_be_listed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", raising(DENIED))
    with pytest.raises(DataError, match=r"cannot be listed: Permission denied"):
        load_dataset(tmp_path)


def test_one_image_of_a_folder_that_vanishes_is_named(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(tmp_path / name)
    real = Image.open

    def vanishing(path, **options):
        (tmp_path / "b.png").unlink(missing_ok=True)
        return real(path, **options)

    monkeypatch.setattr(Image, "open", vanishing)
    with pytest.raises(DataError, match=r"b\.png` cannot be read as an image: .*No such file"):
        load_dataset(tmp_path)


def test_a_recording_cut_short_is_named(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(DataError, match=r"x\.parquet` is not a recording .*xai record-collapse"):
        read_collapse(tmp_path / "x.parquet")


# --- what commands write ------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [*FAULTS, KeyboardInterrupt()], ids=by_reason)
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_file_is_whole_or_what_it_was(tmp_path, monkeypatch, fault, where):
    path = tmp_path / "z.npz"
    path.write_bytes(b"before")
    if where != "write":
        target = files.os if where == "fsync" else Path
        monkeypatch.setattr(target, where, raising(fault))
    with (
        pytest.raises((DataError, KeyboardInterrupt)) as caught,
        atomic_write.atomic_write(path) as file,
    ):
        file.write(b"half")
        if where == "write":
            raise fault
    monkeypatch.undo()
    if isinstance(fault, OSError):
        assert f"Cannot write `{path}`: {fault.strerror}. Make room" in str(caught.value)
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["z.npz"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is always full")
@pytest.mark.parametrize("name", ["z.npz", "figure.png"])
def test_a_disk_that_is_really_full_is_named(tmp_path, name):
    path = tmp_path / name
    path.with_name(f".{name}.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left on device. Make room"):
        if name == "z.npz":
            atomic_write.write_arrays(path, {"mean": np.zeros(10**5)})
        else:
            figures._write(path, bytes(10**5))
    assert not list(tmp_path.iterdir())


def command(*arguments):
    """Run a command that must fail with one line; give that line."""
    result = CliRunner().invoke(cli.app, [str(part) for part in arguments])
    assert result.exit_code == 1, (result.output, result.exception)
    assert "error: " in result.stderr, (result.output, result.exception, result.exc_info)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in result.output
    return line


@pytest.mark.parametrize(
    "line",
    [
        "encode bars --images test:0 --out z.npz",
        "attribute bars --images test:0 --method saliency --out z.npz",
        "attribute bars --images test:0 --method saliency --out z.npz --figure z.png",
        "counterfactual bars --images test:0 --target 1 --method nearest --out z.npz",
        "counterfactual bars --images test:0 --target 1 --method nearest --out z.npz "
        "--figure z.png",
        "figures bars --out folder --method saliency",
    ],
)
def test_a_disk_that_fills_under_a_command_is_one_line(line, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reading, "load_bundle", lambda *_, **__: tiny_bundle)
    wanted = "figure-1" if line.startswith("figures") else line.split()[-1]
    real = Path.open

    def opened(self, mode="r", *arguments, **options):
        file = real(self, mode, *arguments, **options)
        return Handle(file, 100) if "w" in mode and self.name.startswith(f".{wanted}") else file

    monkeypatch.setattr(Path, "open", opened)
    said = command(*line.split(), "--device", "cpu")
    assert re.search(r"Cannot write `.*`: No space left on device\. Make room", said), said
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"z.npz"} - {wanted}


@pytest.mark.parametrize("out", ["missing/z.npz", "taken.npz", "/proc/z.npz"])
def test_a_place_that_no_command_can_write_is_one_line(out, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.npz").mkdir()
    monkeypatch.setattr(reading, "load_bundle", lambda *_, **__: tiny_bundle)
    said = command("encode", "bars", "--images", "test:0", "--out", out, "--device", "cpu")
    assert f"Cannot write `{out}`: " in said
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken.npz"]


# --- training -----------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path):
    """A state of one epoch, of weights and moments."""
    module = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    found = TrainingState.of(module, optimizer, [{"epoch": 1}])
    write_state(tmp_path, "vae", found)
    return found


@pytest.mark.parametrize("fault", [FULL, QUOTA, KeyboardInterrupt()], ids=by_reason)
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_one_of_before(
    state, tmp_path, monkeypatch, fault, where
):
    monkeypatch.setattr(os if where == "fsync" else Path, where, raising(fault))
    with pytest.raises((DataError, KeyboardInterrupt)) as caught:
        write_state(tmp_path, "vae", TrainingState(state.tensors, [{"epoch": 1}, {"epoch": 2}]))
    monkeypatch.undo()
    assert isinstance(fault, KeyboardInterrupt) or "continue with --resume" in str(caught.value)
    assert read_state(tmp_path, "vae").rows == [{"epoch": 1}]
    assert [entry.name for entry in tmp_path.iterdir()] == ["vae.safetensors"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: tensors.pop("weights.bias"),
        lambda tensors: tensors.update({"weights.bias": torch.ones(9)}),
        lambda tensors: tensors.update({"moments.nine.exp_avg": torch.ones(1)}),
        lambda tensors: tensors.update({"moments.99.exp_avg": torch.ones(1)}),
        lambda tensors: tensors.update({"nonsense": torch.ones(1)}),
    ],
)
def test_a_state_of_another_model_is_named(state, tmp_path, damage):
    damage(state.tensors)
    module = torch.nn.Linear(2, 1)
    with pytest.raises(DataError, match=r"belongs to another model .*Delete its folder"):
        state.restore(module, torch.optim.Adam(module.parameters()))


@pytest.mark.parametrize("content", [b"", b"half", bytes(100), b"\xff" * 64])
def test_a_state_that_is_damaged_is_named(tmp_path, content):
    (tmp_path / "vae.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"vae.safetensors is damaged .*Delete it to train this"):
        read_state(tmp_path, "vae")


def brief(dataset, run):
    return train_models(dataset, run, model=SMALL, training=BRIEF, launch=Launch(device="cpu"))


def test_memory_that_runs_out_in_training_says_what_to_lower(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(vae.VAEObjective, "forward", raising(NO_MEMORY))
    with pytest.raises(
        OutOfMemoryError, match=r"stage 'vae'. .*`--batch-size` below 20.*--device"
    ):
        brief(tiny_dataset, tmp_path)


def test_a_clock_set_back_changes_nothing(tiny_parts, tiny_dataset, tmp_path, monkeypatch):
    """Durations are of the monotonic clock; a bundle's date is only shown."""
    import time

    hours = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(hours)))
    once, again = (save_bundle(tmp_path / n, **tiny_parts) for n in ("once", "again"))
    assert load_bundle(again).manifest.files == load_bundle(once).manifest.files
    os.utime(again / "manifest.json", (0, 0))
    assert load_bundle(again).manifest.seed == 0


TWO = """
import dataclasses, os, signal, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import torch
import test_sequence as t
from xai_core.errors import ProcessLostError
def die(progress):
    if os.environ.get("LOCAL_RANK") == "1" and progress.done >= 2:
        os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    torch.set_num_threads(1)
    try:
        config = dataclasses.replace(t.SHORT, epochs=25)
        t.trained(t.shapes_dataset(), Path({run!r}), config=config, launch=t.TWO, on_progress=die)
    except ProcessLostError as error:
        print(error)
        os._exit(7)
"""


@pytest.mark.slow
def test_of_two_processes_one_killed_the_other_says_so(tmp_path):
    script, here = tmp_path / "two.py", str(Path(__file__).parent / "training")
    script.write_text(TWO.format(here=here, run=str(tmp_path / "run")))
    environment = {k: v for k, v in os.environ.items() if not k.endswith("RANK")}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, trouble = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 7, trouble
    assert "Process 0 of 2 lost the others" in said and "--resume" in said


# --- memory -------------------------------------------------------------------------------------


def short_of(model, limit):
    """Make a model's encoder fail on more images at once than fit."""
    real = model.encode

    def encode(x):
        if len(x) > limit:
            raise NO_MEMORY
        return real(x)

    return encode


def test_where_memory_is_short_fewer_images_are_encoded_at_once(
    tiny_models, tiny_dataset, monkeypatch, caplog
):
    model, images = tiny_models[0], tiny_dataset.train.images
    whole = encode_dataset(model, images, device="cpu", batch_size=32)
    monkeypatch.setattr(model, "encode", short_of(model, 5))
    found = encode_dataset(model, images, device="cpu", batch_size=32)
    torch.testing.assert_close(found.mean, whole.mean)
    torch.testing.assert_close(found.terms.elbo, whole.terms.elbo, rtol=1e-4, atol=1e-3)
    assert [record.message for record in caplog.records] == [
        f"Memory is short: continuing with {count} images at once." for count in (16, 8, 4)
    ]


def test_where_no_image_fits_it_says_what_to_do(tiny_models, tiny_dataset, monkeypatch):
    monkeypatch.setattr(tiny_models[1], "forward", raising(NO_MEMORY))
    with pytest.raises(OutOfMemoryError, match=r"not enough memory for a single image. Use anot"):
        classify(tiny_models[1], tiny_dataset.test.images, device="cpu")


@pytest.mark.parametrize(
    "fault",
    [
        NO_MEMORY,
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
    ],
    ids=by_reason,
)
def test_memory_that_runs_out_under_a_command_is_one_line(
    fault, tiny_bundle, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reading, "load_bundle", lambda *_, **__: tiny_bundle)
    monkeypatch.setattr("xai_core.evaluation.metrics.evaluate", raising(fault))
    said = command("evaluate", "bars", "--device", "cpu")
    assert "There is not enough memory. Use fewer --images" in said and "--batch-size" in said


def test_other_errors_are_not_taken_for_want_of_memory():
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes"), report_out_of_memory("a test", "Nothing."):
        raise RuntimeError("shapes do not fit")
    with pytest.raises(OutOfMemoryError, match=r"memory for a test\. Lower it\."):
        with report_out_of_memory("a test", "Lower it."):
            raise MemoryError
    with pytest.raises(ZeroDivisionError):
        map_batches(lambda rows: 1 // 0, 3, device="cpu", at_once=2)
    assert issubclass(OutOfMemoryError, XaiError)
    assert map_batches(lambda rows: rows.start, 5, device="cpu", at_once=2) == [0, 2, 4]
