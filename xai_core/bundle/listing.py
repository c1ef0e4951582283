"""List bundles and summarise each one, without importing torch."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .._arguments import checked
from ..errors import BundleError
from .manifest import Manifest, read_manifest, sized_files
from .paths import bundle_folders, bundle_roots

__all__ = [
    "BundleSummary",
    "list_bundles",
]


@dataclass(frozen=True, kw_only=True)
class BundleSummary:
    """A bundle that was found: its manifest, or the error that opening it would raise."""

    name: str
    path: Path
    manifest: Manifest | None
    error: str | None


@checked
def list_bundles(roots: Iterable[Path] | None = None) -> list[BundleSummary]:
    """List the bundles in `roots`, by default those of `bundle_roots`; broken ones too.

    Manifests and the presence and sizes of files are checked, hashes are not. If two bundles have
    the same name, the name refers to the first.
    """
    places = bundle_roots() if roots is None else roots
    return [_summary(folder) for folder in bundle_folders(places)]


def _summary(folder: Path) -> BundleSummary:
    manifest, problem = None, None
    try:
        manifest = read_manifest(folder)
        for _ in sized_files(folder, manifest):
            pass
    except BundleError as error:
        problem = str(error)
    return BundleSummary(
        name=folder.name, path=Path(os.path.abspath(folder)), manifest=manifest, error=problem
    )
