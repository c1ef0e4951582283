"""The change of an image: signed pictures, animations, tables, arrays."""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from .. import export, sprites, theme

__all__ = [
    "arrays",
    "coloured",
    "gif",
    "ink",
    "side_by_side",
    "table",
    "why_not",
    "with_change",
]

SHOWN_MS, HELD_MS = 90, 900
"""Duration of an animation's frames, and of its first and last, in milliseconds."""


def coloured(change: NDArray[np.floating], dark: bool) -> NDArray[np.uint8]:
    """Colour changes of ink in [-1, 1]: warm where ink was added, cold where it was removed.

    Args:
        change: (height, width) or (images, height, width), optionally with a channel axis before
            the height, which is averaged.
        dark: Whether the page has a dark theme.
    """
    values = change.mean(1) if change.ndim == 4 else change
    return theme.colourise(values, theme.diverging(dark), 1.0)


def ink(change: NDArray[np.floating]) -> tuple[float, float]:
    """Sum the ink added and the ink removed, in full pixels."""
    return float(change.clip(min=0).sum()), float(np.abs(change.clip(max=0)).sum())


def with_change(
    images: NDArray[np.floating], changes: NDArray[np.floating], dark: bool
) -> NDArray[np.uint8]:
    """Put each image and its change side by side: (images, height, 2 width, 3)."""
    return np.concatenate([sprites.rgb(images), coloured(changes, dark)], axis=2)


def side_by_side(
    image: NDArray[np.floating],
    reconstruction: NDArray[np.floating],
    counterfactual: NDArray[np.floating],
) -> NDArray[np.uint8]:
    """Return an image (height, width) or (channels, height, width) and its changed versions.

    Returns:
        Input, reconstruction, counterfactual and change, in colour.
    """
    parts = sprites.rgb(np.stack([image, reconstruction, counterfactual]))
    changed = coloured((counterfactual - image)[None], dark=False)
    return sprites.sheet(np.concatenate([parts, changed]), columns=4, gap=1)


def why_not(reasons: Iterable[str]) -> str:
    """Describe how many searches did not reach their target, and why; "" if all did."""
    counts = Counter(reason.partition(" (p =")[0] for reason in reasons if reason)
    return " ".join(
        f"{count} did not reach the target: {why}." for why, count in counts.most_common()
    )


def gif(frames: NDArray[np.floating], about: export.About, scale: int = 8) -> bytes:
    """Write frames as an animation forwards and backwards, with its provenance."""
    large = [f.repeat(scale, 0).repeat(scale, 1) for f in sprites.pixels(frames)]
    back = [*large, *large[-2:0:-1]]
    held = [SHOWN_MS] * len(back)
    held[0] = held[len(large) - 1] = HELD_MS
    out = io.BytesIO()
    first, *others = (Image.fromarray(f) for f in back)
    text = json.dumps({k: str(v) for k, v in about.items()}).encode()
    first.save(out, "GIF", save_all=True, append_images=others, duration=held, loop=0,
               comment=text, disposal=1)  # fmt: skip
    return out.getvalue()


def arrays(parts: Mapping[str, object], about: export.About) -> bytes:
    """Write arrays as .npz, with `about` as JSON in the array of that name."""
    text = json.dumps({k: str(v) for k, v in about.items()})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**parts, "about": np.array(text)}.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(part), allow_pickle=False)
    return out.getvalue()


def table(
    probs: NDArray[np.floating], density: NDArray[np.floating], names: Sequence[str], symbol: str
) -> pd.DataFrame:
    """Tabulate the path, one row per frame."""
    columns = {f"{symbol[0]}({name}|x)": probs[:, c] for c, name in enumerate(names)}
    path = {
        "frame": np.arange(1, len(probs) + 1),
        "share_of_path": np.linspace(0, 1, len(probs)),
    }
    return pd.DataFrame({**path, **columns, "log_p_z_nats": density})
