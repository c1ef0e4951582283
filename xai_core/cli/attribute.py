"""`xai attribute` and `xai faithfulness`: heatmaps and their faithfulness."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigError
from .options import (
    Device,
    Engine,
    Images,
    Json,
    Name,
    Out,
    Output,
    Seed,
    check_out,
    images_of,
    open_bundle,
    shapes_of,
)
from .terminal import print_json, print_table, print_warning, spinner

if TYPE_CHECKING:
    import numpy as np

    from .._types import ByteImages
    from ..attribution.api import Attribution
    from ..attribution.config import AttributionConfig
    from ..bundle.reading import Bundle
    from ..evaluation.faithfulness.intervals import Interval
    from ..evaluation.faithfulness.table import FaithfulnessTable, MethodScores

__all__ = ["attribute", "faithfulness"]

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of methods, such as n_steps=64."),
]
DRAWN = 9
"""Largest number of images in a figure."""
SCORES = (
    "insertion",
    "deletion",
    "infidelity",
    "sensitivity",
    "gap",
    "sparsity",
    "randomisation",
    "class_sensitivity",
)


def attribute(
    bundle: Name,
    images: Images,
    method: Annotated[str, typer.Option(help="Such as integrated_gradients, saliency, critic.")],
    out: Out,
    output: Output = "classifier",
    target: Annotated[
        str | None,
        typer.Option(help="Class, by name or number, or cluster; the predicted one if not given."),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="mean, zero, blurred, other_cluster or prototypes.")
    ] = None,
    settings: Set = None,
    scored: Annotated[
        bool, typer.Option("--scores", help="Also write each map's insertion, deletion, sparsity.")
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help=f"A .png or .svg to draw, of the first {DRAWN} images.")
    ] = None,
    engine: Engine = "local",
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write a heatmap per image, as arrays or as Parquet parts."""
    from ..atomic_write import write_arrays
    from ..attribution.of_bundle import IMAGES_AT_ONCE, attributions
    from .sharded_output import write_parts

    check_out(out, figure, ".png", ".svg")
    config = _config(settings)

    def explain(
        opened: "Bundle", some: "ByteImages"
    ) -> "tuple[Attribution, dict[str, np.ndarray]]":
        found = attributions(
            opened,
            some,
            method,
            output=output,
            target=target,
            baseline=baseline,
            config=config,
            seed=seed,
        )
        if found.warning:
            print_warning(found.warning)
        scores = _scores(opened, some, found, output) if scored else {}
        return found, _arrays(found) | scores

    if not out.suffix:
        write_parts(
            out,
            lambda opened, some, _: explain(opened, some)[1],
            bundle=bundle,
            images=images,
            engine=engine,
            device=device,
            block=IMAGES_AT_ONCE,
            about={
                "of": output,
                "method": method,
                "target": target,
                "baseline": baseline,
                "settings": settings,
                "scores": scored,
                "seed": seed,
            },
            as_json=as_json,
        )
        return
    opened = open_bundle(bundle, device)
    pixels = images_of(opened, images)
    with spinner("Explaining"):
        found, arrays = explain(opened, pixels)
        write_arrays(out, arrays)
    if figure is not None:
        from .figures import draw_attribution

        draw_attribution(opened, pixels[:DRAWN], found, figure, output=output)
    shapes = shapes_of(arrays)
    about = {"bundle": opened.name, "of": output, "method": method, "gap": _gap(found)}
    if as_json:
        drawn = {"figure": None if figure is None else str(figure)}
        about["incomplete"] = int(found.incomplete.sum())
        print_json({**about, "seed": seed, "out": str(out), **drawn, "arrays": shapes})
    else:
        print_table(f"{out}", [*about.items(), *shapes.items()])


def faithfulness(
    bundle: Name,
    methods: Annotated[
        str, typer.Option(help="'all' that apply, or some: saliency,deep_lift.")
    ] = "all",
    images: Images = "test",
    num_images: Annotated[
        int, typer.Option(min=2, help="Number of these images to draw and use.")
    ] = 50,
    output: Output = "classifier",
    settings: Set = None,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep the scores beside the bundle, for the page Heatmaps."),
    ] = False,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Score heatmaps against random maps and edges, and list those not to trust."""
    import torch

    from ..evaluation.faithfulness.scores import FaithfulnessConfig
    from ..evaluation.faithfulness.summary import keep_summary
    from ..evaluation.faithfulness.table import scores

    if keep and (methods != "all" or images != "test" or settings or ":" in output):
        raise ConfigError(
            "`--keep` keeps the scores of all methods at their default settings on test images, "
            "for the classifier, the clusters, the bound or the reconstruction. Leave out "
            "--methods, --images and --set."
        )
    config = _config(settings)
    opened = open_bundle(bundle, device)
    pixels = images_of(opened, images)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed))
    chosen = pixels[order[:num_images]]
    with spinner(f"Scoring on {len(chosen)} images"):
        table = scores(
            opened,
            chosen,
            "all" if methods == "all" else [name.strip() for name in methods.split(",")],
            output=output,
            config=FaithfulnessConfig(seed=seed),
            attribution=config,
        )
    if keep:
        keep_summary(opened.path, opened.digest, output, table.summary())
    if as_json:
        about = {"bundle": opened.name, "of": output, "num_images": table.num_images, "seed": seed}
        about["uninformative"] = list(table.uninformative)
        print_json({**about, "shares": list(table.shares), "methods": _rows(table)})
    else:
        _show(opened.name, table)


def _config(settings: list[str] | None) -> "AttributionConfig":
    """Read settings such as "n_steps=64"."""
    from ..attribution.config import CONTROLS, AttributionConfig

    found: dict[str, int | float] = {}
    for text in settings or ():
        name, _, value = text.partition("=")
        if name not in CONTROLS:
            raise ConfigError(f"`--set` must name one of {', '.join(CONTROLS)}, got '{text}'.")
        try:
            found[name] = type(CONTROLS[name].low)(value)
        except ValueError as error:
            raise ConfigError(f"`--set {name}` must be a number, got '{value}'.") from error
    return AttributionConfig(**found)  # type: ignore[arg-type]


def _arrays(found: "Attribution") -> "dict[str, np.ndarray]":
    """Return arrays by name with one row per image, ready for an .npz."""
    import numpy as np

    arrays = {
        "attributions": found.attributions.numpy(),
        "targets": found.target.numpy(),
        "method": np.array(found.method),
    }
    if found.convergence_delta is not None and found.output_change is not None:
        arrays["convergence_delta"] = found.convergence_delta.numpy()
        arrays["output_change"] = found.output_change.numpy()
        arrays["incomplete"] = found.incomplete.numpy()
    return arrays


def _scores(
    bundle: "Bundle", images: "ByteImages", found: "Attribution", output: str
) -> "dict[str, np.ndarray]":
    from ..evaluation.faithfulness.map_scores import map_scores, ranked

    worth = map_scores(bundle, images, ranked(found), found.target.cpu(), output=output)
    return {
        "insertion": worth.insertion.numpy(),
        "deletion": worth.deletion.numpy(),
        "sparsity": worth.sparsity.numpy(),
    }


def _gap(found: "Attribution") -> float | None:
    """Return the mean completeness gap, as a share of the output's mean change."""
    from ..evaluation.faithfulness.measures import completeness_gap

    if found.convergence_delta is None or found.output_change is None:
        return None
    return float(completeness_gap(found.convergence_delta, found.output_change).mean())


def _rows(table: "FaithfulnessTable") -> list[dict[str, object]]:
    from dataclasses import asdict

    rows = []
    for row in table.rows:
        curves = table.measured[row.method]
        rows.append(
            {
                **asdict(row),
                "trusted": row.trusted,
                "insertion_curve": curves.insertion_curve.mean(0).tolist(),
                "deletion_curve": curves.deletion_curve.mean(0).tolist(),
            }
        )
    return rows


def _show(name: str, table: "FaithfulnessTable") -> None:
    from ..attribution.registry import METHODS
    from ..evaluation.faithfulness.trust_criteria import CHECKS

    ranked = sorted(table.rows, key=lambda row: row.deletion.mean - row.insertion.mean)
    cells = [
        (METHODS[row.method].title, *(_cell(getattr(row, score)) for score in SCORES), _trust(row))
        for row in ranked
    ]
    head = ("method", "insertion", "deletion", "infidelity", "sensitivity", "gap", "sparsity",
            "random model", "other class", "trust")  # fmt: skip
    print_table(f"{name}: {table.output}, {table.num_images} images", cells, head)
    for row in ranked:
        if row.reasons:
            title = METHODS[row.method].title
            typer.echo(f"Do not trust {title} here: {'; '.join(row.reasons)}.")
    for check in table.uninformative:
        blind = [
            METHODS[row.method].title
            for row in ranked
            if METHODS[row.method].kind == "baseline" and check in row.passed
        ]
        also = f", not even {' or '.join(blind)}" if blind else ""
        typer.echo(
            f"No method here fails the check '{CHECKS[check]}'{also}: it does not discriminate."
        )


def _cell(found: "Interval") -> str:
    if found.mean != found.mean:
        return "-"
    return f"{found.mean:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _trust(row: "MethodScores") -> str:
    return "yes" if row.trusted else "NO"
