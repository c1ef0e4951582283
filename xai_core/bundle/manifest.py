"""The manifest of a bundle: its data, settings and scores, and the hash of each file."""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from .._text import listed, visible
from ..data.preprocessing_config import Preprocessing
from ..errors import BundleError, ConfigError
from ..image_spec import ImageSpec
from .migrations import VERSION, is_newer, migrate

__all__ = [
    "FORM",
    "KNOWN_FILES",
    "MANIFEST",
    "DatasetCard",
    "Manifest",
    "check_hashes",
    "damaged_bundle",
    "file_entry",
    "is_bundle_name",
    "read_manifest",
    "readable",
    "regular_file",
    "sealed",
    "sized_files",
]

MANIFEST = "manifest.json"
SEAL = "sha256"
"""Field that holds the SHA-256 of all other fields, as compact JSON with sorted keys."""
REQUIRED_FILES = ("model.safetensors", "index.parquet", "history.parquet")
KNOWN_FILES = (
    *REQUIRED_FILES,
    "classifier.safetensors",
    "critic.safetensors",
    "images.safetensors",
    "replay.parquet",
)
"""Files that a manifest may list; a new part of a bundle is added here."""
MAX_BYTES = 1 << 22
"""The largest manifest that is read: 4 MiB."""
LARGEST = 1e18
"""Largest absolute value of a number in a manifest."""
MAP_METRICS = {"trustworthiness", "continuity", "n_neighbors", "sample"}
DEEPEST = 20
"""Largest nesting depth of objects and lists in a manifest."""
MOST_CLASSES = 10_000
MOST_COLUMNS = 1_000
PACKAGED_IMAGES = 70_000
"""SHA-256 of MNIST, the only data set that a bundle need not contain."""
FORM = ("channels", "height", "width")
"""Fields of `Preprocessing` that describe the form of the images."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VALUES_OF: dict[str, type | tuple[type, ...]] = {
    str(dict[str, str]): str,
    str(dict[str, int | float]): (int, float),
    str(dict[str, dict[str, Any]]): dict,
}
"""Types of the values of a JSON object, by the annotation of the field."""


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """The data set of a bundle.

    Attributes:
        name: "mnist", or the folder's or file's name.
        sha256: SHA-256 of images and labels, as `Dataset.sha256`.
        num_train: Train images.
        num_test: Test images.
        class_names: The name of each label; empty without labels.
        source: Its authors and licence, or the path it was read from.
        report: What was done to the images, in sentences.
        own_images: Whether the bundle contains the images; otherwise they are package data.
        image: Their form: the fields of `ImageSpec`.
        preprocessing: How they were read: the fields of `Preprocessing` except those of the form.
        columns: The user's own columns, see `own_columns.OWN`.
    """

    name: str
    sha256: str
    num_train: int
    num_test: int
    class_names: tuple[str, ...]
    source: str
    report: tuple[str, ...]
    own_images: bool
    image: dict[str, Any]
    preprocessing: dict[str, Any]
    columns: tuple[str, ...]

    @property
    def spec(self) -> ImageSpec:
        """Return the form of the images."""
        return ImageSpec(**self.image)

    @property
    def reading(self) -> Preprocessing:
        """Return how the images were read."""
        form = {name: getattr(self.spec, name) for name in FORM}
        return Preprocessing(**form, **self.preprocessing)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        name: The bundle's name when it was saved.
        dataset: Its data set.
        indexed_train: Train images that the index covers, the first ones; it covers all test
            images.
        configs: Settings by part: "model", and others as given.
        seed: Seed of all random draws.
        device: Device it was trained on.
        versions: Versions of Python and the packages that matter.
        metrics: "train", "test": scores by name; "map": its quality; "critic": scores of each
            critic by name; "health": what `health_of` reads, of test images, where measured;
            "cluster_labels": the label of each cluster, -1 for none.
        files: SHA-256 and size in bytes of each file, by name.
        created: ISO 8601, UTC.
        seconds: Training time by stage.
        schema_version: Version of this layout, see `migrations`.
        more: Fields of a newer minor version, unchanged.
    """

    name: str
    dataset: DatasetCard
    indexed_train: int
    configs: dict[str, dict[str, Any]]
    seed: int
    device: str
    versions: dict[str, str]
    metrics: dict[str, Any]
    files: dict[str, dict[str, Any]]
    created: str
    seconds: dict[str, int | float]
    schema_version: str = "{}.{}".format(*VERSION)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def indexed(self) -> dict[str, int]:
        """Return how many images of each split the index covers."""
        return {"train": self.indexed_train, "test": self.dataset.num_test}

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name, with those of a newer minor version among them."""
        fields = dataclasses.asdict(self)
        return fields | fields.pop("more")

    def to_json(self) -> str:
        """Write as JSON, with the SHA-256 of all fields.

        Raises:
            ValueError: If a number is not finite, or a value has no form in JSON.
        """
        try:
            return json.dumps(sealed(self.as_dict()), indent=2, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`configs`, `metrics` and `seconds` must be what JSON can say: {error}."
            ) from error


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a bundle, but not its files.

    Args:
        folder: The bundle.

    Raises:
        BundleVersionError: If it was written by another schema version.
        BundleError: If it is missing, not a file, not JSON, or has unexpected content.
    """
    path = regular_file(folder, MANIFEST)
    with readable(path):
        if path.stat().st_size > MAX_BYTES:
            raise damaged_bundle(path, f"it is larger than {MAX_BYTES >> 20} MiB")
        content = path.read_bytes()
    try:
        found = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise damaged_bundle(path, f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise damaged_bundle(path, "it is not a JSON object")
    written = found
    migrated = migrate({k: v for k, v in written.items() if k != SEAL}, path)
    found = migrated.found
    _check_leaves(found, path)
    known, more = _check_fields(found, Manifest, "", path, newer=migrated.newer)
    parts, _ = _check_fields(known["dataset"], DatasetCard, "dataset.", path, newer=migrated.newer)
    card: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in parts.items()
    }
    for part, kind in (("image", ImageSpec), ("preprocessing", Preprocessing)):
        form = FORM if kind is Preprocessing else ()
        found_part, _ = _check_fields(
            card[part], kind, f"dataset.{part}.", path, newer=migrated.newer, but=form
        )
        card[part] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in found_part.items()
        }
    card["class_names"] = tuple(visible(name) for name in card["class_names"])
    manifest = Manifest(**{**known, "dataset": DatasetCard(**card), "more": more})
    _check_values(manifest, path)
    if (SEAL in written or not migrated.older) and written != sealed(written):
        raise damaged_bundle(path, f"its content is not that of its `{SEAL}`: it was changed")
    return manifest


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a manifest with their SHA-256, in place of an earlier one."""
    fields = {name: value for name, value in content.items() if name != SEAL}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return {**fields, SEAL: hashlib.sha256(text.encode()).hexdigest()}


def regular_file(folder: Path, name: str) -> Path:
    """Return the path of a file of a bundle that is there and is no link.

    Raises:
        BundleError: If it is missing, a link, or not a file.
    """
    path = folder / name
    with readable(path):
        if path.is_symlink():
            raise damaged_bundle(path, "it is a link, a bundle's files are plain files")
        if not path.is_file():
            raise damaged_bundle(path, "it is not a file" if path.exists() else "it is missing")
    return path


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn an `OSError` into an error that names the file.

    Raises:
        BundleError: In place of an `OSError` of the body.
    """
    try:
        yield
    except OSError as error:
        raise BundleError(
            f"`{path}` cannot be read: {error.strerror or error}. Check that it still exists "
            "and is readable."
        ) from error


def file_entry(path: Path) -> dict[str, Any]:
    """Hash and measure a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": path.stat().st_size}


def is_bundle_name(name: str) -> bool:
    """Return whether a name is allowed: letters and digits, and ._+- after the first."""
    return _NAME.fullmatch(name) is not None


def damaged_bundle(path: Path, problem: str) -> BundleError:
    """Return the error for a file of a bundle that cannot be used."""
    return BundleError(
        f"`{path}`: {problem.rstrip('.')}. Copy the bundle again or train anew with `xai train`."
    )


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _check_fields(
    found: Mapping[str, Any],
    kind: type,
    prefix: str,
    path: Path,
    *,
    newer: bool,
    but: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare names and types of a JSON object with those of a dataclass.

    Args:
        found: The object.
        kind: The dataclass.
        prefix: Prefix of its fields in messages.
        path: Path of the manifest.
        newer: Whether a newer version wrote it, which may have further fields.
        but: Fields of the dataclass that this object does not have.

    Returns:
        The known fields, and the others.
    """
    entries = [entry for entry in dataclasses.fields(kind) if entry.name not in {*but, "more"}]
    expected = {entry.name: entry.type for entry in entries}
    optional = {
        entry.name
        for entry in entries
        if entry.default is not dataclasses.MISSING or kind is Preprocessing
    }
    if missing := expected.keys() - optional - found.keys():
        raise damaged_bundle(path, f"`{prefix}{min(missing)}` is missing")
    unknown = found.keys() - expected.keys()
    if unknown and not newer:
        raise damaged_bundle(path, f"it has an unknown field `{prefix}{min(unknown):.60}`")
    known = {name: value for name, value in found.items() if name in expected}
    for name, value in known.items():
        problem = _mismatch(value, expected[name])
        if problem:
            raise damaged_bundle(path, f"`{prefix}{name}` {problem}")
    return known, {name: found[name] for name in unknown}


def _mismatch(value: object, type_of: object) -> str | None:
    """Return what is wrong with a JSON value, or None."""
    if type_of is int:
        wrong = type(value) is not int
        return f"must be a whole number, got {value!r:.60}" if wrong else None
    if get_origin(type_of) is Literal:
        choices = get_args(type_of)
        return None if value in choices else f"must be one of {listed(choices)}, got {value!r:.60}"
    if type_of in (str, bool):
        kind = "text" if type_of is str else "true or false"
        return None if type(value) is type_of else f"must be {kind}, got {value!r:.60}"
    if type_of in (tuple[str, ...], tuple[str, ...] | None):
        right = isinstance(value, list) and all(isinstance(part, str) for part in value)
        return None if right else "must be a list of texts"
    if not isinstance(value, dict):
        return f"must be an object, got {value!r:.60}"
    wanted = _VALUES_OF.get(str(type_of), object)
    right = all(isinstance(part, wanted) for part in value.values())
    return None if right else "has a value of another type than expected"


def _check_values(manifest: Manifest, path: Path) -> None:
    """Refuse impossible names, counts, hashes and metrics."""
    if not is_bundle_name(manifest.name):
        raise damaged_bundle(
            path, f"`name` must be letters, digits, ._+-, got {manifest.name!r:.60}"
        )
    data = manifest.dataset
    _check_counts(manifest, path)
    try:
        spec, reading = data.spec, data.reading
    except ConfigError as error:
        raise damaged_bundle(path, f"`dataset`: {error}") from error
    if reading.spec != spec:
        raise damaged_bundle(path, "`dataset.preprocessing` and `dataset.image` contradict")
    if not 1 <= reading.full_scale <= 65535 or not 0 <= reading.ground <= 255:
        raise damaged_bundle(
            path, "`dataset.preprocessing` must have full_scale in [1, 65535], ground in [0, 255]"
        )
    if len(set(data.columns)) < len(data.columns) or len(data.columns) > MOST_COLUMNS:
        raise damaged_bundle(
            path, f"`dataset.columns` must be different names, at most {MOST_COLUMNS}"
        )
    if len(data.class_names) > MOST_CLASSES:
        raise damaged_bundle(path, f"`dataset.class_names` has more than {MOST_CLASSES:,} names")
    for name, entry in manifest.files.items():
        _check_file(name, entry, path, newer=is_newer(manifest.schema_version))
    if missing := [name for name in REQUIRED_FILES if name not in manifest.files]:
        raise damaged_bundle(path, f"`files` does not list '{missing[0]}'")
    if data.own_images != ("images.safetensors" in manifest.files):
        raise damaged_bundle(
            path, "`dataset.own_images` and 'images.safetensors' contradict each other"
        )
    _check_images(data, manifest.files, path)
    _check_metrics(manifest, path)


def _check_counts(manifest: Manifest, path: Path) -> None:
    data = manifest.dataset
    if data.num_train < 2 or data.num_test < 1 or not _SHA256.fullmatch(data.sha256):
        raise damaged_bundle(path, "`dataset` has an impossible number of images or SHA-256")
    if not 2 <= manifest.indexed_train <= data.num_train:
        raise damaged_bundle(path, f"`indexed_train` must be in [2, {data.num_train}]")


def _check_metrics(manifest: Manifest, path: Path) -> None:
    for split in ("train", "test", "map", "critic", "health"):
        found = manifest.metrics.get(split, {})
        if not isinstance(found, dict):
            raise damaged_bundle(path, f"`metrics.{split}` must be an object")
        for name, value in found.items() if split != "critic" else ():
            listed = name.endswith("_by_cluster") and isinstance(value, list)
            for number in value if listed else [value]:
                if number is not None and type(number) not in (int, float):
                    raise damaged_bundle(path, f"`metrics.{split}.{name:.60}` must be a number")
    found = manifest.metrics.get("map") or MAP_METRICS
    if not set(found) >= MAP_METRICS:
        raise damaged_bundle(path, f"`metrics.map` lacks one of {', '.join(sorted(MAP_METRICS))}")
    labels = manifest.metrics.get("cluster_labels", [])
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise damaged_bundle(path, "`metrics.cluster_labels` must be a list of whole numbers")


def _check_leaves(found: object, path: Path) -> None:
    """Raise an error for numbers and texts that cannot be shown, and for deep nesting."""
    values = [(found, 0)]
    while values:
        value, depth = values.pop()
        if depth > DEEPEST:
            raise damaged_bundle(path, f"it is nested more than {DEEPEST} deep")
        if isinstance(value, dict):
            values.append(([*value, *value.values()], depth + 1))
        elif isinstance(value, list):
            values += [(part, depth + 1) for part in value]
        elif isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise damaged_bundle(path, "it has a text that is not UTF-8") from error
        elif isinstance(value, int | float) and not abs(value) <= LARGEST:
            raise damaged_bundle(path, f"it has a number beyond {LARGEST:g}")


def _check_images(data: DatasetCard, files: Mapping[str, Any], path: Path) -> None:
    """Raise an error if the file is too small for the number of images."""
    claimed = data.num_train + data.num_test
    size = math.prod(data.spec.shape)
    there = files["images.safetensors"]["bytes"] // size if data.own_images else 0
    if claimed > max(there, PACKAGED_IMAGES):
        raise damaged_bundle(path, f"`dataset` claims {claimed} images, there is room for {there}")


def _check_file(name: str, entry: Mapping[str, Any], path: Path, *, newer: bool) -> None:
    if name not in KNOWN_FILES and newer:
        return
    if name not in KNOWN_FILES:
        known = ", ".join(f"'{known}'" for known in KNOWN_FILES)
        raise damaged_bundle(path, f"`files` lists {name!r:.60}, but a bundle has only {known}")
    size = entry.get("bytes")
    if entry.keys() != {"sha256", "bytes"} or type(size) is not int or size < 1:
        raise damaged_bundle(path, f"`files` must give 'sha256' and 'bytes' of '{name}'")
    if not isinstance(entry["sha256"], str) or not _SHA256.fullmatch(entry["sha256"]):
        raise damaged_bundle(path, f"`files` must give 'sha256' of '{name}' as 64 hex digits")


def sized_files(folder: Path, manifest: Manifest) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the files of a bundle that this package reads, their sizes compared."""
    for name, entry in manifest.files.items():
        if name not in KNOWN_FILES:
            continue  # of a newer minor version
        path, size = regular_file(folder, name), entry["bytes"]
        with readable(path):
            found = path.stat().st_size
        if found != size:
            raise damaged_bundle(path, f"it has {found} bytes, the manifest says {size}")
        yield path, entry


def check_hashes(
    folder: Path, manifest: Manifest, largest: Mapping[str, int] | None = None
) -> None:
    """Compare each file of a bundle with its size and its hash in the manifest.

    Args:
        folder: The bundle.
        manifest: Manifest of this bundle.
        largest: Largest size of each file in bytes; larger ones are not read. None for no limit.

    Raises:
        BundleError: If a file is missing, a link, too large or changed.
    """
    for path, entry in sized_files(folder, manifest):
        if largest is not None and entry["bytes"] > largest[path.name]:
            problem = (
                f"it has {entry['bytes']} bytes, its content takes at most {largest[path.name]}"
            )
            raise damaged_bundle(path, problem)
        with readable(path):
            found = file_entry(path)
        if found != entry:
            raise damaged_bundle(
                path, "its SHA-256 is not the one in the manifest: it was changed"
            )
