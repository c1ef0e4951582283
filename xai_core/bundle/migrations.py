"""Migrate manifests of older versions to the current one, step by step.

A version is "MAJOR.MINOR". A new minor version only adds fields and files, so an older package can
open it: it keeps unknown fields but ignores them, and does not read unknown files. A newer major
version raises an error. Each step is tested on a stored bundle of its version.

    1     grey images of 28 x 28 pixels, `inverted` and `full_scale` in `dataset`
    2.0   `dataset.image` is the form of the images, `dataset.preprocessing` how they were read;
          scores, settings and columns of tables have the names of `RENAMED`
    2.1   `configs.model.encoder_conditioning`
    2.2   `indexed_train`: the index may cover the first train images only; `sha256` of the
          manifest itself
    2.3   `dataset.columns`: the user's own columns at the end of the index
    2.4   the file `replay.parquet`: where images were on the map after each epoch
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BundleError, BundleVersionError

__all__ = ["VERSION", "Migrated", "is_newer", "migrate", "present_names"]

Version = tuple[int, int]

VERSION: Version = (2, 4)
"""The version that this package writes."""
DIGITS = ("mnist", "emnist-digits")
"""Data sets for which version 1 centred users' drawings."""
_PARTS = 100_000
"""Upper limit of major and minor numbers."""
RENAMED = {
    "prior_alignment": "expected_log_prior",
    "guess_weight": "pseudo_label_weight",
    "guess_images": "pseudo_label_images",
}
"""The current name of each score, setting and column that version 1 named differently."""


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """A manifest in the present version.

    Attributes:
        found: Its content.
        newer: Whether a newer minor version wrote it, which may have fields unknown here.
        older: Whether an older version wrote it, which may lack a SHA-256 of its own.
    """

    found: dict[str, Any]
    newer: bool
    older: bool


def migrate(found: Mapping[str, Any], path: Path) -> Migrated:
    """Migrate the content of a manifest to the current version.

    Args:
        found: The JSON object, not checked yet.
        path: Path of the manifest, for messages.

    Raises:
        BundleVersionError: If a newer major version wrote it.
        BundleError: If it names no version.
    """
    version = _version_of(found.get("schema_version"), path)
    if version[0] > VERSION[0]:
        raise BundleVersionError(
            f"`{path}` has schema version {_text(version)}, this package reads {_text(VERSION)} "
            "and older ones. Update this package to open it."
        )
    content, older = dict(found), version in STEPS
    while version in STEPS:
        version, step = STEPS[version]
        content = step(content)
    newer = version > VERSION
    content["schema_version"] = _text(version)
    return Migrated(found=content, newer=newer, older=older)


def present_names(found: Mapping[str, Any]) -> dict[str, Any]:
    """Replace names of version 1 by the current ones."""
    return {RENAMED.get(name, name): value for name, value in found.items()}


def is_newer(version: str) -> bool:
    """Return whether a version that `migrate` returned is newer than this package's."""
    major, _, minor = version.partition(".")
    return (int(major), int(minor)) > VERSION


def _version_of(value: object, path: Path) -> Version:
    parts = [value] if type(value) is int else []
    if isinstance(value, str) and len(value) < 12 and value.isascii():
        parts = [int(part) if part.isdecimal() else -1 for part in value.split(".")]
    if not 1 <= len(parts) <= 2 or not all(0 <= part < _PARTS for part in parts) or not parts[0]:
        raise BundleError(
            f"`{path}`: `schema_version` must be such as '2.4', got {value!r:.60}. Copy the "
            "bundle again or train anew with `xai train`."
        )
    return parts[0], parts[1] if len(parts) == 2 else 0


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _form_of_images(found: dict[str, Any]) -> dict[str, Any]:
    """Add the form that version 1 assumed: grey images of 28 x 28 pixels."""
    found = _renamed(found)
    card = found.get("dataset")
    if not isinstance(card, dict):
        return found
    kept = {name: value for name, value in card.items() if name not in ("inverted", "full_scale")}
    inverted, is_digits = card.get("inverted", False), card.get("name") in DIGITS
    kept["image"] = {
        "channels": 1,
        "height": 28,
        "width": 28,
        "look": "dark_on_light" if inverted is True else "light_on_dark",
    }
    kept["preprocessing"] = {
        "strategy": "digits" if is_digits else "glyphs",
        "inverted": inverted,
        "by_border": is_digits,
        "ground": 0,
        "full_scale": card.get("full_scale", 255),
    }
    return {**found, "dataset": kept}


def _renamed(found: dict[str, Any]) -> dict[str, Any]:
    """Rename the scores of each split and the settings of each part."""
    groups = {
        kind: {
            name: present_names(group) if isinstance(group, dict) else group
            for name, group in found[kind].items()
        }
        for kind in ("configs", "metrics")
        if isinstance(found.get(kind), dict)
    }
    return {**found, **groups}


def _encoder_of_the_image(found: dict[str, Any]) -> dict[str, Any]:
    """Add the encoder's conditioning: before version 2.1 it read the image alone."""
    configs = found.get("configs")
    model = configs.get("model") if isinstance(configs, dict) else None
    if not isinstance(configs, dict) or not isinstance(model, dict):
        return found
    return {**found, "configs": {**configs, "model": {"encoder_conditioning": "x", **model}}}


def _whole_index(found: dict[str, Any]) -> dict[str, Any]:
    """Add the number of indexed train images: before version 2.2 the index covered all."""
    card = found.get("dataset")
    if not isinstance(card, dict) or "num_train" not in card:
        return found
    return {"indexed_train": card["num_train"], **found}


def _no_own_columns(found: dict[str, Any]) -> dict[str, Any]:
    """Add the user's own columns: before version 2.3 there were none."""
    card = found.get("dataset")
    return {**found, "dataset": {"columns": [], **card}} if isinstance(card, dict) else found


STEPS: Mapping[Version, tuple[Version, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    (1, 0): ((2, 0), _form_of_images),
    (2, 0): ((2, 1), _encoder_of_the_image),
    (2, 1): ((2, 2), _whole_index),
    (2, 2): ((2, 3), _no_own_columns),
    (2, 3): ((2, 4), dict),
}
"""For each older version, the next one and the function that migrates to it."""
