"""Files of unknown origin: each is refused in words, at once and cheaply, or read rightly.

A case builds one input, beside a copy of a bundle or in an empty folder, and says by which door
it comes in, which words name the fault, and which the fix. No code in any of them may run.
"""

import gzip
import json
import os
import pickle
import re
import shutil
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from xai_core.bundle.listing import list_bundles
from xai_core.bundle.manifest import file_entry, sealed
from xai_core.bundle.reading import load_bundle
from xai_core.data.digits import normalise_digit
from xai_core.data.io.image_files import MAX_UPLOAD, read_picture, read_upload
from xai_core.data.io.pixel_values import as_bytes
from xai_core.data.preprocessing import read_images
from xai_core.data.registry import load_dataset
from xai_core.errors import XaiError

SECONDS = 2.0
"""Of the processor; where it is slow or shared, `PACES` times what a fixed sum takes there."""
PACES = 150
MEMORY = 100 << 20
"""Bytes that refusing may add to the process at its peak."""
MEMORY_TO_READ = 300 << 20
"""Bytes that reading the largest photograph that is let in may add."""
CANARY = "canary"
"""A file that hostile code would make in the working directory."""

TRAIN = "train anew with `xai train`"
AGAIN = "Save it again with numpy.save"
PNG = "Save it as a PNG"
DIGITS = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
DIGITS[:, [0, -1]] = DIGITS[:, :, [0, -1]] = 0  # a plain border, or they are noise


@dataclass(frozen=True)
class Case:
    build: Callable[[Path], object]
    door: str
    fault: str
    fix: str


CASES: dict[str, Case] = {}


def case(door, fault="", fix=""):
    """Register a builder; without a fault, what it builds must be read."""

    def register(build):
        CASES[build.__name__] = Case(build, door, fault, fix)
        return build

    return register


class Hostile:
    """Makes the canary when it is unpickled."""

    def __reduce__(self):
        return (open, (CANARY, "w"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input").mkdir()
    return tmp_path / "input"


# --- bundles: weights ---------------------------------------------------------------------------


def believed(folder, name):
    """Make the manifest agree with a file that was changed."""
    edited(folder, lambda found: found["files"].update({name: file_entry(folder / name)}))


def edited(folder, change):
    path = folder / "manifest.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(sealed(found)))


def weights(folder, change, name="model.safetensors"):
    tensors = load_file(folder / name)
    change(tensors)
    save_file(tensors, folder / name)
    believed(folder, name)


def header_changed(folder, change):
    """Rewrite the header of the model's weights, which says where each tensor lies."""
    path = folder / "model.safetensors"
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    believed(folder, path.name)


@case("bundle", "model.safetensors`: it cannot be read", TRAIN)
def pickle_posing_as_safetensors(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps(Hostile()))
    believed(folder, "model.safetensors")


@case("bundle", "model.safetensors`: it cannot be read", TRAIN)
def torch_checkpoint_posing_as_safetensors(folder):
    torch.save({"weights": Hostile()}, folder / "model.safetensors")
    believed(folder, "model.safetensors")


@case("bundle", "critic.safetensors`: it cannot be read", TRAIN)
def safetensors_header_longer_than_any_file(folder):
    (folder / "critic.safetensors").write_bytes(struct.pack("<Q", 2**63) + bytes(5000))
    believed(folder, "critic.safetensors")


@case("bundle", "model.safetensors`: it cannot be read", TRAIN)
def safetensors_header_cut_in_half(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:300])
    believed(folder, path.name)


@case("bundle", "model.safetensors`: it has .* bytes, its content takes at most", TRAIN)
def safetensors_header_of_many_tensors(folder):
    one = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    text = json.dumps({f"t{number}": one for number in range(60_000)}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    believed(folder, "model.safetensors")


@case("bundle", "model.safetensors`: it cannot be read", TRAIN)
def safetensors_with_overlapping_offsets(folder):
    def overlap(header):
        first, second = sorted(name for name in header if name != "__metadata__")[:2]
        header[second]["data_offsets"] = header[first]["data_offsets"]

    header_changed(folder, overlap)


@case("bundle", "model.safetensors`: it cannot be read", TRAIN)
def safetensors_with_offsets_past_the_end(folder):
    header_changed(folder, lambda h: h["prior.mean"].update(data_offsets=[10**12, 10**12 + 16]))


@case("bundle", "model.safetensors`: it cannot be read", TRAIN)
def safetensors_with_a_negative_shape(folder):
    header_changed(folder, lambda h: h["prior.mean"].update(shape=[-2, -2]))


@case("bundle", "`prior.mean` must be torch.float32 .* got torch.float64", TRAIN)
def weights_of_another_type(folder):
    weights(folder, lambda t: t.update({"prior.mean": t["prior.mean"].double()}))


@case("bundle", r"`prior.mean` must be .* of shape \(2, 2\), got .* \(4,\)", TRAIN)
def weights_of_another_shape(folder):
    weights(folder, lambda t: t.update({"prior.mean": t["prior.mean"].flatten()}))


@case("bundle", "`prior.mean` has NaN or infinity", TRAIN)
def weights_that_are_not_numbers(folder):
    weights(folder, lambda t: t["prior.mean"].fill_(float("nan")))


@case("bundle", "`prior.mean` has numbers beyond 1e.06", TRAIN)
def weights_that_overflow(folder):
    weights(folder, lambda t: t["prior.mean"].fill_(3e38))


@case("bundle", "tensor `../../../prior.mean` is not expected", TRAIN)
def tensor_named_like_a_path(folder):
    weights(folder, lambda t: t.update({"../../../prior.mean": t.pop("prior.mean")}))


@case("bundle", "its SHA-256 is not the one in the manifest", TRAIN)
def weights_with_one_bit_flipped(folder):
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


@case("bundle", "model.safetensors`: it has 3221225472 bytes, its content takes at most", TRAIN)
def weights_padded_to_three_gigabytes(folder):
    path = folder / "model.safetensors"
    os.truncate(path, 3 << 30)
    entry = {"sha256": "0" * 64, "bytes": 3 << 30}
    edited(folder, lambda found: found["files"].update({path.name: entry}))


# --- bundles: tables ----------------------------------------------------------------------------


def tabled(folder, name, change):
    pq.write_table(change(pq.read_table(folder / name)), folder / name)
    believed(folder, name)


def column_of(table, name, values, kind):
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind))


@case("bundle", "index.parquet`: it cannot be read", TRAIN)
def pickle_posing_as_parquet(folder):
    (folder / "index.parquet").write_bytes(pickle.dumps([Hostile()] * 9))
    believed(folder, "index.parquet")


@case("bundle", "index.parquet`: it cannot be read", TRAIN)
def parquet_without_its_end(folder):
    content = (folder / "index.parquet").read_bytes()
    (folder / "index.parquet").write_bytes(content[: len(content) // 2])
    believed(folder, "index.parquet")


@case("bundle", "index.parquet`: it cannot be read", TRAIN)
def parquet_whose_footer_lies_about_its_length(folder):
    content = (folder / "index.parquet").read_bytes()
    (folder / "index.parquet").write_bytes(content[:-8] + struct.pack("<I", 2**31) + b"PAR1")
    believed(folder, "index.parquet")


@case("bundle", "history.parquet`: it has 1000001 rows, at most 1000000", TRAIN)
def parquet_of_a_row_a_million_times(folder):
    tabled(folder, "history.parquet", lambda t: t.take(pa.array(np.zeros(1_000_001, np.int64))))


@case("bundle", "history.parquet`: it has [0-9]+ columns of 900000 rows", TRAIN)
def parquet_of_very_many_columns(folder):
    def wide(table):
        rows = table.take(pa.array(np.zeros(900_000, np.int64)))
        constant = pa.array(np.zeros(900_000))
        for number in range(60):
            rows = rows.append_column(f"more{number}", constant)
        return rows

    tabled(folder, "history.parquet", wide)


@case("bundle", "claims 19 MiB for 60 rows", TRAIN)
def parquet_of_one_huge_text(folder):
    huge = ["x" * 20_000_000] + ["y"] * 59
    tabled(folder, "index.parquet", lambda t: column_of(t, "id", huge, pa.string()))


@case("bundle", "the column `stage` has a text of 900000 bytes", TRAIN)
def parquet_of_a_long_text_repeated(folder):
    def many(table):
        rows = table.take(pa.array(np.zeros(60_000, np.int64)))
        stages = pa.DictionaryArray.from_arrays(np.zeros(60_000, np.int32), ["x" * 900_000])
        place = rows.column_names.index("stage")
        return rows.set_column(place, "stage", stages)

    table = many(pq.read_table(folder / "history.parquet"))
    pq.write_table(table, folder / "history.parquet", store_schema=False)
    believed(folder, "history.parquet")


@case("bundle", "`cluster` must be int64, got list", TRAIN)
def table_with_lists_in_it(folder):
    tabled(
        folder,
        "index.parquet",
        lambda t: column_of(t, "cluster", [[1]] * 60, pa.list_(pa.int64())),
    )


@case("bundle", "ids are not train:0 to train:39 in order", TRAIN)
def ids_named_like_paths(folder):
    names = ["../../../etc/passwd"] * 60
    tabled(folder, "index.parquet", lambda t: column_of(t, "id", names, pa.string()))


@case("bundle", "`predicted` has a value outside its range", TRAIN)
def classes_that_do_not_exist(folder):
    beyond = [10**12] * 60
    tabled(folder, "index.parquet", lambda t: column_of(t, "predicted", beyond, pa.int64()))


@case("bundle", "`mean_0` has numbers beyond 1e.06", TRAIN)
def codes_that_overflow(folder):
    beyond = [3e38] * 60
    tabled(folder, "index.parquet", lambda t: column_of(t, "mean_0", beyond, pa.float32()))


# --- bundles: manifest and folder ---------------------------------------------------------------


@case("bundle", "`files` lists '../../other/model.safetensors'", TRAIN)
def manifest_that_lists_a_path(folder):
    entry = {"sha256": "0" * 64, "bytes": 10}
    edited(folder, lambda m: m["files"].update({"../../other/model.safetensors": entry}))


@case("bundle", "`files` lists '/etc/passwd'", TRAIN)
def manifest_that_lists_an_absolute_path(folder):
    edited(folder, lambda m: m["files"].update({"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}))


@case("bundle", "`name` must be letters", TRAIN)
def manifest_with_a_script_for_a_name(folder):
    edited(folder, lambda m: m.update(name="<script>alert(1)</script>"))


@case("bundle", "schema version 99.0, this package reads", "Update this package")
def newer_schema(folder):
    edited(folder, lambda m: m.update(schema_version=99))


@case("bundle", "manifest.json`: it is larger than 4 MiB", TRAIN)
def manifest_of_a_gigabyte(folder):
    os.truncate(folder / "manifest.json", 1 << 30)


@case("bundle", "manifest.json`: it is not JSON", TRAIN)
def manifest_nested_a_million_deep(folder):
    (folder / "manifest.json").write_text('{"a":' * 500_000)


@case("bundle", "manifest.json`: it is nested more than 20 deep", TRAIN)
def manifest_nested_600_deep(folder):
    edited(folder, lambda m: m["metrics"].update(deep=json.loads("[" * 600 + "]" * 600)))


@case("bundle", "`metrics.map` lacks one of .*n_neighbors", TRAIN)
def manifest_with_half_of_the_map_s_scores(folder):
    half = {"trustworthiness": 0.9, "continuity": 0.9}
    edited(folder, lambda m: m["metrics"].update(map=half))


@case("bundle", "`configs.classifier.num_classes` must be 2, one per class", TRAIN)
def manifest_with_more_classes_than_names(folder):
    edited(folder, lambda m: m["configs"]["classifier"].update(num_classes=5))


@case("bundle", "`configs.critic.targets` must be as many as", TRAIN)
def manifest_with_a_critic_of_other_targets(folder):
    edited(folder, lambda m: m["configs"]["critic"]["targets"].update(cluster=7))


@case("bundle", "`dataset.class_names` has more than 10,000 names", TRAIN)
def manifest_with_very_many_class_names(folder):
    edited(folder, lambda m: m["dataset"].update(class_names=["a"] * 100_000))


@case("bundle", "manifest.json`: it is not JSON", TRAIN)
def manifest_with_an_endless_number(folder):
    edited(folder, lambda m: m.update(seed=0))
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"seed": 0', '"seed": ' + "9" * 100_000))


@case("bundle", "manifest.json`: it is not JSON: NaN", TRAIN)
def manifest_with_nan(folder):
    edited(folder, lambda m: m["metrics"].update(test={"accuracy": float("nan")}))


@case("bundle", "`metrics.test.accuracy` must be a number", TRAIN)
def manifest_with_a_word_for_an_accuracy(folder):
    edited(folder, lambda m: m["metrics"].update(test={"accuracy": "ninety"}))


@case("bundle", "manifest.json`: it has a number beyond 1e.18", TRAIN)
def manifest_with_more_seconds_than_a_float_holds(folder):
    edited(folder, lambda m: m["seconds"].update(vae=10**400))


@case("bundle", "manifest.json`: it has a text that is not UTF-8", TRAIN)
def manifest_with_half_a_letter(folder):
    edited(folder, lambda m: m["versions"].update(torch="\udce9"))


@case("bundle", "claims 1000000000 images, there is room for", TRAIN)
def manifest_that_claims_a_billion_images(folder):
    edited(folder, lambda m: m["dataset"].update(num_train=10**9 - 20))


@case("bundle", "`latent_dim` must be at most 4096", TRAIN)
def manifest_of_a_billion_latents(folder):
    edited(folder, lambda m: m["configs"]["model"].update(latent_dim=10**9))


@case("bundle", "`num_clusters` must be at most 1000", TRAIN)
def manifest_of_a_billion_clusters(folder):
    edited(folder, lambda m: m["configs"]["model"].update(num_clusters=10**9))


@case("bundle", "must be .* of shape|impossible model", TRAIN)
def manifest_of_endless_layers(folder):
    edited(folder, lambda m: m["configs"]["model"].update(channels=[10**12] * 3))


@case("bundle")
def manifest_with_a_command_for_a_device(folder):
    edited(folder, lambda m: m.update(device=f"$(touch {CANARY})"))


@case("bundle", "model.safetensors`: it is a link", TRAIN)
def link_to_weights_elsewhere(folder):
    (folder / "model.safetensors").rename(folder.parent / "elsewhere")
    (folder / "model.safetensors").symlink_to(folder.parent / "elsewhere")


@case("bundle", "manifest.json`: it is a link", TRAIN)
def link_to_an_endless_device(folder):
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").symlink_to("/dev/zero")


@case("bundle", "index.parquet`: it is not a file", TRAIN)
def pipe_that_never_answers(folder):
    (folder / "index.parquet").unlink()
    os.mkfifo(folder / "index.parquet")


@case("bundle", "manifest.json`: it is missing", TRAIN)
def folder_half_copied_without_its_manifest(folder):
    (folder / "manifest.json").unlink()


@case("bundle", "index.parquet`: it is missing", TRAIN)
def folder_half_copied_without_its_index(folder):
    (folder / "index.parquet").unlink()


@case("bundle", "images.safetensors`: it has .* bytes, the manifest says", TRAIN)
def folder_half_copied_in_the_middle_of_a_file(folder):
    content = (folder / "images.safetensors").read_bytes()
    (folder / "images.safetensors").write_bytes(content[:-1000])


# --- arrays -------------------------------------------------------------------------------------


def npy(shape, descr="|u1", payload=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


def zipped(folder, members, kind=zipfile.ZIP_STORED):
    with zipfile.ZipFile(folder / "x.npz", "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "x.npz"


def written(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


@case("images", "cannot be read as an .npz archive", AGAIN)
def pickle_posing_as_npz(folder):
    return written(folder, "x.npz", pickle.dumps(Hostile()))


@case("images", "cannot be read as a .npy array", AGAIN)
def pickle_posing_as_npy(folder):
    return written(folder, "x.npy", pickle.dumps(Hostile()))


@case("images", "Python objects are never unpickled", "Save it again")
def npz_of_objects(folder):
    np.savez(folder / "x.npz", images=np.array([Hostile()], dtype=object))
    return folder / "x.npz"


@case("images", "has the zip format that NumPy uses only above 4 GB", AGAIN)
def torch_checkpoint_posing_as_npz(folder):
    torch.save({"images": Hostile()}, folder / "x.npz")
    return folder / "x.npz"


@case("images", "claims 730.2 GiB, at most 2 GiB", "Save the images as uint8")
def npy_that_claims_more_than_memory(folder):
    return written(folder, "x.npy", npy((10**9, 28, 28)))


@case("images", "is cut short", "784 bytes, and 700 are there")
def npy_cut_short(folder):
    return written(folder, "x.npy", npy((1, 28, 28), payload=bytes(700)))


@case("images", "claims|cut short", "")
def npy_of_a_shape_that_overflows(folder):
    return written(folder, "x.npy", npy((2**62, 4, 4)))


@case("images", "has a header of 4294967295 bytes, at most", AGAIN)
def npy_with_an_endless_header(folder):
    path = written(folder, "x.npy", b"\x93NUMPY\x02\x00" + b"\xff" * 4 + b" " * 100)
    os.truncate(path, 3 << 30)
    return path


@case("images", "cannot be read as a .npy array", AGAIN)
def npy_with_code_for_a_header(folder):
    code = f"open('{CANARY}', 'w')".encode().ljust(117) + b"\n"
    return written(folder, "x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(code)) + code)


@case("images", "cannot be read as an .npz archive", AGAIN)
def npz_cut_in_half(folder):
    np.savez(folder / "x.npz", images=DIGITS)
    return written(folder, "x.npz", (folder / "x.npz").read_bytes()[:1500])


@case("images", "compressed by a method that NumPy does not use", AGAIN)
def npz_bomb_of_bzip2_that_claims_little(folder):
    path = zipped(folder, {"images.npy": bytes(50_000_000)}, zipfile.ZIP_BZIP2)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 50_000_000), struct.pack("<I", 128 + 784)))
    return path


@case(
    "images",
    r"unpacks \d+ bytes to \d+, a ratio that images do not reach",
    "save them unpacked with numpy.savez",
)
def npz_bomb(folder):
    count = 150_000
    return zipped(
        folder,
        {"images.npy": npy((count, 28, 28), payload=bytes(784 * count))},
        zipfile.ZIP_DEFLATED,
    )


@case("images", "unknown keys: '../../images'", "Expected 'images'")
def npz_with_a_path_for_a_key(folder):
    return zipped(folder, {"../../images.npy": npy((1, 28, 28), payload=bytes(784))})


@case("images", "lists far more arrays than a data set has", "Save only `images`")
def npz_of_very_many_arrays(folder):
    return zipped(folder, dict.fromkeys((f"a{i}.npy" for i in range(20_000)), b""))


@case("images", "has the zip format that NumPy uses only above 4 GB", AGAIN)
def npz_of_very_many_arrays_behind_a_small_end(folder):
    content = npz_of_very_many_arrays(folder).read_bytes()
    body, size, place = content[:-22], *struct.unpack("<LL", content[-10:-2])
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 20_000, 20_000, size, place)
    where = struct.pack("<4sLQL", b"PK\6\7", 0, len(body), 1)
    small = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 100, 0, 0)
    return written(folder, "x.npz", body + large + where + small)


@case("data", "62000000 images of 1 x 1 pixels. At most", "images.")
def npz_of_62_million_pixels_of_one(folder):
    many = {"images.npy": npy((62_000_000, 1, 1), payload=bytes(62_000_000))}
    return zipped(folder, many, zipfile.ZIP_DEFLATED)


@case("data", "1 images of 62000000 x 1 pixels. At most 25 million", "images.")
def npz_of_one_long_line(folder):
    line = {"images.npy": npy((1, 1, 62_000_000), payload=bytes(62_000_000))}
    return zipped(folder, line, zipfile.ZIP_DEFLATED)


@case("data", "has words of 3000000 letters", AGAIN)
def npz_of_endless_words(folder):
    members = {
        "images.npy": npy((5, 28, 28), payload=DIGITS.tobytes()),
        "split.npy": npy((5,), "<U3000000", bytes(60_000_000)),
    }
    return zipped(folder, members, zipfile.ZIP_DEFLATED)


@case("images", "holds the same key twice", "")
def npz_with_one_key_twice(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(folder / "x.npz", "w") as archive:
            for name in ("images.npy", "images"):
                archive.writestr(name, npy((1, 28, 28), payload=bytes(784)))
    return folder / "x.npz"


@case("images", "cannot be read as an .npz archive: .*password|encrypted", AGAIN)
def npz_that_is_encrypted(folder):
    path = zipped(folder, {"images.npy": npy((1, 28, 28), payload=bytes(784))})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return written(folder, "x.npz", content)


@case("images", "NaN or infinity in row 3", "Remove or repair that image")
def npz_with_nan(folder):
    array = DIGITS / 255
    array[3, 0, 0] = np.nan
    np.savez(folder / "x.npz", images=array)
    return folder / "x.npz"


@case("images")
def npy_of_whole_numbers(folder):
    np.save(folder / "x.npy", DIGITS.astype(np.int64))
    return folder / "x.npy"


@case("images")
def npy_of_binary_images(folder):
    np.save(folder / "x.npy", DIGITS // 128)
    return folder / "x.npy"


@case("images")
def npy_of_yes_and_no(folder):
    np.save(folder / "x.npy", DIGITS > 127)
    return folder / "x.npy"


@case("images")
def npy_of_another_size(folder):
    np.save(folder / "x.npy", np.zeros((2, 32, 32), np.uint8))
    return folder / "x.npy"


@case("data", r"must have shape \(5,\), one for each image", "")
def npz_with_too_few_labels(folder):
    np.savez(folder / "x.npz", images=DIGITS, labels=np.arange(4))
    return folder / "x.npz"


@case("data", "must be whole numbers or words, got 0.5 in row 1", "Name each class by a number")
def npz_with_labels_that_are_measurements(folder):
    np.savez(folder / "x.npz", images=DIGITS, labels=np.arange(5) / 2)
    return folder / "x.npz"


# --- image files --------------------------------------------------------------------------------


def chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(width, height, rows, *, depth=8, colours=0, before=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    parts = chunk(b"IHDR", head) + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def saved(folder, name, pixels, mode=None, **options):
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(folder / name, **options)
    return folder / name


@case("image", "has far more pixels than the 25 million", "Save it smaller")
def png_of_20000_by_20000(folder):
    rows = zlib.compress(bytes(20_000 * (1 + 2_500)), 1)
    return written(folder, "x.png", png(20_000, 20_000, rows, depth=1))


@case("image", "at most 25 million|more pixels than the 25 million", "Save it smaller")
def png_that_claims_100000_by_100000(folder):
    return written(folder, "x.png", png(10**5, 10**5, zlib.compress(bytes(100))))


@case("image", "at most 25 million|more pixels than the 25 million", "Save it smaller")
def gif_that_claims_65535_by_65535(folder):
    saved(folder, "x.gif", DIGITS[0])
    content = bytearray((folder / "x.gif").read_bytes())
    content[6:10] = b"\xff\xff\xff\xff"
    return written(folder, "x.gif", content)


@case("image", "at most 25 million|more pixels than the 25 million", "Save it smaller")
def jpeg_that_claims_20000_by_20000(folder):
    content = bytearray(saved(folder, "x.jpg", DIGITS[0]).read_bytes())
    place = content.find(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 20_000, 20_000)
    return written(folder, "x.jpg", content)


@case("image", "at most 25 million|more pixels than the 25 million", "Save it smaller")
def bmp_that_claims_20000_by_20000(folder):
    content = bytearray(saved(folder, "x.bmp", DIGITS[0]).read_bytes())
    content[18:26] = struct.pack("<ii", 20_000, 20_000)
    return written(folder, "x.bmp", content)


@case("image", "at most 25 million|more pixels than the 25 million", "Save it smaller")
def pnm_that_claims_20000_by_20000(folder):
    return written(folder, "x.pgm", b"P5 20000 20000 255 " + bytes(100))


@case("image", "cannot be read as an image", PNG)
def png_with_a_bomb_in_its_text(folder):
    text = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(200 << 20), 1))
    return written(folder, "x.png", png(28, 28, zlib.compress(bytes(29 * 28)), before=text))


@case("image", "cannot be read as an image", PNG)
def png_cut_short(folder):
    return written(folder, "x.png", saved(folder, "x.png", DIGITS[0]).read_bytes()[:400])


@case("image", "cannot be read as an image", PNG)
def jpeg_cut_short(folder):
    return written(folder, "x.jpg", saved(folder, "x.jpg", DIGITS[0]).read_bytes()[:300])


@case("image", "is a JPEG of more than 100 scans", PNG)
def jpeg_that_is_drawn_over_and_over(folder):
    content = saved(folder, "x.jpg", DIGITS[0]).read_bytes()
    return written(folder, "x.jpg", content[:-2] + bytes.fromhex("ffda0008010100003f00") * 200)


@case("image", "cannot be read as an image", PNG)
def png_of_no_pixels(folder):
    return written(folder, "x.png", png(0, 0, zlib.compress(b"")))


@case("image", "cannot be read as an image", PNG)
def png_that_is_empty(folder):
    return written(folder, "x.png", b"")


@case("image", "cannot be read as an image", PNG)
def text_renamed_png(folder):
    return written(folder, "x.png", b"Buy milk.\n" * 40)


@case("image", "cannot be read as an image", PNG)
def svg_renamed_png(folder):
    entity = b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    return written(folder, "x.png", entity + b'<svg xmlns="http://www.w3.org/2000/svg">&a;</svg>')


@case("images", "must be an .npz with key 'images', a .npy", ".png")
def svg(folder):
    return written(folder, "x.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>')


@case("image", "cannot be read as an image", PNG)
def pickle_renamed_png(folder):
    return written(folder, "x.png", pickle.dumps(Hostile()))


@case("image", "cannot be read as an image", PNG)
def postscript_renamed_png(folder):
    text = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n(canary) (w) file\n"
    return written(folder, "x.png", text)


@case("image", "cannot be read as an image", PNG)
def gzipped_image(folder):
    content = saved(folder, "x.png", DIGITS[0]).read_bytes()
    return written(folder, "x.png", gzip.compress(content))


@case("image", "more than one frame", "Save the one you mean as a PNG")
def animated_gif(folder):
    frames = [Image.fromarray(digit) for digit in DIGITS]
    frames[0].save(folder / "x.gif", save_all=True, append_images=frames[1:])
    return folder / "x.gif"


@case("image", "more than one frame", "Save the one you mean as a PNG")
def animated_png(folder):
    frames = [Image.fromarray(digit) for digit in DIGITS]
    frames[0].save(folder / "x.png", save_all=True, append_images=frames[1:])
    return folder / "x.png"


@case("image", "32 bits per pixel", "Save it with 8 or 16")
def tiff_of_32_bits(folder):
    return saved(folder, "x.tif", DIGITS[0].astype(np.float32))


@case("image")
def png_of_16_bits(folder):
    return saved(folder, "x.png", DIGITS[0].astype(np.uint16) * 257)


@case("image")
def png_with_transparency(folder):
    return saved(folder, "x.png", np.dstack([DIGITS[0]] * 3 + [DIGITS[1]]))


@case("image")
def jpeg_in_printers_colours(folder):
    return saved(folder, "x.jpg", DIGITS[0], "CMYK")


@case("image")
def png_of_one_pixel(folder):
    return saved(folder, "x.png", np.zeros((1, 1), np.uint8))


@case("image")
def photograph_of_25_megapixels(folder):
    lines = zlib.compress(bytes(5000 * (1 + 4 * 5000)), 1)
    return written(folder, "x.png", png(5000, 5000, lines, colours=6))


@case("image")
def photograph_of_25_megapixels_of_16_bits(folder):
    lines = zlib.compress(bytes(5000 * (1 + 2 * 5000)), 1)
    return written(folder, "x.png", png(5000, 5000, lines, depth=16))


@case("image")
def photograph_of_25_megapixels_lying_on_its_side(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    lines = zlib.compress(bytes(5000 * (1 + 4 * 5000)), 1)
    turned = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    return written(folder, "x.png", png(5000, 5000, lines, colours=6, before=turned))


@case("image", "at most 250 are read", PNG)
def jpeg_with_a_tail_of_three_gigabytes(folder):
    os.truncate(saved(folder, "x.jpg", DIGITS[0]), 3 << 30)
    return folder / "x.jpg"


@case("image", "is a JPEG of more than 100 scans", PNG)
def jpeg_of_a_telephone_that_is_drawn_over_and_over(folder):
    kind = {"format": "MPO", "save_all": True, "append_images": [Image.fromarray(DIGITS[1])]}
    content = saved(folder, "x.jpg", DIGITS[0], **kind).read_bytes()
    scan = content.index(b"\xff\xda")
    again = content[scan : scan + 2] * 200
    return written(folder, "x.jpg", content + again)


@case("image", "at most 25 million", "Save it smaller")
def tiff_of_one_small_corner_of_a_large_tile(folder):
    numbers = {256: 28, 257: 28, 258: 8, 259: 1, 262: 1, 277: 1, 322: 16_000, 323: 16_000}
    tags = [*numbers.items(), (324, 8), (325, 16_000**2)]
    entries = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in sorted(tags))
    start = struct.pack("<2sHL", b"II", 42, 8)
    return written(folder, "x.tif", start + struct.pack("<H", len(tags)) + entries + bytes(4))


@case("image", "stores its pixels as decimal text", PNG)
def pgm_written_in_letters(folder):
    return written(folder, "x.pgm", b"P2 3000 3000 255 " + b"0 " * 9_000_000)


@case("data", r"holds 'caf.udce9', which is not UTF-8", "Rename it")
def folder_with_a_label_that_is_no_text(folder):
    label = os.path.join(os.fsencode(folder), b"caf\xe9")
    os.mkdir(label)
    saved(Path(os.fsdecode(label)), "a.png", DIGITS[0])
    return folder


@case("data", "is a link out of", "Replace it by a copy of the file")
def folder_with_a_link_out_of_it(folder):
    saved(folder, "a.png", DIGITS[0])
    (folder / "b.png").symlink_to("/etc/passwd")
    return folder


@case("data", "is neither a file nor a folder", "Remove it")
def folder_with_a_broken_link(folder):
    saved(folder, "a.png", DIGITS[0])
    (folder / "b.png").symlink_to(folder / "gone.png")
    return folder


@case("data", "lies too deep", "")
def folder_that_holds_itself(folder):
    saved(folder, "a.png", DIGITS[0])
    (folder / "deep").mkdir()
    (folder / "a.png").rename(folder / "deep" / "a.png")
    (folder / "deep" / "again").symlink_to(folder)
    return folder


@case("data", "cannot be read as an image", PNG)
def folder_with_one_bad_image(folder):
    for number in range(9):
        saved(folder, f"{number}.png", DIGITS[0])
    written(folder, "5.png", b"no image")
    return folder


# --- the tests ----------------------------------------------------------------------------------


def opened(path):
    """Open a bundle with its images, and list the folder it lies in."""
    (found,) = list_bundles([path.parent])
    assert found.name == path.name
    bundle = load_bundle(path)
    assert found.error is None
    return bundle.dataset


def read_as_image(path):
    """Read one image as a data set's, an upload's and a command's reader do."""
    normal = Image.MAX_IMAGE_PIXELS
    grey = read_picture(path, channels=1)
    assert Image.MAX_IMAGE_PIXELS == normal
    assert grey.pixels.dtype in (np.uint8, np.uint16)
    if grey.pixels.shape == (28, 28):
        assert np.array_equal(read_images(path)[0, 0].numpy(), in_bytes(grey))
    if len(np.unique(grey.pixels)) > 1:
        assert normalise_digit(grey.pixels).shape == (28, 28)


def in_bytes(grey):
    return as_bytes(grey.pixels, np.iinfo(grey.pixels.dtype).max)


def uploaded(path, *, refused):
    """Hand the same bytes to the page on which a person uploads a photograph."""
    content = path.read_bytes()
    if not refused:
        uploaded, read = read_upload(content, path.name), read_picture(path)
        assert np.array_equal(uploaded.pixels, read.pixels)
        return
    with bounded(MEMORY), pytest.raises(XaiError, match=r"`x\.\w+` .*Save ") as caught:
        read_upload(content, path.name)
    assert str(path.parent) not in str(caught.value)  # where the server keeps it is its own affair


DOORS = {
    "bundle": opened,
    "images": read_images,
    "data": load_dataset,
    "image": read_as_image,
}


@contextmanager
def bounded(memory):
    """Assert that the body takes little time and memory, measured as the system sees it."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, started = status("VmRSS"), time.process_time()
    yield
    seconds, taken = time.process_time() - started, status("VmHWM") - before
    assert seconds < SECONDS or seconds < PACES * pace(), f"{seconds:.1f} s"
    assert taken < memory, f"{taken >> 20} MiB"


def pace():
    """Return the processor's seconds for a fixed sum: how fast this machine is just now."""
    started = time.process_time()
    sum(range(2_000_000))
    return time.process_time() - started


def status(name):
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) << 10


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures as Linux does")
@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_words_or_read(name, folder, tiny_bundle_path):
    case = CASES[name]
    if case.door == "bundle":
        shutil.copytree(tiny_bundle_path, folder, dirs_exist_ok=True)
    path = case.build(folder) or folder
    (folder.parent / CANARY).unlink(missing_ok=True)  # building it may pickle, never unpickle
    with bounded(MEMORY if case.fault else MEMORY_TO_READ):
        if case.fault:
            with pytest.raises(XaiError) as caught:
                DOORS[case.door](path)
        else:
            DOORS[case.door](path)
    if case.door == "image" and path.stat().st_size <= MAX_UPLOAD:
        uploaded(path, refused=bool(case.fault) or path.suffix not in (".png", ".jpg"))
    assert not (folder.parent / CANARY).exists(), "its code was run"
    if case.fault:
        said = str(caught.value)
        assert re.search(case.fault, said), said
        assert case.fix in said, said
        assert "\n" not in said and len(said) < 600
