"""`xai list`, `xai info` and `xai notes`: the bundles found, and the card and notes of one."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import DataError
from .options import Json, Name, Unused, UnusedSeed, open_bundle, show_card
from .terminal import print_json, print_table, print_warning

__all__ = [
    "info",
    "list_",
    "notes",
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


def notes(
    bundle: Name,
    from_file: Annotated[
        Path | None,
        typer.Option("--import", help="Exported notes on the same images to add; none are lost."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--export", help="The .json to write, with model, data set and date."),
    ] = None,
    seed: UnusedSeed = 0,
    device: Unused = "auto",
    as_json: Json = False,
) -> None:
    """Show what people noted beside a bundle: names of clusters and tags of images."""
    from ..atomic_write import atomic_write
    from ..bundle.tags import export_notes, import_notes

    opened = open_bundle(bundle, "cpu")
    if from_file is not None:
        brought = import_notes(opened, _read_export(from_file))
        opened = brought.bundle
        for sentence in brought.left_out:
            print_warning(sentence)
        typer.echo(
            f"Imported: {brought.tagged:,} tagged images, {len(brought.named)} names of clusters.",
            err=True,
        )
    text = export_notes(opened)
    if out is not None:
        with atomic_write(out, make_folder=True) as file:
            file.write(text.encode())
    if as_json:
        typer.echo(text)
        return
    found = opened.notes
    named = [(f"cluster {c}", name) for c, name in found.cluster_names.items()]
    tagged = [(tag, f"{len(ids):,}") for tag, ids in found.tags.items()]
    if named:
        print_table("Names of clusters", named)
    if tagged:
        print_table("Tags", tagged, ("tag", "images"))
    if not named and not tagged:
        typer.echo(
            f"No notes on '{opened.name}' yet. Name clusters and tag images in the dashboard: "
            f"xai dashboard {opened.name}"
        )


def _read_export(path: Path) -> bytes:
    from ..bundle.notes import MAX_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"Cannot read `{path}`: {error.strerror or error}. Give a file that "
            "`xai notes NAME --export FILE` wrote."
        ) from error
