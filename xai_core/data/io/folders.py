"""Find the files, labels and splits in a folder of images.

    folder/*.png                      no labels
    folder/LABEL/*.png                one sub-folder per label
    folder/{train,test}/...           either of the two in each split;
                                      also Training, Testing, val, validation and so on

No file is opened here. Hidden files are ignored, other files that are not images are listed in
`notes`, and links that lead out of the folder raise an error.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ..._text import is_text, listed
from ...errors import DataError
from .split_names import held_out, part_of

__all__ = ["IMAGE_SUFFIXES", "FolderFiles", "Listing", "list_folder", "scan_folder"]

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
    *(".pbm", ".pgm", ".ppm"),
)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The entries of one folder, each kind sorted by name."""

    images: tuple[Path, ...]
    folders: tuple[Path, ...]
    others: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class FolderFiles:
    """The images of a folder in a fixed order, with labels and splits from the folder names."""

    files: tuple[Path, ...]
    class_names: tuple[str, ...]
    """Sub-folder names, sorted; empty without labels."""
    labels: tuple[int, ...] | None
    in_test: tuple[bool, ...] | None
    """None if the folders name no split."""
    notes: tuple[str, ...]
    """Files left out and parts merged, in sentences."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    file: Path
    label: str | None
    in_test: bool | None


def list_folder(folder: Path, root: Path) -> Listing:
    """List a folder; entries that lead out of `root` raise an error.

    Args:
        folder: The folder to list.
        root: The folder the user named; links may not lead out of it.

    Raises:
        DataError: If an entry is a link out of `root`, a broken link or a device, or if the
            folder cannot be read.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"`{folder}` cannot be listed: {error.strerror}.") from error
    real_root = os.path.realpath(root)
    for entry in entries:
        if not is_text(entry.name):
            raise DataError(f"`{folder}` holds {entry.name!a}, which is not UTF-8. Rename it.")
        if entry.is_symlink() and not Path(os.path.realpath(entry)).is_relative_to(real_root):
            raise DataError(
                f"`{entry}` is a link out of `{root}`. Replace it by a copy of the file."
            )
        if not entry.is_file() and not entry.is_dir():
            raise DataError(f"`{entry}` is neither a file nor a folder. Remove it.")
    files = [entry for entry in entries if entry.is_file()]
    return Listing(
        images=tuple(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES),
        folders=tuple(entry for entry in entries if entry.is_dir()),
        others=tuple(file for file in files if file.suffix.lower() not in IMAGE_SUFFIXES),
    )


def scan_folder(root: Path) -> FolderFiles:
    """Find the images of a data set and their labels by the names of the folders.

    Args:
        root: The data set's folder.

    Returns:
        Files, labels and split, in an order that depends only on names.

    Raises:
        DataError: If a folder is empty, images lie beside sub-folders or too deep, or only one of
            `train` and `test` exists.
    """
    top = list_folder(root, root)
    entries: list[_Entry] = []
    left_out = list(top.others)
    splits = _splits(top, root)
    for folder, in_test in splits:
        part = list_folder(folder, root)
        left_out += part.others
        entries += _scan_labels(part, folder, root, left_out, in_test=in_test)
    if not splits:
        entries = _scan_labels(top, root, root, left_out, in_test=None)
    notes = []
    if len(splits) == 3:
        notes.append("The validation images were added to the train images.")
    if left_out:
        notes.append(f"Left out, not being images: {listed([file.name for file in left_out])}.")
    return _numbered(entries, tuple(notes), root)


def _splits(top: Listing, root: Path) -> list[tuple[Path, bool]]:
    """Return the folders of the splits and whether each is for test; empty without a split.

    A single "train" among other folders is a label.
    """
    named = {folder: part for folder in top.folders if (part := part_of(folder.name))}
    parts = list(named.values())
    test = held_out(parts)
    if test is None and not (named and len(named) == len(top.folders)):
        return []
    rest = [entry.name for entry in (*top.folders, *top.images) if entry not in named]
    names = listed([folder.name for folder in named])
    if test is None:
        missing = "train" if "train" not in parts else "test"
        raise DataError(
            f"`{root}` has {names} but no '{missing}'. Add it, or name the folder "
            f"`{next(iter(named))}`, which is then split."
        )
    if rest:
        raise DataError(f"`{root}` has {listed(rest)} beside {names}. Move them out of it.")
    if len(set(parts)) < len(parts):
        raise DataError(f"`{root}` has several folders of one split: {names}. Join them.")
    order = ("train", "validation", "test")
    return sorted(
        ((folder, test[part]) for folder, part in named.items()),
        key=lambda pair: order.index(named[pair[0]]),
    )


def _scan_labels(
    listing: Listing, folder: Path, root: Path, left_out: list[Path], *, in_test: bool | None
) -> list[_Entry]:
    """Return the images of one split; adds to `left_out` what is not an image."""
    if listing.folders and listing.images:
        raise DataError(
            f"`{folder}` has images ({listed([file.name for file in listing.images])}) beside "
            "sub-folders. Put each into the sub-folder of its label, or use no sub-folders."
        )
    if not listing.folders:
        _check_not_empty(listing, folder)
        return [_Entry(file=file, label=None, in_test=in_test) for file in listing.images]
    entries = []
    for label_folder in listing.folders:
        inside = list_folder(label_folder, root)
        if inside.folders:
            alone = len(listing.folders) == 1 and in_test is None
            fix = f"Give `{label_folder}` itself." if alone else "Move its images up, or it away."
            raise DataError(
                f"`{inside.folders[0]}` lies too deep: `{label_folder}` is a label and may hold "
                f"images only. {fix}"
            )
        _check_not_empty(inside, label_folder)
        left_out += inside.others
        for file in inside.images:
            entries.append(_Entry(file=file, label=label_folder.name, in_test=in_test))
    return entries


def _check_not_empty(listing: Listing, folder: Path) -> None:
    if not listing.images:
        found = f"Found {listed([file.name for file in listing.others]) or 'nothing'}. "
        raise DataError(
            f"`{folder}` holds no images. {found}Images end in {', '.join(IMAGE_SUFFIXES)}."
        )


def _numbered(entries: list[_Entry], notes: tuple[str, ...], root: Path) -> FolderFiles:
    """Replace label names by their index among the sorted names."""
    names = {entry.label for entry in entries if entry.label is not None}
    if names and any(entry.label is None for entry in entries):
        raise DataError(f"`{root}`: only some of its splits have a sub-folder for each label.")
    class_names = tuple(sorted(names))
    number = {name: label for label, name in enumerate(class_names)}
    labels = tuple(number[entry.label] for entry in entries if entry.label is not None)
    flags = tuple(entry.in_test for entry in entries if entry.in_test is not None)
    return FolderFiles(
        files=tuple(entry.file for entry in entries),
        class_names=class_names,
        labels=labels if class_names else None,
        in_test=flags or None,
        notes=notes,
    )
