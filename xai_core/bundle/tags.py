"""Tags of a bundle's images: names that people give to sets of images, kept in its notes.

A collection of images is a tag, and so are the pinned images (`notes.PINNED`). Tags belong to the
data set: they stay when its model is trained anew, and can be exported to other models of it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from .._arguments import checked
from .._text import listed
from .._version import __version__
from ..data.dataset import parse_id
from ..errors import ConfigError, DataError
from .notes import Draft, change_notes, check_name, json_object, tags_of, undo_last
from .reading import Bundle

__all__ = [
    "ImportedNotes",
    "export_notes",
    "import_notes",
    "rename_tag",
    "tag_images",
    "undo_notes",
    "untag_images",
]

FORMAT = "notes of cluster-vae-xai"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class ImportedNotes:
    """What an import brought.

    Attributes:
        bundle: The bundle with all notes that are in its file now.
        tagged: Number of images that gained a tag, counted once per tag.
        named: Clusters that were named.
        left_out: What was left out and why, in sentences.
    """

    bundle: Bundle
    tagged: int
    named: tuple[int, ...]
    left_out: tuple[str, ...]


@checked
def tag_images(bundle: Bundle, name: str, ids: Sequence[str]) -> Bundle:
    """Give images a tag, in the file of notes beside the bundle.

    Args:
        bundle: A saved bundle.
        name: The tag, of 1 to 40 characters; "pinned" pins the images.
        ids: The images, such as `["test:123"]`; those that have the tag keep it.

    Returns:
        The bundle with all notes that are in the file now; it shares everything else.

    Raises:
        BundleError: If the notes are damaged or cannot be written.
        ConfigError: If the name cannot be a tag's, there are too many tags or tagged images, or
            the bundle is not saved.
        DataError: If an id is not of the bundle's data set, or there is no room to write.
    """
    tag = check_name(name, "A tag's name")
    _check_ids(bundle, ids)
    if ids:
        change_notes(bundle.noted, lambda draft: draft.add(tag, ids))
    return bundle.with_notes()


@checked
def untag_images(bundle: Bundle, name: str, ids: Sequence[str] | None = None) -> Bundle:
    """Take a tag from images; a tag without images is gone.

    Args:
        bundle: A saved bundle.
        name: The tag.
        ids: The images; None for all, which removes the tag.

    Returns:
        The bundle with all notes that are in the file now; it shares everything else.

    Raises:
        BundleError: If the notes are damaged or cannot be written.
        ConfigError: If there is no such tag, or the bundle is not saved.
    """

    def edit(draft: Draft) -> None:
        found = _known(draft, name)
        draft.remove(name, found if ids is None else ids)

    change_notes(bundle.noted, edit)
    return bundle.with_notes()


@checked
def rename_tag(bundle: Bundle, name: str, new_name: str) -> Bundle:
    """Rename a tag.

    Args:
        bundle: A saved bundle.
        name: The tag.
        new_name: Its new name, which no tag has yet.

    Returns:
        The bundle with all notes that are in the file now; it shares everything else.

    Raises:
        BundleError: If the notes are damaged or cannot be written.
        ConfigError: If there is no such tag, the new name is taken or cannot be a tag's, or the
            bundle is not saved.
    """
    short = check_name(new_name, "A tag's name")

    def edit(draft: Draft) -> None:
        _known(draft, name)
        if short != name and short in draft.tags:
            raise ConfigError(f"There is a tag {short!r} already. Choose another name.")
        draft.tags[short] = draft.tags.pop(name)

    change_notes(bundle.noted, edit)
    return bundle.with_notes()


@checked
def undo_notes(bundle: Bundle, change: str | None = None) -> Bundle:
    """Undo the last change of a bundle's notes: of tags, or of a cluster's name.

    Only what that change added is removed, and only what it removed is added again.

    Args:
        bundle: A saved bundle.
        change: `bundle.notes.last_change.key`, to undo this change and no later one; None for
            whichever is the last.

    Returns:
        The bundle with all notes that are in the file now; it shares everything else.

    Raises:
        BundleError: If the notes are damaged or cannot be written.
        ConfigError: If there is nothing to undo, another change was made since, or the bundle is
            not saved.
    """
    undo_last(bundle.noted, change)
    return bundle.with_notes()


@checked
def export_notes(bundle: Bundle) -> str:
    """Return a bundle's notes with their provenance, as JSON for `import_notes`."""
    data = bundle.manifest.dataset
    return json.dumps(
        {
            "format": FORMAT,
            "schema": SCHEMA,
            "model": {"name": bundle.name, "digest": bundle.digest},
            "data_set": {"name": data.name, "sha256": data.sha256},
            "made_by": f"cluster-vae-xai {__version__}",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "cluster_names": bundle.notes.cluster_names,
            "tags": bundle.notes.tags,
        },
        indent=1,
        ensure_ascii=False,
    )


@checked
def import_notes(bundle: Bundle, text: str | bytes) -> ImportedNotes:
    """Add exported notes to a bundle's own, of which none are lost.

    Tags gain the images that they lack. Names of clusters are taken if they are of the same
    model, for clusters that nobody named here.

    Args:
        bundle: A saved bundle of the data set that the notes are about.
        text: What `export_notes` returned.

    Raises:
        BundleError: If the bundle's own notes are damaged or cannot be written.
        ConfigError: If there are too many tags or tagged images, or the bundle is not saved.
        DataError: If the text is no export of notes, or is about other images.
    """
    tags, names, digest = _read_export(bundle, text.encode() if isinstance(text, str) else text)
    same_model = digest == bundle.digest

    def edit(draft: Draft) -> None:
        for tag, ids in tags.items():
            draft.add(tag, ids)
        for cluster, name in names.items() if same_model else ():
            draft.names.setdefault(cluster, name)

    change = change_notes(bundle.noted, edit)
    after = bundle.with_notes()
    left_out = []
    if names and not same_model:
        left_out.append("The names of clusters were left out: they are of another model.")
    for cluster, name in names.items() if same_model else ():
        if (kept := after.notes.cluster_names.get(cluster)) not in (name, None):
            left_out.append(f"Cluster {cluster} keeps its name {kept!r}, not {name!r}.")
    return ImportedNotes(
        bundle=after,
        tagged=sum(map(len, change.added.values())),
        named=tuple(change.names),
        left_out=tuple(left_out),
    )


def _read_export(
    bundle: Bundle, text: bytes
) -> tuple[dict[str, list[str]], dict[int, str], object]:
    """Return the tags, the names of clusters and the model's digest of an export."""
    try:
        found = json_object(text)
        if found.get("format") != FORMAT:
            raise ValueError("it is no export of notes")
        data, model, schema = found["data_set"], found["model"], found["schema"]
        if schema == SCHEMA and data["sha256"] == bundle.manifest.dataset.sha256:
            tags = tags_of(found["tags"])
            named = {int(c): check_name(name) for c, name in found["cluster_names"].items()}
            clusters = bundle.model.config.num_clusters
            names = {c: name for c, name in named.items() if c in range(clusters)}
            _check_ids(bundle, [image_id for ids in tags.values() for image_id in ids])
            return tags, names, model["digest"]
        called = data["name"]
    except (AttributeError, ConfigError, DataError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The file cannot be imported: {_reason(error)}. Export the notes once more: "
            "`xai notes NAME --export FILE`."
        ) from error
    if schema != SCHEMA:
        raise DataError(
            f"The notes were exported by another version: their schema is {schema!r:.20}, this "
            f"version reads {SCHEMA}. Update cluster-vae-xai."
        )
    raise DataError(
        f"The notes are about images of {called!r:.60}, which are not those of '{bundle.name}'. "
        f"Import them into a model of the same images."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, AttributeError | TypeError):
        return "a part of it has another form"
    return str(error).rstrip(".")


def _known(draft: Draft, name: str) -> list[str]:
    """Return the images that have a tag."""
    if name not in draft.tags:
        there = f"There are {listed(sorted(draft.tags))}." if draft.tags else "There are none yet."
        raise ConfigError(f"There is no tag {name!r:.60}. {there}")
    return draft.tags[name]


def _check_ids(bundle: Bundle, ids: Sequence[str]) -> None:
    card = bundle.manifest.dataset
    counts = {"train": card.num_train, "test": card.num_test}
    for image_id in ids:
        split, row = parse_id(image_id)
        if row >= counts[split]:
            raise DataError(
                f"There is no image '{image_id}' in '{card.name}', which has train:0 to "
                f"train:{counts['train'] - 1} and test:0 to test:{counts['test'] - 1}."
            )
