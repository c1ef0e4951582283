"""Folders of images in a .zip, unpacked for as long as they are read."""

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ..._text import listed
from ...errors import DataError
from .arrays import MAX_BYTES, report_damage
from .folders import IMAGE_SUFFIXES

__all__ = ["unpacked"]

MAX_FILES = 1_000_000
_ZIP_AGAIN = "Zip the folder of the images again."


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield a temporary folder with the images of a .zip; errors of the body name the .zip.

    Hidden files and those of macOS are ignored. If all images lie in one folder that holds
    further folders, that folder is yielded.

    Args:
        path: The .zip.

    Raises:
        DataError: If it is damaged, encrypted or too large, holds no images, or a name that leads
            out of it.
    """
    with TemporaryDirectory(prefix="xai-zip-") as made:
        root = Path(made) / path.stem
        try:
            with report_damage(path, "a .zip", _ZIP_AGAIN), zipfile.ZipFile(path) as archive:
                _extract(archive, root, path)
            yield _without_shell(root)
        except DataError as error:
            raise DataError(str(error).replace(str(root), str(path))) from error


def _extract(archive: zipfile.ZipFile, root: Path, path: Path) -> None:
    members = [m for m in archive.infolist() if not m.is_dir() and not _is_hidden(m.filename)]
    images = [m for m in members if PurePosixPath(m.filename).suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        held = listed([member.filename for member in members]) or "nothing"
        raise DataError(f"`{path}` holds no images, but {held}. {_ZIP_AGAIN}")
    size = sum(member.file_size for member in images)
    if len(images) > MAX_FILES or size > MAX_BYTES:
        raise DataError(
            f"`{path}` unpacks to {len(images):,} images of {size:,} bytes, more than "
            f"{MAX_FILES:,} or {MAX_BYTES:,}. Unpack it, and give the folder."
        )
    for member in images:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(
                f"`{path}` holds {member.filename!r:.80}, which leads out of it. {_ZIP_AGAIN}"
            )
        if member.flag_bits & 1:
            raise DataError(f"`{path}` is encrypted. Unpack it, and give the folder.")
        target = root.joinpath(*name.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as packed, target.open("xb") as file:
            file.write(packed.read(member.file_size + 1))


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)


def _without_shell(root: Path) -> Path:
    """Return the folder inside if it is alone and holds folders, as in a zip of a folder."""
    inside = list(root.iterdir())
    alone = len(inside) == 1 and inside[0].is_dir()
    return inside[0] if alone and any(entry.is_dir() for entry in inside[0].iterdir()) else root
