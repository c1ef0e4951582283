"""Arrays from untrusted files.

A header is checked against the file's actual size before memory is allocated, and nothing is ever
unpickled.
"""

import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8

from ..._text import listed
from ...errors import DataError

__all__ = [
    "MAX_BYTES",
    "read_idx",
    "read_npy",
    "read_npz",
    "report_damage",
]

MAX_BYTES = 2 << 30
"""The largest array, or sum of arrays in one file, that is read: 2 GiB."""

_BELIEVED = 64 << 20
"""Unpacked size that any archive may have: 64 MiB."""
_MAX_RATIO = 200
"""Largest compression ratio of larger archives; digits reach 10."""
_MAX_HEADER = 1 << 16
"""Largest size of a .npy header in bytes; numpy itself accepts 10,000."""
_END_AT_MOST = 22 + 0xFFFF
"""Largest size of the last record of a zip, including its comment, in bytes."""
_MAX_DIRECTORY = 1 << 16
"""Largest size of a zip's directory in bytes; a data set has about 200."""
_MAX_WORD = 1000
"""Largest length of a text."""
_SAVE_AGAIN = "Save it again with numpy.save or numpy.savez."
_REINSTALL = "It is part of the package: restore it (`git checkout xai_core/data/mnist`)."
_HEADER_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@contextmanager
def report_damage(path: Path, kind: str, fix: str) -> Iterator[None]:
    """Turn any exception of a decoder on a damaged file into a `DataError` that names the file.

    Decoders raise almost any exception on hostile bytes, so wrap library calls only.

    Args:
        path: The file that is being read.
        kind: Expected kind of file, with an article: "an image".
        fix: Sentence that tells the user what to do.

    Raises:
        DataError: In place of any other exception of the body.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise DataError(f"`{path}` cannot be read as {kind}: {reason}. {fix}") from error


def read_npy(path: Path) -> np.ndarray:
    """Read one array of numbers or text from a .npy file.

    Args:
        path: The file.

    Returns:
        The array, of any shape.

    Raises:
        DataError: If the file is damaged, truncated or holds Python objects.
    """
    with report_damage(path, "a .npy array", _SAVE_AGAIN), path.open("rb") as file:
        return _read_array(file, path.stat().st_size, str(path))


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an .npz file by their keys.

    Raises:
        DataError: If the file is damaged, too large, holds Python objects, or a key twice.
    """
    _check_directory(path)
    with report_damage(path, "an .npz archive", _SAVE_AGAIN), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        keys = [_key(member) for member in members]
        if len(set(keys)) != len(keys):
            raise DataError(f"`{path}` holds the same key twice: {listed(keys)}.")
        if any(m.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for m in members):
            raise DataError(
                f"`{path}` is compressed by a method that NumPy does not use. {_SAVE_AGAIN}"
            )
        claimed = sum(member.file_size for member in members)
        if claimed > MAX_BYTES:
            raise DataError(_too_large(str(path), claimed))
        packed = sum(member.compress_size for member in members)
        if claimed > _BELIEVED + _MAX_RATIO * packed:
            raise DataError(
                f"`{path}` unpacks {packed} bytes to {claimed}, a ratio that images do not reach. "
                "If this is intended, save them unpacked with numpy.savez."
            )
        arrays = {}
        for member in members:
            with archive.open(member) as file:
                name = f"{path}: {_key(member)}"
                arrays[_key(member)] = _read_array(file, member.file_size, name)
    return arrays


def read_idx(path: Path, *, shape: tuple[int, ...], md5: str) -> UInt8[np.ndarray, "..."]:
    """Read a gzipped IDX file of bytes and check its hash.

    Args:
        path: The .gz file.
        shape: Shape of the array; no further bytes are unpacked.
        md5: Hex MD5 of the unpacked file, header included.

    Returns:
        A writable array of that shape.

    Raises:
        DataError: If the file is missing, damaged, or has another hash.
    """
    header = 4 + 4 * len(shape)
    if not path.is_file():
        raise DataError(f"`{path}` is missing. {_REINSTALL}")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS + 16)  # including header and trailer of gzip
    with report_damage(path, "a gzipped IDX file", _REINSTALL):
        content = stream.decompress(path.read_bytes(), header + math.prod(shape) + 1)
        content += stream.unused_data  # an intact file has none
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"`{path}` is damaged: its MD5 is {found}, expected {md5}. {_REINSTALL}")
    return np.frombuffer(bytearray(content), np.uint8, offset=header).reshape(shape)


def _check_directory(path: Path) -> None:
    """Raise an error for an archive whose directory alone would take long to read.

    The last record of a zip, before any comment, holds the size of the directory; a preceding
    zip64 record may hold a larger size.
    """
    with report_damage(path, "an .npz archive", _SAVE_AGAIN), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_AT_MOST))
        end = file.read()
        plain = end[-22:-18] == b"PK\5\6" and end[-2:] == b"\0\0"
        start = len(end) - 22 if plain else end.rfind(b"PK\5\6")
        length = int.from_bytes(end[start + 12 : start + 16], "little") if start >= 0 else 0
        if end[: max(start, 0)][-20:].startswith(b"PK\6\7"):
            raise DataError(
                f"`{path}` has the zip format that NumPy uses only above 4 GB. {_SAVE_AGAIN}"
            )
        if length > _MAX_DIRECTORY:
            raise DataError(
                f"`{path}` lists far more arrays than a data set has. Save only `images` and, if "
                "present, `labels` and `split`, with numpy.savez."
            )


def _key(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _read_array(file: io.BufferedIOBase | IO[bytes], size: int, name: str) -> np.ndarray:
    """Check the header of one .npy stream of `size` bytes, then read it."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADER_READERS:
        raise DataError(f"`{name}` has .npy version {version}; save it again with numpy.save.")
    _check_header_length(file, version, name)
    shape, _, dtype = _HEADER_READERS[version](file)
    if dtype.kind not in "biufUS" or not dtype.itemsize:
        raise DataError(
            f"`{name}` has type {dtype}, expected numbers or text; Python objects are never "
            "unpickled. Save it again, images with .astype(numpy.uint8), words with .astype(str)."
        )
    letters = dtype.itemsize // (4 if dtype.kind == "U" else 1)
    if dtype.kind in "US" and letters > _MAX_WORD:
        raise DataError(f"`{name}` has words of {letters} letters. {_SAVE_AGAIN}")
    needed = math.prod(shape) * dtype.itemsize
    if needed > MAX_BYTES:
        raise DataError(_too_large(name, needed))
    if min(shape, default=0) < 0 or needed > size - file.tell():
        raise DataError(
            f"`{name}` is cut short: its header claims shape {shape} of {dtype}, {needed} bytes, "
            f"and {size - file.tell()} are there."
        )
    file.seek(0)
    array = np.lib.format.read_array(file, allow_pickle=False)
    return np.strings.decode(array, "utf-8") if dtype.kind == "S" else array


def _check_header_length(file: io.BufferedIOBase | IO[bytes], version: tuple, name: str) -> None:
    """Raise an error for a long header, which NumPy would read into memory before checking it."""
    start = file.tell()
    length = int.from_bytes(file.read(2 if version == (1, 0) else 4), "little")
    file.seek(start)
    if length > _MAX_HEADER:
        raise DataError(
            f"`{name}` has a header of {length} bytes, at most {_MAX_HEADER} are read. "
            f"{_SAVE_AGAIN}"
        )


def _too_large(name: str, num_bytes: int) -> str:
    return (
        f"`{name}` claims {num_bytes / 2**30:.1f} GiB, at most {MAX_BYTES >> 30} GiB are read. "
        "Save the images as uint8, or fewer of them."
    )
