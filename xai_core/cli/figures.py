"""`xai figures`: the report's figures and those of the pages that make sense on paper.

`xai_core.plots` draws them, as it draws the figures of the dashboard.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

__all__ = ["draw_attribution", "figures"]

SETS = {
    "train": ("figure-2", "Figure 2. Training set"),
    "test": ("figure-3", "Figure 3. Test set"),
}
EACH = 20
"""Images per cluster behind the mean heatmaps."""


def figures(
    bundle: Name,
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    method: Annotated[
        str | None, typer.Option(help="Of the heatmaps; the critic where there is one.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "--of", help="What is explained; the classifier if there is one."
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=20, help="Images of each set.")] = 9,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write the report's figures, every method's heatmaps and the clusters' means, PNG and SVG."""
    from ..attribution.of_bundle import methods_for
    from ..bundle.explained_output import deciding_outputs, explained_output

    opened = open_bundle(bundle, device)
    explained = explained_output(opened, output or next(iter(deciding_outputs(opened)), "cluster"))
    known = methods_for(opened, explained)
    method = method or ("critic" if "critic" in known else "integrated_gradients")
    if method not in known:
        raise ConfigError(f"`--method` must be one of {', '.join(known)}, got '{method}'.")
    with spinner("Drawing"):
        files = [
            _graphical_model(opened, out),
            *_sets(opened, out, method, explained, count, seed),
            *_methods(opened, out, known, explained, count, seed),
            *_clusters(opened, out, method, explained, seed),
        ]
    if as_json:
        about = {"bundle": opened.name, "of": explained.name, "method": method, "seed": seed}
        print_json({**about, "files": [str(file) for file in files]})
    else:
        print_table(f"{out}", [(file.name, file.stat().st_size) for file in files], ("", "bytes"))


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


def _sets(
    bundle: "Bundle", out: Path, method: str, output: "ExplainedOutput", count: int, seed: int
) -> list[Path]:
    """Draw figures 2 and 3, on one scale."""
    from ..plots import image_sheet, paper

    chosen = {split: _choose(bundle, split, count, seed) for split in SETS}
    maps = {split: _maps(bundle, rows, method, output, seed) for split, rows in chosen.items()}
    limit = image_sheet.shared_limit([found.attributions.numpy() for found in maps.values()])
    files = []
    for split, (name, title) in SETS.items():
        rows = _ink_rows(bundle, _images(bundle, chosen[split]))
        rows.append(_map_row(method, maps[split].attributions.numpy(), limit))
        sheet = image_sheet.compose(
            rows, _names(bundle, chosen[split], maps[split], output), False
        )
        drawn = paper.lay_out(
            sheet,
            title=f"{title}: input, reconstruction and heatmap ({_title(method)})",
            unit=_unit(method),
            about={**_about(bundle, method, output), "images": _ids(bundle, chosen[split])},
        )
        files += _both(out / f"{name}-{split}", drawn)
    return files


def _methods(
    bundle: "Bundle",
    out: Path,
    methods: Sequence[str],
    output: "ExplainedOutput",
    count: int,
    seed: int,
) -> list[Path]:
    """Draw the heatmaps of every method for the same test images."""
    from ..plots import image_sheet, paper

    chosen = _choose(bundle, "test", count, seed)
    rows = _ink_rows(bundle, _images(bundle, chosen))
    for method in methods:
        found = _maps(bundle, chosen, method, output, seed)
        rows.append(_map_row(method, found.attributions.numpy()))
    drawn = paper.lay_out(
        image_sheet.compose(rows, _names(bundle, chosen, found, output), False),
        title=f"Test set: every method's heatmap of {output.name}",
        unit="values of each method",
        about={**_about(bundle, ", ".join(methods), output), "images": _ids(bundle, chosen)},
    )
    return _both(out / "methods-test", drawn)


def _clusters(
    bundle: "Bundle", out: Path, method: str, output: "ExplainedOutput", seed: int
) -> list[Path]:
    """Draw each cluster's mean test image, mean heatmap and the spread around it."""
    import numpy as np
    import torch

    from ..attribution.group_means import group_means
    from ..plots import image_sheet, paper

    clusters, rng = bundle.model.config.num_clusters, np.random.default_rng(seed)
    test = (bundle.index["split"] == "test").to_numpy()
    cluster = bundle.index["cluster"].to_numpy()
    members = [
        rng.permutation(np.flatnonzero(test & (cluster == c)))[:EACH] for c in range(clusters)
    ]
    chosen = np.concatenate(members)
    groups = torch.from_numpy(cluster[chosen])
    found = _maps(bundle, chosen, method, output, seed)
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
    drawn = paper.lay_out(
        image_sheet.compose(rows, [bundle.clusters.names[c] for c in order], False),
        title=f"Mean heatmap of each cluster ({_title(method)}), up to {EACH} test images each",
        unit=_unit(method),
        about=_about(bundle, method, output),
    )
    return _both(out / "clusters-test", drawn)


def _choose(bundle: "Bundle", split: str, count: int, seed: int) -> "np.ndarray":
    from ..evaluation import exemplars

    return exemplars.choose_for_split(bundle.index, split, "One a cluster", count=count, seed=seed)


def _images(bundle: "Bundle", rows: "np.ndarray") -> "torch.Tensor":
    return bundle.dataset.images(list(bundle.index["id"].iloc[rows]))


def _maps(
    bundle: "Bundle", rows: "np.ndarray", method: str, output: "ExplainedOutput", seed: int
) -> "Attribution":
    from ..attribution.of_bundle import attributions

    return attributions(bundle, _images(bundle, rows), method, output=output, seed=seed)


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


def _both(stem: Path, drawn) -> list[Path]:  # noqa: ANN001
    """Write a figure as PNG and as SVG."""
    from ..plots import paper

    files = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    _write(files[0], paper.png(drawn))
    _write(files[1], paper.svg(drawn))
    return files


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path, make_folder=True) as file:
        file.write(content)
