"""What people write about a bundle, in a file beside it: names of clusters, tags of images.

`checkpoints/mnist.notes.json` belongs to `checkpoints/mnist`. It holds the names of clusters of
each model that has stood in that folder, by the model's digest: a model that is trained anew
begins without names, and the names of the one before are kept. Tags belong to the images: they
are kept by the hash of the data set, for every model of it.

Each change is recorded as what it added and what it removed. To undo the last one is to apply its
inverse, so that what others wrote meanwhile stays.
"""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .._text import listed, visible
from ..atomic_write import atomic_write
from ..errors import BundleError, ConfigError, DataError

__all__ = [
    "Change",
    "Draft",
    "Notes",
    "Subject",
    "change_notes",
    "check_name",
    "json_object",
    "notes_file",
    "read_notes",
    "tags_of",
    "undo_last",
]

SCHEMA = 1
LONGEST = 40
"""Largest number of characters of a name."""
MAX_BYTES = 8 << 20
WAIT = 10
"""Seconds to wait for another process that writes."""
PINNED = "pinned"
"""The tag of the images that pages show beside the selected one."""
MOST_TAGS = 100
MOST_TAGGED = 100_000
"""Largest number of images in all tags together."""
MOST_CHANGES = 20
"""Largest number of recorded changes."""

Tags = Mapping[str, tuple[str, ...]]
"""Ids of images by tag, in the order in which they were added."""


@dataclass(frozen=True)
class Change:
    """One change of the notes.

    Attributes:
        key: Tells it from all other changes.
        added: Ids that tags gained.
        removed: Ids that tags lost.
        names: Names that clusters had before and after; None for the automatic name.
    """

    key: str
    added: Tags = field(default_factory=dict)
    removed: Tags = field(default_factory=dict)
    names: Mapping[int, tuple[str | None, str | None]] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """Describe the change, in plain text: "tag 'odd' on 3 images"."""
        one_each = len(self.added) == len(self.removed) == 1
        if one_each and not self.names and [*self.added.values()] == [*self.removed.values()]:
            return f"tag {next(iter(self.removed))!r} renamed {next(iter(self.added))!r}"
        parts = [f"tag {tag!r} on {_images(ids)}" for tag, ids in self.added.items()]
        parts += [f"tag {tag!r} taken from {_images(ids)}" for tag, ids in self.removed.items()]
        for cluster, (_, name) in self.names.items():
            named = "given its automatic name" if name is None else f"named {name!r}"
            parts.append(f"cluster {cluster} {named}")
        rest = len(parts) - 2
        return ", ".join(parts[:2]) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True)
class Notes:
    """What people wrote about one model and its images.

    Attributes:
        cluster_names: Names given to clusters, by cluster; others keep their automatic name.
        tags: Ids of images by tag, `PINNED` first, then by name.
        last_change: The change that `undo_last` would undo; None if there is none.
    """

    cluster_names: Mapping[int, str] = field(default_factory=dict)
    tags: Tags = field(default_factory=dict)
    last_change: Change | None = None


@dataclass(frozen=True)
class Subject:
    """What notes are about.

    Attributes:
        folder: The bundle's folder.
        digest: The bundle's digest, which tells its names from those on other models.
        data: SHA-256 of the data set.
    """

    folder: Path
    digest: str
    data: str


@dataclass
class Draft:
    """The names of clusters and the tags, to be changed."""

    names: dict[int, str]
    tags: dict[str, list[str]]

    def add(self, tag: str, ids: Iterable[str]) -> None:
        """Tag images; those that have the tag already keep their place."""
        if found := list(dict.fromkeys([*self.tags.get(tag, ()), *ids])):
            self.tags[tag] = found

    def remove(self, tag: str, ids: Iterable[str]) -> None:
        """Take a tag from images; a tag without images is gone."""
        gone = set(ids)
        self.tags[tag] = [found for found in self.tags.get(tag, ()) if found not in gone]
        if not self.tags[tag]:
            del self.tags[tag]


def notes_file(folder: Path) -> Path:
    """Return the file of notes on the bundle in a folder; it need not exist."""
    return folder.with_name(f"{folder.name}.notes.json")


def read_notes(subject: Subject, num_clusters: int) -> Notes:
    """Read the notes on a bundle of so many clusters.

    Raises:
        BundleError: If the file is damaged; the message names it.
    """
    path = notes_file(subject.folder)
    draft, changes = _parsed(path, _read(path), subject)
    ordered = sorted(draft.tags, key=lambda tag: (tag != PINNED, tag.casefold(), tag))
    return Notes(
        {c: draft.names[c] for c in sorted(draft.names) if 0 <= c < num_clusters},
        {tag: tuple(draft.tags[tag]) for tag in ordered},
        changes[-1] if changes else None,
    )


def change_notes(subject: Subject, edit: Callable[[Draft], None]) -> Change:
    """Change the notes and record the change; what else the file holds is kept.

    Two processes that write at once wait for each other, so that nothing is lost.

    Args:
        subject: The bundle.
        edit: Changes the current notes; what it raises leaves them as they are.

    Returns:
        What changed.

    Raises:
        BundleError: If the file is damaged, or another process writes for too long.
        ConfigError: If there are too many tags or tagged images.
        DataError: If the file cannot be written.
    """
    with _opened(subject) as (path, found):
        draft, changes = _parsed(path, found, subject)
        before = Draft(dict(draft.names), {tag: list(ids) for tag, ids in draft.tags.items()})
        edit(draft)
        _check_size(draft.tags)
        change = _difference(before, draft)
        if change.added or change.removed or change.names:
            _write(path, found, subject, draft, [*changes, change])
    return change


def undo_last(subject: Subject, key: str | None = None) -> None:
    """Undo the last change by applying its inverse.

    Args:
        subject: The bundle.
        key: Key of the change that is meant; None for whichever is the last.

    Raises:
        BundleError: If the file is damaged, or another process writes for too long.
        ConfigError: If there is nothing to undo, or the change meant is not the last any more.
        DataError: If the file cannot be written.
    """
    with _opened(subject) as (path, found):
        draft, changes = _parsed(path, found, subject)
        if not changes:
            raise ConfigError("There is no change of the notes to undo.")
        *earlier, last = changes
        if key is not None and last.key != key:
            raise ConfigError(
                f"The notes were changed once more meanwhile: {last.words}. Nothing was undone; "
                "undo again to undo that change."
            )
        for tag, ids in last.added.items():
            draft.remove(tag, ids)
        for tag, ids in last.removed.items():
            draft.add(tag, ids)
        for cluster, (name_before, name_after) in last.names.items():
            if draft.names.get(cluster) == name_after:
                draft.names.pop(cluster, None)
                if name_before is not None:
                    draft.names[cluster] = name_before
        _write(path, found, subject, draft, earlier)


def check_name(name: str, what: str = "A cluster's name") -> str:
    """Return a name without spaces around it.

    Args:
        name: The name.
        what: What it names, for the message.

    Raises:
        ConfigError: If it has no visible character, a line break, or is too long.
    """
    short = name.strip()
    if not short.isprintable() or visible(short) != short or len(short) > LONGEST:
        raise ConfigError(
            f"{what} has 1 to {LONGEST} visible characters in one line, got {name!r:.60}."
        )
    return short


def tags_of(written: Any) -> dict[str, list[str]]:  # noqa: ANN401
    """Return the tags that a JSON object holds, each id once.

    Raises:
        ConfigError: If a name cannot be a tag's, or there are too many.
        DataError: If an id is none.
        ValueError: If the object has another form.
    """
    from ..data.dataset import parse_id

    if not isinstance(written, dict):
        raise ValueError("the tags are no object")
    tags = {}
    for name, ids in written.items():
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise ValueError(f"the tag {name!r:.60} holds no list of ids")
        for image_id in ids:
            parse_id(image_id)
        tags[check_name(name, "A tag's name")] = list(dict.fromkeys(ids))
    _check_size(tags)
    return tags


def json_object(text: bytes) -> dict[str, Any]:
    """Return the object that a JSON text holds.

    Raises:
        ValueError: If it is too large, damaged, or no object.
    """
    if len(text) > MAX_BYTES:
        raise ValueError("it is too large")
    try:
        found = json.loads(text.decode())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


@contextmanager
def _opened(subject: Subject) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Lock the file of notes, and yield its path and content."""
    path = notes_file(subject.folder)
    lock = path.with_name(f".{path.name}.lock")
    try:
        with FileLock(lock, timeout=WAIT):
            yield path, _read(path)
    except Timeout as error:
        raise BundleError(
            f"Another process has been writing `{path}` for {WAIT} seconds. Try again; if none "
            f"runs, remove `{lock}`."
        ) from error
    except OSError as error:
        raise BundleError(
            f"Cannot write beside the bundle: `{path.parent}`: {error.strerror or error}. Copy "
            "the bundle to a folder that can be written, and open it there."
        ) from error


def _read(path: Path) -> dict[str, Any]:
    """Read a file of notes; without one, return an empty one."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _damaged(path, "it is too large")
        found = json_object(path.read_bytes())
    except FileNotFoundError:
        return {"schema": SCHEMA, "models": {}}
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if found.get("schema") != SCHEMA and isinstance(found.get("models"), dict):
        raise BundleError(
            f"`{path}` was written by another version: its schema is {found.get('schema')!r:.20}, "
            f"this version reads {SCHEMA}. Update cluster-vae-xai, or move the file away."
        )
    for section in (found.get("models"), found.setdefault("data", {})):
        if not isinstance(section, dict) or not all(isinstance(n, dict) for n in section.values()):
            raise _damaged(path, "the notes on a model or a data set are no object")
    return found


def _parsed(path: Path, found: dict[str, Any], subject: Subject) -> tuple[Draft, list[Change]]:
    """Return the notes on a bundle, and the recorded changes, oldest first."""
    of_model = found["models"].get(subject.digest, {})
    try:
        names = of_model.get("cluster_names", {}).items()
        draft = Draft(
            {int(c): check_name(name) for c, name in names},
            tags_of(found.get("data", {}).get(subject.data, {}).get("tags", {})),
        )
        return draft, [_change(one) for one in of_model.get("changes", [])]
    except (AttributeError, ConfigError, DataError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _change(written: dict[str, Any]) -> Change:
    added, removed = (
        {tag: tuple(ids) for tag, ids in tags_of(written[side]).items()}
        for side in ("added", "removed")
    )
    names = {}
    for cluster, (before, after) in written["names"].items():
        named = [None if name is None else check_name(name) for name in (before, after)]
        names[int(cluster)] = (named[0], named[1])
    return Change(str(written["key"]), added, removed, names)


def _difference(before: Draft, after: Draft) -> Change:
    clusters = sorted({*before.names, *after.names})
    return Change(
        secrets.token_hex(8),
        _missing(after.tags, before.tags),
        _missing(before.tags, after.tags),
        {
            c: (before.names.get(c), after.names.get(c))
            for c in clusters
            if before.names.get(c) != after.names.get(c)
        },
    )


def _missing(some: Mapping[str, list[str]], others: Mapping[str, list[str]]) -> Tags:
    """Return what `some` holds and `others` do not."""
    found = {}
    for tag, ids in some.items():
        known = set(others.get(tag, ()))
        if new := tuple(image_id for image_id in ids if image_id not in known):
            found[tag] = new
    return found


def _write(
    path: Path, found: dict[str, Any], subject: Subject, draft: Draft, changes: list[Change]
) -> None:
    room, kept = MOST_TAGGED, list[Change]()
    for change in reversed(changes[-MOST_CHANGES:]):  # the last one always, older ones if small
        room -= sum(len(ids) for part in (change.added, change.removed) for ids in part.values())
        if kept and room < 0:
            break
        kept.insert(0, change)
    of_model = found["models"].setdefault(subject.digest, {})
    of_model["cluster_names"] = draft.names
    of_model["changes"] = [vars(change) for change in kept]
    found.setdefault("data", {}).setdefault(subject.data, {})["tags"] = draft.tags
    with atomic_write(path) as file:
        file.write(json.dumps(found, indent=1, ensure_ascii=False).encode())


def _check_size(tags: Mapping[str, list[str]]) -> None:
    if len(tags) > MOST_TAGS:
        raise ConfigError(f"There may be {MOST_TAGS} tags, got {len(tags)}. Remove some first.")
    count = sum(map(len, tags.values()))
    if count > MOST_TAGGED:
        largest = sorted(tags, key=lambda tag: len(tags[tag]), reverse=True)
        raise ConfigError(
            f"All tags together may hold {MOST_TAGGED:,} images, got {count:,}. Tag fewer images, "
            f"or remove a large tag: {listed(largest, 3)}."
        )


def _images(ids: tuple[str, ...]) -> str:
    return ids[0] if len(ids) == 1 else f"{len(ids):,} images"


def _damaged(path: Path, why: str) -> BundleError:
    return BundleError(
        f"The notes `{path}` cannot be read: {why}. Mend the file, or move it away to go on "
        "without the names and tags in it."
    )
