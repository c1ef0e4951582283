"""`xai figures`: the report's figures and those of the pages that make sense on paper.

`xai_core.plots` draws them, as it draws the figures of the dashboard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._version import __version__
from ..atomic_write import atomic_write
from ..errors import ConfigError
from .options import Device, Json, Name, Seed, open_bundle
from .terminal import print_json, print_table, spinner

if TYPE_CHECKING:
    import numpy as np
    import torch

    from ..attribution.api import Attribution
    from ..bundle.explained_output import ExplainedOutput
    from ..bundle.reading import Bundle
    from ..plots.image_sheet import Sheet
    from ..plots.paper import PrintConfig

__all__ = ["draw_attribution", "figures"]

SETS = {
    "train": ("figure-2", "Figure 2. Training set"),
    "test": ("figure-3", "Figure 3. Test set"),
}
MILLIMETRES = {"mm": 1.0, "cm": 10.0, "in": 25.4, "pt": 25.4 / 72}
EACH = 20
"""Number of images per cluster averaged in the mean heatmaps."""


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """The subject of the figures, and how they are written."""

    bundle: "Bundle"
    out: Path
    output: "ExplainedOutput"
    method: str
    seed: int
    formats: tuple[str, ...]
    config: "PrintConfig"


def figures(
    bundle: Name,
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    method: Annotated[
        str | None, typer.Option(help="Method of the heatmaps; the critic if there is one.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "--of", help="What is explained; the classifier if there is one."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=20, help="Images of each set.")] = 9,
    images: Annotated[
        str | None,
        typer.Option(help="Only figures of these images: test:1,test:2; else all figures."),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="pdf, svg or png, or several: pdf,png.")
    ] = "png,svg",
    width: Annotated[
        str | None, typer.Option(help="Width of a figure, such as 84mm or 3.3in.")
    ] = None,
    font: Annotated[
        str, typer.Option(help="Times, Helvetica, an installed font, or a .ttf or .otf file.")
    ] = "",
    font_size: Annotated[float, typer.Option(help="Size of names in points.")] = 9.75,
    dpi: Annotated[int, typer.Option(help="Pixels per inch in PNG and PDF.")] = 192,
    title: Annotated[bool, typer.Option(help="Whether to draw the title.")] = True,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write the report's figures, every method's heatmaps and the clusters' means for print."""
    from ..attribution.of_bundle import methods_for
    from ..bundle.explained_output import deciding_outputs, explained_output
    from ..plots.paper import PrintConfig

    config = PrintConfig(
        width=_millimetres(width), font=font, font_size=font_size, dpi=dpi, title=title
    )
    kinds = _formats(formats, font)
    opened = open_bundle(bundle, device)
    explained = explained_output(opened, output or next(iter(deciding_outputs(opened)), "cluster"))
    known = methods_for(opened, explained)
    method = method or ("critic" if "critic" in known else "integrated_gradients")
    if method not in known:
        raise ConfigError(f"`--method` must be one of {', '.join(known)}, got '{method}'.")
    asked = _Asked(
        bundle=opened, out=out, output=explained, method=method, seed=seed, formats=kinds,
        config=config,
    )  # fmt: skip
    with spinner("Drawing"):
        if images is None:
            files = [
                _graphical_model(opened, out),
                *_sets(asked, {split: _choose(opened, split, count, seed) for split in SETS}),
                *_methods(asked, _choose(opened, "test", count, seed), known, "methods-test"),
                *_clusters(asked),
            ]
        else:
            rows = _rows_of(opened, images)
            files = [*_sets(asked, {"images": rows}), *_methods(asked, rows, known, "methods")]
    if as_json:
        about = {"bundle": opened.name, "of": explained.name, "method": method, "seed": seed}
        print_json({**about, "files": [str(file) for file in files]})
    else:
        print_table(f"{out}", [(file.name, file.stat().st_size) for file in files], ("", "bytes"))


def _millimetres(text: str | None) -> float | None:
    """Read a length such as 84mm, 8.4cm, 3.3in or 240pt."""
    if text is None:
        return None
    number, unit = text.strip()[:-2], text.strip()[-2:].lower()
    try:
        return float(number) * MILLIMETRES[unit]
    except (ValueError, KeyError) as error:
        raise ConfigError(f"`--width` must be such as 84mm or 3.3in, got '{text}'.") from error


def _formats(text: str, font: str) -> tuple[str, ...]:
    """Read the formats, and check before any work that they can be written."""
    from ..plots import paper

    found = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    if not set(found) <= set(paper.FORMATS):
        raise ConfigError(f"`--format` must be some of {', '.join(paper.FORMATS)}, got '{text}'.")
    for kind in found:
        paper.check_format(kind, font)
    return found


def _rows_of(bundle: "Bundle", images: str) -> "np.ndarray":
    import numpy as np

    return np.array([bundle.position(part.strip()) for part in images.split(",")])


def draw_attribution(
    bundle: "Bundle", images: "torch.Tensor", found: "Attribution", path: Path, *, output: str
) -> None:
    """Draw images, their reconstructions and their heatmaps into a .png or .svg."""
    from ..bundle.explained_output import explained_output
    from ..plots import image_sheet, paper

    count = len(images)
    rows = _ink_rows(bundle, images)
    rows.append(_map_row(found.method, found.attributions[:count].numpy()))
    names = [f"target {number}" for number in found.target[:count].tolist()]
    explained = explained_output(bundle, output)
    if explained.classes is None:
        names = [explained.title] * count
    drawn = paper.lay_out(
        image_sheet.compose(rows, names, False),
        title=f"{_title(found.method)} of {explained.name}",
        unit=_unit(found.method),
        about=_about(bundle, found.method, explained),
    )
    _write(path, paper.svg(drawn) if path.suffix == ".svg" else paper.png(drawn))


def _graphical_model(bundle: "Bundle", out: Path) -> Path:
    """Draw figure 1, the graphical model, as SVG."""
    from ..plots.theory.graphical_model import graphical_model_svg

    config = bundle.model.config
    drawn = graphical_model_svg(
        factorisation=config.factorisation,
        decoder_conditioning=config.decoder_conditioning,
        prior=config.prior,
        likelihood=config.likelihood,
        num_clusters=config.num_clusters,
        latent_dim=config.latent_dim,
        num_images=bundle.manifest.dataset.num_train,
    )
    path = out / "figure-1-model.svg"
    _write(path, drawn.encode())
    return path


def _sets(asked: _Asked, chosen: "Mapping[str, np.ndarray]") -> list[Path]:
    """Draw figures 2 and 3, or one of chosen images, on one scale."""
    from ..plots import image_sheet

    bundle, method = asked.bundle, asked.method
    maps = {split: _maps(asked, rows, method) for split, rows in chosen.items()}
    limit = image_sheet.shared_limit([found.attributions.numpy() for found in maps.values()])
    files = []
    for split, rows in chosen.items():
        name, title = SETS.get(split, ("figure", "Chosen images"))
        lines = _ink_rows(bundle, _images(bundle, rows))
        lines.append(_map_row(method, maps[split].attributions.numpy(), limit))
        files += _write_all(
            asked,
            f"{name}-{split}",
            image_sheet.compose(lines, _names(bundle, rows, maps[split], asked.output), False),
            title=f"{title}: input, reconstruction and heatmap ({_title(method)})",
            unit=_unit(method),
            about={**_about(bundle, method, asked.output), "images": _ids(bundle, rows)},
        )
    return files


def _methods(asked: _Asked, chosen: "np.ndarray", methods: Sequence[str], name: str) -> list[Path]:
    """Draw the heatmaps of every method for the same images."""
    from ..plots import image_sheet

    bundle, output = asked.bundle, asked.output
    rows = _ink_rows(bundle, _images(bundle, chosen))
    for method in methods:
        found = _maps(asked, chosen, method)
        rows.append(_map_row(method, found.attributions.numpy()))
    return _write_all(
        asked,
        name,
        image_sheet.compose(rows, _names(bundle, chosen, found, output), False),
        title=f"{'Test set: e' if name != 'methods' else 'E'}very method's heatmap of "
        f"{output.name}",
        unit="values of each method",
        about={**_about(bundle, ", ".join(methods), output), "images": _ids(bundle, chosen)},
    )


def _clusters(asked: _Asked) -> list[Path]:
    """Draw each cluster's mean test image, mean heatmap and the spread around it."""
    import numpy as np
    import torch

    from ..attribution.group_means import group_means
    from ..plots import image_sheet

    bundle = asked.bundle
    clusters, rng = bundle.model.config.num_clusters, np.random.default_rng(asked.seed)
    test = (bundle.index["split"] == "test").to_numpy()
    cluster = bundle.index["cluster"].to_numpy()
    members = [
        rng.permutation(np.flatnonzero(test & (cluster == c)))[:EACH] for c in range(clusters)
    ]
    chosen = np.concatenate(members)
    groups = torch.from_numpy(cluster[chosen])
    found = _maps(asked, chosen, asked.method)
    of_maps = group_means(found.attributions, groups, clusters)
    of_ink = group_means(_images(bundle, chosen).float() / 255, groups, clusters)
    order = [c for c in bundle.clusters.order if of_maps.count[c] > 0]
    mean, spread = (part[order].numpy() for part in (of_maps.mean, of_maps.spread))
    limit = image_sheet.shared_limit([mean, spread], 0.999)
    rows = [
        image_sheet.Row(name="Mean input", values=of_ink.mean[order].numpy(), kind="ink"),
        image_sheet.Row(name="Mean heatmap", values=mean, limit=limit),
        image_sheet.Row(name="Spread", values=spread, limit=limit),
    ]
    return _write_all(
        asked,
        "clusters-test",
        image_sheet.compose(rows, [bundle.clusters.names[c] for c in order], False),
        title=f"Mean heatmap of each cluster ({_title(asked.method)}), up to {EACH} test images "
        "each",
        unit=_unit(asked.method),
        about=_about(bundle, asked.method, asked.output),
    )


def _choose(bundle: "Bundle", split: str, count: int, seed: int) -> "np.ndarray":
    from ..evaluation import exemplars

    return exemplars.choose_for_split(bundle.index, split, "One a cluster", count=count, seed=seed)


def _images(bundle: "Bundle", rows: "np.ndarray") -> "torch.Tensor":
    return bundle.dataset.images(list(bundle.index["id"].iloc[rows]))


def _maps(asked: _Asked, rows: "np.ndarray", method: str) -> "Attribution":
    from ..attribution.of_bundle import attributions

    images = _images(asked.bundle, rows)
    return attributions(asked.bundle, images, method, output=asked.output, seed=asked.seed)


def _ink_rows(bundle: "Bundle", images: "torch.Tensor") -> list:
    import torch

    from ..data.io.pixel_values import pictures
    from ..data.preprocessing import to_float
    from ..plots.image_sheet import Row

    x = to_float(images, bundle.device)
    with torch.no_grad():
        decoded = bundle.model.reconstruct(x)
    parts = {"Input": x, "Reconstruction": decoded}
    return [Row(name=n, values=pictures(p), kind="ink") for n, p in parts.items()]


def _map_row(method: str, values: "np.ndarray", limit: float | None = None):  # noqa: ANN202
    from ..plots.image_sheet import Row, shared_limit

    limit = shared_limit([values]) if limit is None else limit
    return Row(name=_title(method), values=values, limit=limit)


def _names(
    bundle: "Bundle", rows: "np.ndarray", found: "Attribution", output: "ExplainedOutput"
) -> list[str]:
    """Name the columns: the class or cluster explained, else the image's cluster."""
    if output.classes is not None and output.classes.labelled:
        from ..bundle.cluster_names import class_name

        return [class_name(t, bundle.dataset.class_names) for t in found.target.tolist()]
    return [bundle.clusters.names[c] for c in bundle.index["cluster"].iloc[rows]]


def _title(method: str) -> str:
    from ..attribution.registry import METHODS

    return METHODS[method].title


def _unit(method: str) -> str:
    from ..attribution.registry import METHODS

    card = METHODS[method]
    if card.kind == "mask":
        return "weight of each pixel, 0 to 1"
    if card.kind == "baseline":
        return "independent of the model"
    return "share of the output's change" if card.contribution else "slope of the output"


def _about(bundle: "Bundle", method: str, output: "ExplainedOutput") -> dict[str, object]:
    return {
        "bundle": bundle.name,
        "fingerprint": bundle.digest[:16],
        "method": method,
        "explained": output.name,
        "version": __version__,
    }


def _ids(bundle: "Bundle", rows: "np.ndarray") -> str:
    return " ".join(bundle.index["id"].iloc[rows])


def _write_all(asked: _Asked, name: str, sheet: "Sheet", **words: Any) -> list[Path]:  # noqa: ANN401
    """Write a figure in every format asked for."""
    from ..plots import paper

    drawn = paper.lay_out(sheet, config=asked.config, **words)
    files = [asked.out / f"{name}.{kind}" for kind in asked.formats]
    for file in files:
        _write(file, paper.FORMATS[file.suffix[1:]](drawn))
    return files


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path, make_folder=True) as file:
        file.write(content)
