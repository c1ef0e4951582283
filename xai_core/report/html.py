"""All results of a bundle for one image, as one self-contained HTML page.

`report.html` holds the text; this module computes the values in it, which Jinja escapes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from .._numbers import Number
from ..bundle.cluster_names import class_name
from ..plots import elbo_terms, image_sheet, theme
from ..plots.counterfactual import change
from ..plots.latent_map import path, points
from ..plots.probabilities import percent
from ..plots.style import plain, signed
from . import pictures
from .pictures import Picture

if TYPE_CHECKING:
    from ..bundle.explained_output import Classes, ExplainedOutput
    from ..bundle.reading import Bundle
    from .image_report import ImageReport

__all__ = [
    "html",
]

SEARCHES = {
    "default": "boundary search: the nearest code of the target class in the latent space, plus "
    "the residual that the decoder does not reproduce",
    "diffeomorphic": "plain gradient ascent of log p(target) in the latent space",
    "pixel": "the same ascent on the pixels: an adversarial example",
    "nearest": "the nearest real train image of the target class",
}


@dataclass(frozen=True)
class _Number:
    """A number as shown, with all its digits and a machine-readable name."""

    digits: str
    shown: str
    name: str


@dataclass(frozen=True)
class _Code:
    """Text in a fixed-width font."""

    code: str


Cell = str | _Number | Picture | _Code


@dataclass(frozen=True)
class _Table:
    """A table whose first column names its rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str


def html(bundle: "Bundle", found: "ImageReport") -> bytes:
    """Return the HTML page of a bundle's results for one image.

    Every number is also included with all its digits, in the `value` of its `data` element.

    Args:
        bundle: The bundle.
        found: Its results, from `image_report`.
    """
    from ..bundle.explained_output import explained_output

    pages = Environment(
        loader=PackageLoader("xai_core", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    output = explained_output(bundle, found.output)
    content = pages.get_template("report.html").render(
        image=_name(found),
        bundle=bundle.name,
        seed=str(found.seed),
        explained=output.words,
        kind="class" if output.classes is None else output.classes.noun,
        search=SEARCHES[found.search],
        summary=_summary(bundle, found),
        reconstruction=_reconstruction(found),
        bound=_bound(bundle, found),
        clusters_mean=bundle.clusters.meaning,
        probabilities=_clusters(bundle, found),
        sets=_sets(bundle, found),
        place=_place(bundle, found),
        heatmaps=_heatmaps(bundle, found, output),
        counterfactuals=_counterfactuals(bundle, found, output),
        origin=_origin(bundle, found, output),
        commands=[(f"{c.remakes[:1].upper()}{c.remakes[1:]}", c.line) for c in found.commands],
    )
    return content.encode()


def _number(value: Number, shown: str, name: str) -> _Number:
    return _Number(f"{value:.9g}", shown, name)


def _name(found: "ImageReport") -> str:
    own = found.image_id.startswith("own:")
    return "your own image" if own else found.image_id


def _class_names(bundle: "Bundle", classes: "Classes | None", count: int) -> list[str]:
    if classes is not None and not classes.labelled:
        return list(bundle.clusters.names)
    return [class_name(c, bundle.manifest.dataset.class_names) for c in range(count)]


def _summary(bundle: "Bundle", found: "ImageReport") -> str:
    probs = found.encoded.encoding.cluster_probs[0].numpy()
    cluster = int(probs.argmax())
    facts = [
        f"It falls into the cluster {bundle.clusters.names[cluster]} ({percent(probs[cluster])})"
    ]
    classes = found.encoded.class_probs
    if classes is not None:
        best = int(classes[0].argmax())
        named = _class_names(bundle, None, classes.shape[1])[best]
        facts.append(f"the classifier predicts {named} ({percent(float(classes[0, best]))})")
    if not found.image_id.startswith("own:"):
        label = int(bundle.row(found.image_id)["label"])
        if label >= 0:
            facts.append(f"its label is {class_name(label, bundle.dataset.class_names)}")
    return f"{'; '.join(facts)}."


def _reconstruction(found: "ImageReport") -> dict[str, Any]:
    x, drawn = pictures.drawn(found.image), pictures.drawn(found.reconstruction)
    error = x - drawn
    missed = float(np.abs(error).sum())
    alt = f"The error; {plain(missed, 1)} full pixels in all"
    minus = "\N{MINUS SIGN}"
    return {
        "pictures": [
            (pictures.picture(x, f"The input, {_name(found)}"), "Input"),
            (pictures.picture(drawn, "The decoder's reconstruction of it"), "Reconstruction"),
            (
                pictures.signed(error, 1.0, alt),
                f"Error: input {minus} reconstruction, {minus}1 to +1",
            ),
        ],
        "error": _number(missed, plain(missed, 2), "reconstruction_l1"),
        "pixels": f"{error.size:,}",
    }


def _bound(bundle: "Bundle", found: "ImageReport") -> dict[str, Any]:
    terms, index = found.encoded.encoding.terms, bundle.index
    others = index["elbo"][index["split"] == "test"].to_numpy()
    rows = []
    for key in elbo_terms.ORDER:
        value, term = float(getattr(terms, key)[0]), elbo_terms.TERMS[key]
        enters = "the sum" if key == "elbo" else "added" if term.sign > 0 else "subtracted"
        rows.append((term.name, term.formula, _number(value, plain(value), key), enters))
    below = 100 * float((others < float(terms.elbo[0])).mean()) if len(others) else float("nan")
    head = ("Term", "Formula", "Nats", "How it enters")
    return {
        "terms": _Table(head, tuple(rows), "The bound, term by term"),
        "below": plain(below, 1),
    }


def _clusters(bundle: "Bundle", found: "ImageReport") -> list[_Table]:
    probs, names = found.encoded.encoding.cluster_probs[0].numpy(), bundle.clusters.names
    tables = [_probabilities("Cluster", "q(c|x)", names, probs, "cluster")]
    classes = found.encoded.class_probs
    if classes is not None:
        named = _class_names(bundle, None, classes.shape[1])
        tables.append(_probabilities("Class", "p(class|x)", named, classes[0].numpy(), "class"))
    return tables


def _sets(bundle: "Bundle", found: "ImageReport") -> list[str]:
    """Say which classes each model cannot exclude."""
    from .image_report import LEVEL

    lines, names = [], bundle.manifest.dataset.class_names
    for who, members in found.sets.items():
        kept = ", ".join(class_name(c, names) for c in members)
        words = f"cannot exclude {kept}" if kept else "excludes every class"
        lines.append(f"At {100 * LEVEL:.0f} %, {who} {words}.")
    return lines


def _probabilities(
    what: str, symbol: str, names: Sequence[str], probs: NDArray[np.floating], key: str
) -> _Table:
    order = np.argsort(-probs, kind="stable").tolist()
    rows = [(names[c], _number(float(probs[c]), percent(probs[c]), f"{key}-{c}")) for c in order]
    return _Table((what, symbol), tuple(rows), f"{what} probabilities")


def _place(bundle: "Bundle", found: "ImageReport") -> dict[str, Any]:
    xy = bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32)
    clusters, names = bundle.index["cluster"].to_numpy(), bundle.clusters.names
    (light, square), (dark, _) = (
        path.backdrop(xy, clusters, theme.cluster_colours(bundle.clusters.order), night)
        for night in (False, True)
    )
    left, bottom, side = square

    def at(x: Number, y: Number) -> tuple[str, str]:
        """Return a position in percent of the map's square."""
        return f"{100 * (x - left) / side:.2f}", f"{100 * (1 - (y - bottom) / side):.2f}"

    x, y = (float(part) for part in found.encoded.umap[0])
    nearest = names[int(found.encoded.encoding.cluster_probs[0].argmax())]
    alt = f"All {len(xy):,} images as points; a ring marks this one, in cluster {nearest}"
    return {
        "picture": Picture(light, alt, dark),
        "labels": [(names[c], *at(a, b)) for c, a, b in points.medians(xy, clusters, len(names))],
        "at": at(x, y),
        "x": _number(x, plain(x), "umap-x"),
        "y": _number(y, plain(y), "umap-y"),
    }


def _heatmaps(bundle: "Bundle", found: "ImageReport", output: "ExplainedOutput") -> dict[str, Any]:
    from ..attribution.registry import METHODS

    target = ""
    if output.classes is not None:
        names = _class_names(bundle, output.classes, output.classes.count(bundle))
        target = f" ({names[int(found.maps[0].target[0])]})"
    drawn: list[tuple[Picture, str]] = []
    rows: list[tuple[Cell, ...]] = []
    for k, one in enumerate(found.maps):
        values, card = one.attributions[0].numpy(), METHODS[one.method]
        total = float(values.sum())
        alt = f"{card.title} heatmap; its values sum to {signed(total, 2)}"
        drawn.append(
            (pictures.signed(values, image_sheet.shared_limit([values]), alt), card.title)
        )
        summed = _number(total, signed(total, 2), f"sum-{one.method}")
        rows.append((card.title, *_scores(found, k), summed, card.note))
    scores = ("Insertion", "Deletion", "Sparsity") if found.scores is not None else ()
    head = ("Method", *scores, "Sum of the map", "How to read it")
    shown = _Table(head, tuple(rows), "Scores of each heatmap on this image")
    warnings = [one.warning.replace("`", "") for one in found.maps if one.warning]
    return {"target": target, "pictures": drawn, "scores": shown, "warnings": warnings}


def _scores(found: "ImageReport", row: int) -> list[_Number]:
    if found.scores is None:
        return []
    method = found.maps[row].method
    values = {
        key: float(getattr(found.scores, key)[row])
        for key in ("insertion", "deletion", "sparsity")
    }
    return [_number(value, plain(value), f"{key}-{method}") for key, value in values.items()]


def _counterfactuals(
    bundle: "Bundle", found: "ImageReport", output: "ExplainedOutput"
) -> _Table | None:
    done = found.changed
    if done is None:
        return None
    names = _class_names(bundle, output.classes, done.probabilities.shape[1])
    x = pictures.drawn(done.images[0])
    rows: list[tuple[Cell, ...]] = []
    for k, target in enumerate(done.target.tolist()):
        after = pictures.drawn(done.counterfactuals[k])
        reached, l1, l2 = (
            float(v) for v in (done.probabilities[k, target], done.l1[k], done.l2[k])
        )
        added, removed = change.ink(after - x)
        rows.append((
            names[target],
            pictures.picture(after, f"This image turned into {names[target]}"),
            pictures.signed(
                after - x, 1.0, f"Ink added: {added:.1f}, removed: {removed:.1f} full pixels"
            ),
            _number(reached, percent(reached), f"reached-{target}"),
            _number(l1, plain(l1, 1), f"l1-{target}"),
            _number(l2, plain(l2), f"l2-{target}"),
            "yes" if done.converged[k] else f"no: {done.reasons[k]}",
        ))  # fmt: skip
    head = ("Target", "Counterfactual", "Change", "p(target)", "Ink changed (L1)",
            "Distance (L2)", "Arrived")  # fmt: skip
    return _Table(head, tuple(rows), "One counterfactual for each target")


def _origin(bundle: "Bundle", found: "ImageReport", output: "ExplainedOutput") -> _Table:
    from .._version import __version__

    made, data, config = bundle.manifest, bundle.manifest.dataset, bundle.model.config
    rows = (
        ("Image", _Code(found.image_id)),
        ("Bundle", bundle.name),
        ("Bundle's SHA-256", _Code(bundle.digest)),
        ("Data set", f"{data.name}, {data.num_train:,} train and {data.num_test:,} test images"),
        ("Data's SHA-256", _Code(data.sha256)),
        ("Model", f"{config.num_clusters} clusters, {config.latent_dim} latent dimensions, "
         f"{config.factorisation}, {config.likelihood}, decoder reads "
         f"{config.decoder_conditioning}, {config.prior} prior"),
        ("Explained", f"{output.title}: {output.words}"),
        ("Heatmaps", "every method that applies, at its default settings"),
        ("Counterfactuals", f"method {found.search}, target probability 99 %"),
        ("Seed", str(found.seed)),
        ("Trained", f"{made.created[:16].replace('T', ' ')} UTC on {made.device}, "
         f"seed {made.seed}, with {', '.join(f'{n} {v}' for n, v in made.versions.items())}"),
        ("Report made by", f"cluster-vae-xai {__version__}"),
    )  # fmt: skip
    return _Table(("What", "Value"), rows, "Settings and versions")
