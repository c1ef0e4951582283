"""Bundles, opened once for all sessions, and the rows of their images."""

import gc
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.services.cache import BY_FINGERPRINT, fingerprint
from dashboard.services.scheduler.scheduler import compute_queue
from xai_core.errors import BundleError
from xai_core.latent_space.own_columns import own_columns

if TYPE_CHECKING:
    from torch import Tensor

    from xai_core.bundle.listing import BundleSummary
    from xai_core.bundle.reading import Bundle


DEVICE = "XAI_DEVICE"
"""Environment variable of the device on which pages compute: auto, cpu, cuda or cuda:N."""


def summaries() -> "dict[str, BundleSummary]":
    """List the bundles found, damaged ones too, by name."""
    compute_queue()
    from xai_core.bundle.listing import list_bundles

    return {found.name: found for found in reversed(list_bundles())}


def whole(found: "dict[str, BundleSummary]") -> list[str]:
    """Return the names of the bundles that can be opened, sorted."""
    return sorted(name for name, summary in found.items() if summary.error is None)


def usual(names: Sequence[str]) -> str:
    """Return the name of the default bundle."""
    return "mnist" if "mnist" in names else names[0]


def get_ready() -> None:
    """Import torch and open the default bundle, as the first visit would."""
    with suppress(BundleError):  # the page that opens it shows the error
        found = summaries()
        if names := whole(found):
            bundle(found[usual(names)].path)


def bundle(folder: Path) -> "Bundle":
    """Open the bundle in a folder once for all sessions; never change what it holds.

    Raises:
        BundleError: If it or the notes beside it cannot be read, or it has been removed since it
            was listed.
    """
    from xai_core.bundle.notes import notes_file

    written = _stamp(folder / "manifest.json")
    if written is None:
        raise BundleError(
            f"The bundle `{folder.name}` has been removed since it was listed. Reload this page."
        )
    return _with_notes(str(folder), written, _stamp(notes_file(folder)))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return when a file was changed and its size; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


@st.cache_resource(max_entries=3, show_spinner=False)
def _with_notes(path: str, written: tuple[int, int], noted: tuple[int, int] | None) -> "Bundle":
    from xai_core.bundle.notes import Notes

    opened = _open(path, written)
    return opened.with_notes() if noted or opened.notes != Notes() else opened


@st.cache_resource(max_entries=3, show_spinner=False)
def _open(path: str, written: tuple[int, int]) -> "Bundle":
    from xai_core.bundle.reading import load_bundle
    from xai_core.runtime import resolve_device

    opened = load_bundle(path, device=resolve_device(os.environ.get(DEVICE, "auto")))
    opened.dataset  # noqa: B018  read now, so that no page pays for it later
    opened.latent_index  # noqa: B018
    gc.collect()
    gc.freeze()  # loaded modules stay alive: exclude them from garbage collection
    return opened


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def rows(bundle: "Bundle") -> pd.Index:
    """Return the ids in index order; `get_loc` finds the row of an image."""
    ids = pd.Index(bundle.index["id"].astype(object))
    ids.is_unique  # noqa: B018  builds the look-up table
    return ids


def row_of(bundle: "Bundle", image_id: str) -> int | None:
    """Return the row of an image in the index; None for an unknown id."""
    ids = rows(bundle)
    return int(ids.get_loc(image_id)) if image_id in ids else None


def search(bundle: "Bundle", text: str) -> list[str]:
    """Find images by their id, or by a text of the user's own columns.

    Args:
        bundle: The bundle.
        text: An id; a whole text, in any case; or, if no text is the same, a part of one.

    Returns:
        Their ids in index order; empty if there are none.
    """
    wanted = text.strip().casefold()
    if row_of(bundle, text.strip()) is not None or not wanted:
        return [text.strip()] if wanted else []
    own = own_columns(bundle.index)
    texts = own[[name for name in own if own[name].dtype.kind != "f"]]
    texts = texts.apply(lambda values: values.str.casefold())
    same = (texts == wanted).any(axis=1).to_numpy(bool)
    if not same.any():
        contained = texts.apply(lambda values: values.str.contains(wanted, regex=False))
        same = contained.any(axis=1).to_numpy(bool)
    return [str(image) for image in rows(bundle)[same]]


def rows_of(bundle: "Bundle", ids: Sequence[str]) -> NDArray[np.intp]:
    """Find the rows of ids that are in the index, in their order."""
    return rows(bundle).get_indexer(list(ids))


@st.cache_resource(max_entries=3, show_spinner=False, hash_funcs=BY_FINGERPRINT)
def map_places(bundle: "Bundle") -> NDArray[np.float32]:
    """Return the places on the map, (images, 2), in index order; read only."""
    xy = np.ascontiguousarray(bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32))
    return xy


def latents(bundle: "Bundle") -> NDArray[np.float32]:
    """Return the posterior means, (images, latent), in index order; read only."""
    return bundle.latents.numpy()


def on_device(bundle: "Bundle", values: "NDArray[Any] | Tensor") -> "Tensor":
    """Move values to the device of a bundle's models."""
    import torch

    return torch.as_tensor(values, device=bundle.device)


def on_host(values: "Tensor") -> NDArray[Any]:
    """Copy the result of a computation into an array; half precision becomes float32."""
    import torch

    found = values.detach().cpu()
    low = found.dtype in (torch.bfloat16, torch.float16)
    return (found.float() if low else found).numpy()


def about(bundle: "Bundle", **more: object) -> dict[str, object]:
    """Return the provenance of a download: bundle, data set, version, and the arguments."""
    from xai_core._version import __version__

    return {
        "bundle": f"{bundle.name} ({fingerprint(bundle)})",
        "data set": bundle.manifest.dataset.name,
        **more,
        "made by": f"cluster-vae-xai {__version__}",
    }
