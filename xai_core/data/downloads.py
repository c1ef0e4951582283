"""MNIST's relatives, downloaded by torchvision to the user's machine and checked when read."""

import gzip
import http.client
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

from jaxtyping import Int64
from torch import Tensor

from .._types import ByteImages
from ..errors import DataError
from .built_in import REMOTE, RemoteSet

__all__ = [
    "RemoteSplit",
    "read_remote",
]

logger = logging.getLogger(__name__)

_NETWORK_ERRORS = (OSError, http.client.HTTPException)
_FILES = 4
"""Files of a data set: images and labels of both splits."""
_LARGEST = 1 << 26
"""Largest unpacked size of one file: 64 MiB; 60,000 images have 47 MB."""
_TIMEOUT = 30.0
"""Seconds to wait for a server's next byte."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RemoteSplit:
    """One split as it was downloaded."""

    images: ByteImages
    labels: Int64[Tensor, " images"]
    class_names: tuple[str, ...]


def read_remote(name: str, root: Path, *, train: bool) -> RemoteSplit:
    """Read one split of a data set of `REMOTE`, downloading it if necessary.

    Args:
        name: A key of `REMOTE`.
        root: Folder for downloads.
        train: Train or test split.

    Raises:
        DataError: If it cannot be downloaded or its files are damaged.
    """
    from torchvision import (
        datasets,
    )  # imported here, because it takes seconds that MNIST does not need

    remote = REMOTE[name]
    variant = {} if remote.variant is None else {"split": remote.variant}
    logger.info("reading %s from %s, downloading it if it is not there", name, root)
    folder = root / remote.factory
    with _report_failures(name, folder), _timeout(_TIMEOUT), _laid_out(root, remote) as place:
        found = getattr(datasets, remote.factory)(place, train=train, download=True, **variant)
    images, labels = found.data, found.targets
    if images.shape[1:] != (28, 28) or len(images) != len(labels):
        raise DataError(_damaged(name, folder, f"images {tuple(images.shape)}"))
    images = images.transpose(1, 2) if remote.transposed else images
    return RemoteSplit(
        images=images.contiguous()[:, None], labels=labels.long(), class_names=tuple(found.classes)
    )


@contextmanager
def _laid_out(root: Path, remote: RemoteSet) -> Iterator[Path]:
    """Yield a folder laid out for torchvision, for files that lie packed in `root` itself.

    Debian packages the files like this, repacked, so torchvision's hashes do not match.
    """
    files = list(root.glob("*-ubyte.gz")) if root.is_dir() else []
    if len(files) < _FILES or (root / remote.factory).is_dir():
        yield root
        return
    with TemporaryDirectory() as folder:
        raw = Path(folder) / remote.factory / "raw"
        raw.mkdir(parents=True)
        for file in files:
            with gzip.open(file) as packed:
                (raw / file.stem).write_bytes(packed.read(_LARGEST))
        yield Path(folder)


@contextmanager
def _report_failures(name: str, folder: Path) -> Iterator[None]:
    """Distinguish a network failure from a half-written file in the message."""
    try:
        yield
    except _NETWORK_ERRORS as error:
        raise DataError(_unreachable(name, folder, error)) from error
    except (RuntimeError, AssertionError, ValueError, TypeError, EOFError, BadZipFile) as error:
        # torchvision wraps its mirrors' errors into a RuntimeError, as torch does for a short file
        if "download" in str(error):
            raise DataError(_unreachable(name, folder, error)) from error
        raise DataError(_damaged(name, folder, type(error).__name__)) from error


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """Set a timeout for server responses; torchvision has no setting for it."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _unreachable(name: str, folder: Path, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1].rstrip(".") if lines else type(error).__name__
    return (
        f"'{name}' could not be downloaded to `{folder}`: {reason}. Connect to the network, or "
        f"copy its files into `{folder / 'raw'}`, or use 'mnist', which needs no network."
    )


def _damaged(name: str, folder: Path, reason: str) -> str:
    return f"'{name}' in `{folder}` is damaged ({reason}). Delete that folder and try again."
