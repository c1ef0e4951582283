"""`xai list` and `xai info`: the bundles found, and the card of one."""

import typer

from .options import Json, Name, Unused, UnusedSeed, show_card
from .terminal import print_json, print_table

__all__ = [
    "info",
    "list_",
]


def list_(seed: UnusedSeed = 0, device: Unused = "auto", as_json: Json = False) -> None:
    """List the bundles in ./checkpoints, in $XAI_BUNDLES and in the package."""
    from ..bundle.listing import list_bundles

    rows = []
    for found in list_bundles():
        test = found.manifest.metrics.get("test", {}) if found.manifest else {}
        rows.append(
            {
                "name": found.name,
                "path": str(found.path),
                "data": found.manifest.dataset.name if found.manifest else None,
                "accuracy": test.get("accuracy"),
                "created": found.manifest.created if found.manifest else None,
                "error": found.error,
            }
        )
    if as_json:
        print_json({"bundles": rows})
    elif rows:
        print_table("Bundles", [list(row.values()) for row in rows], list(rows[0]))
    else:
        typer.echo("No bundles. Make one: xai train --data mnist --out checkpoints/mnist")


def info(
    bundle: Name, seed: UnusedSeed = 0, device: Unused = "auto", as_json: Json = False
) -> None:
    """Check every file of a bundle against its hash and show the bundle's card."""
    from ..bundle.manifest import check_hashes, read_manifest
    from ..bundle.paths import find_bundle

    folder = find_bundle(bundle)
    manifest = read_manifest(folder)
    check_hashes(folder, manifest)
    show_card(folder, manifest, as_json)
