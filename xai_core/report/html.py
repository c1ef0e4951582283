"""One image's whole story as a page that stands alone: for a colleague, a drawer, or a paper."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._numbers import Number
from ..plots import elbo_terms, image_sheet, theme
from ..plots.clusters import table as cluster_table
from ..plots.counterfactual import change
from ..plots.latent_map import path, points
from ..plots.probabilities import percent
from ..plots.style import plain, signed
from .markup import Html, figure, join, number, page, picture, section, table, tag

if TYPE_CHECKING:
    from ..bundle.reading import Bundle
    from .image_report import ImageReport

__all__ = [
    "html",
]


WHO = {
    "classifier": "the classifier's decision",
    "cluster": "the cluster, log q(c|x)",
    "elbo": "the ELBO",
}
SEARCHES = {
    "default": "near search: the nearest code of the target class in the latent space, with what "
    "the decoder does not draw carried over",
    "diffeomorphic": "plain gradient ascent of log p(target) in the latent space",
    "pixel": "the same ascent on the pixels: an adversarial example",
    "nearest": "the nearest real train image of the target class",
}


def html(bundle: "Bundle", found: "ImageReport") -> bytes:
    """Write what a bundle says of one image as a page without any other file.

    Every number is also there with all its digits, in the `value` of its `data` element.

    Args:
        bundle: Names, the map and the settings come from it.
        found: From `xai_core.report.image_report`.
    """
    name = _name(found)
    return page(
        f"{name} in {bundle.name}",
        tag("h1", f"What {bundle.name} says of {name}"),
        _summary(bundle, found),
        _reconstruction(found),
        _bound(bundle, found),
        _clusters(bundle, found),
        _place(bundle, found),
        _heatmaps(bundle, found),
        _counterfactuals(bundle, found),
        _origin(bundle, found),
        _commands(found),
    )


def _name(found: "ImageReport") -> str:
    own = found.image_id.startswith("own:")
    return "an image of one's own" if own else found.image_id


def _cluster_names(bundle: "Bundle") -> list[str]:
    clusters, classes = bundle.model.config.num_clusters, bundle.manifest.dataset.class_names
    return cluster_table.cluster_names(clusters, bundle.cluster_labels, classes)


def _class_names(bundle: "Bundle", of: str, count: int) -> list[str]:
    if of == "cluster":
        return [f"cluster {name}" for name in _cluster_names(bundle)]
    names = bundle.manifest.dataset.class_names
    return [names[c] if c < len(names) else str(c) for c in range(count)]


def _summary(bundle: "Bundle", found: "ImageReport") -> Html:
    probs = found.encoded.encoding.cluster_probs[0].numpy()
    cluster = int(probs.argmax())
    facts = [
        f"It falls into cluster {_cluster_names(bundle)[cluster]} ({percent(probs[cluster])})"
    ]
    classes = found.encoded.class_probs
    if classes is not None:
        best = int(classes[0].argmax())
        named = _class_names(bundle, "classifier", classes.shape[1])[best]
        facts.append(f"the classifier takes it for {named} ({percent(float(classes[0, best]))})")
    if not found.image_id.startswith("own:"):
        label, names = int(bundle.row(found.image_id)["label"]), bundle.dataset.class_names
        if label >= 0:
            facts.append(f"its label is {names[label] if label < len(names) else label}")
    return tag("p", f"{'; '.join(facts)}.")


def _reconstruction(found: "ImageReport") -> Html:
    x, drawn = found.image.numpy() / np.float32(255), found.reconstruction.numpy()
    error = x - drawn
    missed = float(np.abs(error).sum())
    shown = [
        figure(picture(x, f"The input, {_name(found)}"), "Input"),
        figure(picture(drawn, "What the decoder draws of it"), "Reconstruction"),
        figure(
            _signed(error, 1.0, f"The error; {plain(missed, 1)} full pixels in all"),
            "Error: input \N{MINUS SIGN} reconstruction, \N{MINUS SIGN}1 to +1",
        ),
    ]
    words = join(["Pixel error, summed: ", number(missed, plain(missed, 2), "reconstruction_l1"),
                  " full pixels of 784."])  # fmt: skip
    return section(
        "Input, reconstruction and error",
        _read("The reconstruction is the decoder's image at the mean of q(z|x). Warm pixels of "
              "the error are ink that was lost, cold ones ink that was added."),
        tag("div", *shown, class_="row"),
        tag("p", words),
    )  # fmt: skip


def _bound(bundle: "Bundle", found: "ImageReport") -> Html:
    terms, index = found.encoded.encoding.terms, bundle.index
    others = index["elbo"][index["split"] == "test"].to_numpy()
    rows = []
    for key in elbo_terms.ORDER:
        value = float(getattr(terms, key)[0])
        nats = number(value, plain(value), key)
        enters = "the sum" if key == "elbo" else "added" if elbo_terms.TERMS[key].sign > 0 else (
            "subtracted")  # fmt: skip
        rows.append((elbo_terms.TERMS[key].name, elbo_terms.TERMS[key].formula, nats, enters))
    below = 100 * float((others < float(terms.elbo[0])).mean()) if len(others) else float("nan")
    drawn = f"One draw of z, seed {found.seed}, so the pages' own draw differs by its noise."
    return section(
        "How well it is explained",
        _read("The evidence lower bound (ELBO) on log p(x) and its terms, in nats for the whole "
              f"image; higher is better. {drawn}"),
        table(("Term", "Formula", "Nats", "How it enters"), rows, "The bound, term by term"),
        tag("p", f"Of the test images, {plain(below, 1)} % have a lower ELBO."),
    )  # fmt: skip


def _clusters(bundle: "Bundle", found: "ImageReport") -> Html:
    probs, names = found.encoded.encoding.cluster_probs[0].numpy(), _cluster_names(bundle)
    parts = [_probabilities("Cluster", "q(c|x)", names, probs, "cluster")]
    classes = found.encoded.class_probs
    if classes is not None:
        named = _class_names(bundle, "classifier", classes.shape[1])
        parts.append(_probabilities("Class", "p(class|x)", named, classes[0].numpy(), "class"))
    return section(
        "Cluster and class",
        _read("Cluster 3 \N{RIGHTWARDS ARROW} 7 is cluster 3, named after label 7 once training "
              "was over. The clusters were found without labels; the classifier was trained with "
              "them and shares nothing with the clusters."),
        tag("div", *parts, class_="row"),
    )  # fmt: skip


def _probabilities(
    what: str, symbol: str, names: Sequence[str], probs: NDArray[np.floating], key: str
) -> Html:
    order = np.argsort(-probs, kind="stable").tolist()
    rows = [(names[c], number(float(probs[c]), percent(probs[c]), f"{key}-{c}")) for c in order]
    return tag("div", table((what, symbol), rows, f"{what} probabilities"))


def _place(bundle: "Bundle", found: "ImageReport") -> Html:
    xy = bundle.index[["umap_x", "umap_y"]].to_numpy(np.float32)
    clusters, names = bundle.index["cluster"].to_numpy(), _cluster_names(bundle)
    (light, square), (dark, _) = (
        path.backdrop(xy, clusters, theme.categorical(len(names)), night)
        for night in (False, True)
    )
    left, bottom, side = square
    x, y = (float(part) for part in found.encoded.umap[0])
    at = _percent_of(x, y, left, bottom, side)
    words = [
        _label(names[c], *_percent_of(a, b, left, bottom, side))
        for c, a, b in points.medians(xy, clusters, len(names))
    ]
    marks = [
        Html(f'<circle class="{kind}" cx="{at[0]:.2f}" cy="{at[1]:.2f}" r="1.6"/>')
        for kind in ("halo", "here")
    ]
    overlay = tag("svg", *words, *marks, viewBox="0 0 100 100", aria_hidden="true")
    nearest = names[int(found.encoded.encoding.cluster_probs[0].argmax())]
    alt = f"All {len(xy):,} images as points; a ring marks this one, of cluster {nearest}"
    media = "screen and (prefers-color-scheme: dark)"
    shown = Html(f'<picture><source media="{media}" srcset="{dark}">'
                 f'<img src="{light}" alt="{alt}"></picture>')  # fmt: skip
    place = join(["At (", number(x, plain(x), "umap-x"), ", ", number(y, plain(y), "umap-y"),
                  ") in map units, which have no meaning beyond the map."])  # fmt: skip
    return section(
        "Place on the map",
        _read("A UMAP projection of the codes of all images. What lies close together on it is "
              "mostly close in the latent space; distances between groups mean nothing."),
        tag("div", shown, overlay, class_="map"),
        tag("p", place),
    )  # fmt: skip


def _percent_of(
    x: Number, y: Number, left: Number, bottom: Number, side: Number
) -> tuple[float, float]:
    return float(100 * (x - left) / side), float(100 * (1 - (y - bottom) / side))


def _label(words: str, x: Number, y: Number) -> Html:
    return Html(f'<text x="{x:.2f}" y="{y:.2f}">{words}</text>')


def _heatmaps(bundle: "Bundle", found: "ImageReport") -> Html:
    from ..attribution.registry import METHODS

    target = ""
    if found.scores is not None:
        probs = found.encoded.class_probs if found.of == "classifier" else None
        count = bundle.model.config.num_clusters if probs is None else probs.shape[1]
        number_of = int(found.maps[0].target[0])
        target = f" for {_class_names(bundle, found.of, count)[number_of]}"
    pictures, rows = [], []
    for k, one in enumerate(found.maps):
        values, card = one.attributions[0].numpy(), METHODS[one.method]
        total = float(values.sum())
        alt = f"{card.title} heatmap; its values sum to {signed(total, 2)}"
        limit = image_sheet.shared_limit([values])
        pictures.append(figure(_signed(values, limit, alt), tag("strong", card.title)))
        rows.append((card.title, *_scores(found, k), number(total, signed(total, 2),
                     f"sum-{one.method}"), card.note))  # fmt: skip
    scores = ("Insertion", "Deletion", "Sparsity") if found.scores is not None else ()
    head = ("Method", *scores, "Sum of the map", "What it says")
    return tag(
        "section",
        tag("h2", "Heatmaps"),
        _read(f"Which pixels matter for {WHO.get(found.of, found.of)}{target}: warm ones speak "
              "for it, cold ones against it, each map on a scale of its own. Insertion is the "
              "area under the probability while pixels are shown in the map's order (high is "
              "good), deletion while they are taken away (low is good), sparsity the Gini index "
              "of the map. Random and Edges know nothing of the model: a map that scores like "
              "those says nothing either."),
        tag("div", *pictures, class_="row small"),
        table(head, rows, "Scores of each heatmap on this image"),
        class_="long",
    )  # fmt: skip


def _scores(found: "ImageReport", row: int) -> list[Html]:
    if found.scores is None:
        return []
    method = found.maps[row].method
    return [
        number(float(getattr(found.scores, key)[row]),
               plain(float(getattr(found.scores, key)[row])), f"{key}-{method}")
        for key in ("insertion", "deletion", "sparsity")
    ]  # fmt: skip


def _counterfactuals(bundle: "Bundle", found: "ImageReport") -> Html:
    done = found.changed
    if done is None:
        words = "This bundle tells no classes apart, so there is nothing to turn the image into."
        return section("Counterfactuals", tag("p", words))
    names, x = (
        _class_names(bundle, found.of, done.probabilities.shape[1]),
        done.images[0, 0].numpy(),
    )
    rows = []
    for k, target in enumerate(done.target.tolist()):
        after = done.counterfactuals[k, 0].numpy()
        reached, l1, l2 = (
            float(v) for v in (done.probabilities[k, target], done.l1[k], done.l2[k])
        )
        added, removed = change.ink(after - x)
        rows.append((
            names[target],
            picture(after, f"This image turned into {names[target]}"),
            _signed(after - x, 1.0, f"Ink added: {added:.1f}, removed: {removed:.1f} full pixels"),
            number(reached, percent(reached), f"reached-{target}"),
            number(l1, plain(l1, 1), f"l1-{target}"),
            number(l2, plain(l2), f"l2-{target}"),
            "yes" if done.converged[k] else f"no: {done.reasons[k]}",
        ))  # fmt: skip
    head = ("Target", "Counterfactual", "Change", "p(target)", "Ink changed (L1)",
            "Distance (L2)", "Arrived")  # fmt: skip
    return tag(
        "section",
        tag("h2", "Counterfactuals"),
        _read("What this image would have to look like to be another "
              f"{'cluster' if found.of == 'cluster' else 'class'}, by {SEARCHES[found.search]}. "
              "Warm is ink that was added, cold is ink that was removed; L1 is in full pixels. "
              "A counterfactual has arrived where its target is at least 99 % probable. Compare "
              "it with the reconstruction above, which is all the decoder knows of the image."),
        table(head, rows, "One counterfactual for each target"),
        class_="long",
    )  # fmt: skip


def _origin(bundle: "Bundle", found: "ImageReport") -> Html:
    from .._version import __version__

    made, data, config = bundle.manifest, bundle.manifest.dataset, bundle.model.config
    rows = [
        ("Image", tag("code", found.image_id)),
        ("Bundle", bundle.name),
        ("Bundle's SHA-256", tag("code", bundle.digest)),
        ("Data set", f"{data.name}, {data.num_train:,} train and {data.num_test:,} test images"),
        ("Data's SHA-256", tag("code", str(data.sha256))),
        ("Model", f"{config.num_clusters} clusters, {config.latent_dim} latent dimensions, "
         f"{config.factorisation}, {config.likelihood}, decoder reads "
         f"{config.decoder_conditioning}, {config.prior} prior"),
        ("Explained", WHO.get(found.of, found.of)),
        ("Heatmaps", "every method that applies, at its default settings"),
        ("Counterfactuals", f"method {found.search}, target probability 99 %"),
        ("Seed", str(found.seed)),
        ("Trained", f"{made.created[:16].replace('T', ' ')} UTC on {made.device}, "
         f"seed {made.seed}, with {', '.join(f'{n} {v}' for n, v in made.versions.items())}"),
        ("Report made by", f"cluster-vae-xai {__version__}"),
    ]  # fmt: skip
    return section("Where it comes from", table(("What", "Value"), rows, "Settings and versions"))


def _commands(found: "ImageReport") -> Html:
    lines = [
        join([tag("h3", f"{one.remakes[:1].upper()}{one.remakes[1:]}"),
              tag("pre", tag("code", one.line))])
        for one in found.commands
    ]  # fmt: skip
    return tag(
        "section",
        tag("h2", "Make it again"),
        tag("p", "Each command writes the numbers above into the file it names. Run them where "
            "the folder checkpoints holds the bundle, or with its folder in $XAI_BUNDLES."),
        *lines,
        class_="long",
    )  # fmt: skip


def _read(words: str) -> Html:
    return tag("p", words, class_="read")


def _signed(values: NDArray[np.floating], limit: Number, alt: str) -> Html:
    light, dark = (
        theme.colourise(values, theme.diverging(night), limit) for night in (False, True)
    )
    return picture(light, alt, dark=dark)
