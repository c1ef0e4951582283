"""The latent map of a bundle as one HTML file that needs neither server nor network.

`latent_map.js` draws the map, as on the dashboard's page; `map_page.js` shows the selected image.
"""

import base64
import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..bundle.explained_output import ExplainedOutput
from ..errors import ConfigError
from ..plots import sprites
from ..plots.latent_map import colouring, in_browser, points
from . import model_card
from .explained_images import explained_images

if TYPE_CHECKING:
    from ..bundle.reading import Bundle

__all__ = ["MapPageConfig", "map_page"]

COLOURINGS = ("cluster", "label", "predicted", "split", "confidence", "distortion", "elbo")
LARGEST_SIDE = 40
"""Pixels of a picture's longer side; larger images are scaled down."""
GREYS = 32
"""Grey levels of a picture: a third fewer bytes than 256, and no visible difference."""
QUALITY = {"input": 75, "reconstruction": 20}
"""Quality of WebP files, for colour images and for reconstructions, which are smooth."""
BATCH = points.SHEET_IMAGES


@dataclass(frozen=True, kw_only=True)
class MapPageConfig:
    """Settings of an exported map.

    Attributes:
        images: Number of images at most; fewer are left out where they lie close together.
        explained: Number of images with a heatmap and a counterfactual, half of them typical of
            their cluster, half those whose cluster is least sure.
        output: What these explain; the cluster where there are two, otherwise the classifier.
        seed: Seed of the heatmap method.
    """

    images: int = points.MOST_PLACES
    explained: int = 20
    output: str | ExplainedOutput | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise an error for impossible numbers."""
        if self.images < 1:
            raise ConfigError(f"`images` must be at least 1, got {self.images}.")
        if self.explained < 0:
            raise ConfigError(f"`explained` must be at least 0, got {self.explained}.")


def map_page(
    bundle: "Bundle",
    *,
    config: MapPageConfig | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> bytes:
    """Return the HTML page of a bundle's latent map.

    Args:
        bundle: The models, on the device to compute on, and the images.
        config: Settings; the defaults if None.
        on_progress: Called with the numbers of images done and in total.

    Raises:
        BundleError: If the bundle lacks a part that the output needs.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from .._version import __version__

    config = config or MapPageConfig()
    script = in_browser.source("latent_map.js", "around.js") + _source("map_page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    pages = Environment(
        loader=PackageLoader("xai_core", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    pages.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    made = bundle.manifest
    xy = bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32)
    shown = points.places(xy, config.images)
    content = pages.get_template("map_page.html").render(
        bundle=bundle.name,
        summary=model_card.summary(made, bundle.index["cluster"].nunique()).replace("**", ""),
        trust=model_card.map_words(made.metrics).replace("**", ""),
        drawn=len(shown.order),
        total=len(shown.along),
        origin=f"{bundle.name} ({bundle.digest[:16]}), cluster-vae-xai {__version__}",
        data=_data(bundle, config, shown),
        sheets=_sheets(bundle, shown.order, on_progress),
        style=in_browser.source("latent_map.css", "around.css"),
        map=in_browser.source("latent_map.html"),
        script=script,
        digest=digest,
    )
    return content.encode()


def _source(name: str) -> str:
    return files("xai_core").joinpath("report", name).read_text("utf-8")


def _data(bundle: "Bundle", config: MapPageConfig, shown: points.Places) -> dict[str, Any]:
    offered = colouring.available(bundle.index)
    columns = [c for c in offered if c.name in COLOURINGS or c.name.startswith(colouring.OWN_NAME)]
    explained = explained_images(
        bundle, shown.order, config.explained, config.output, seed=config.seed
    )
    return {
        **in_browser.fixed(bundle, shown),
        "name": bundle.digest,
        "points": _base64(shown.blob),
        "cell": list(_cell(bundle)),
        "columns": {column.name: _column(bundle, column) for column in columns},
        "explained": explained.images,
        "about": explained.about,
    }


def _column(bundle: "Bundle", column: colouring.Column) -> dict[str, Any]:
    found = in_browser.whole(bundle, column)
    return found | {"levels": _base64(found["levels"])}


@torch.inference_mode()
def _sheets(
    bundle: "Bundle", order: NDArray[np.uint32], report: Callable[[int, int], None]
) -> dict[str, Any]:
    """Return pictures and probabilities of all places, in their order."""
    found: dict[str, list[str]] = {"input": [], "reconstruction": []}
    probs: dict[str, list[NDArray[np.uint16]]] = {"cluster": [], "class": []}
    for start, x, rows in _batches(bundle, order):
        q = bundle.model.cluster_probs(x)
        found["input"].append(_sheet(bundle, x, "input"))
        probs["cluster"].append(_levels(q))
        if "decode" in bundle.model.parts:
            codes = bundle.latents[rows].to(bundle.device)
            decoded = bundle.model.decode(codes, q)
            found["reconstruction"].append(_sheet(bundle, decoded, "reconstruction"))
        if bundle.classifier is not None:
            probs["class"].append(_levels(bundle.classifier(x).softmax(-1)))
        report(start + len(rows), len(order))
    packed = {
        name: _base64(gzip.compress(np.concatenate(parts).tobytes(), 6, mtime=0))
        for name, parts in probs.items()
        if parts
    }
    return {**found, "probs": packed}


def _batches(
    bundle: "Bundle", order: NDArray[np.uint32]
) -> Iterator[tuple[int, Float[Tensor, "batch channels height width"], Int[Tensor, " batch"]]]:
    from ..data.preprocessing import to_float

    ids = bundle.index["id"]
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH].astype(np.int64)
        images = bundle.dataset.images(ids.take(rows).tolist())
        yield start, to_float(images, bundle.device), torch.from_numpy(rows)


def _cell(bundle: "Bundle") -> tuple[int, int]:
    """Return the width and the height of a picture."""
    scale = min(1.0, LARGEST_SIDE / max(bundle.spec.height, bundle.spec.width))
    return max(1, round(bundle.spec.width * scale)), max(1, round(bundle.spec.height * scale))


def _sheet(bundle: "Bundle", x: Tensor, kind: str) -> str:
    """Write images as one WebP sheet: grey inputs exactly in `GREYS` levels, others with loss."""
    from ..data.io.pixel_values import pictures

    width, height = _cell(bundle)
    if (height, width) != tuple(x.shape[-2:]):
        x = torch.nn.functional.interpolate(x, size=(height, width), mode="area")
    exact = kind == "input" and x.shape[1] == 1
    x = (x * (GREYS - 1)).round() / (GREYS - 1) if exact else x
    sheet = sprites.sheet(pictures(x), points.SHEET_COLUMNS)
    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "WEBP", lossless=exact, quality=QUALITY[kind], method=4)
    return sprites.data_url(out.getvalue(), "webp")


def _levels(probs: Float[Tensor, "batch classes"]) -> NDArray[np.uint16]:
    """Return probabilities in steps of 1/65535."""
    found: NDArray[np.uint16] = (probs.float().cpu().numpy() * 65535).round().astype("<u2")
    return found


def _base64(blob: bytes) -> str:
    return base64.b64encode(blob).decode()
