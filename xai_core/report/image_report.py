"""All results of a bundle for one image, and the commands that reproduce them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .._types import ByteImages
from ..attribution.api import Attribution
from ..attribution.of_bundle import attributions, methods_for
from ..bundle.encode import Encoded, encode
from ..bundle.explained_output import ExplainedOutput, deciding_outputs, explained_output
from ..bundle.reading import Bundle
from ..counterfactual.api import Counterfactual
from ..counterfactual.of_bundle import counterfactuals
from ..counterfactual.task import Method
from ..data.user_images import images_of
from ..evaluation import conformal
from ..evaluation.faithfulness.map_scores import MapScores, map_scores, ranked

__all__ = ["LEVEL", "Command", "ImageReport", "ReportConfig", "image_report"]

LEVEL = 0.95
"""Share of images like the test images whose prediction set contains their label."""


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Settings of a report.

    Attributes:
        output: What heatmaps and counterfactuals explain. None for the classifier if there is
            one, otherwise the cluster, or the ELBO of a model with one cluster.
        search: Method of the counterfactuals.
        seed: Seed of the draw of z and of the random methods.
    """

    output: str | ExplainedOutput | None = None
    search: Method = "default"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Command:
    """A shell command, and what it reproduces."""

    remakes: str
    line: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageReport:
    """The results of a bundle for one image, on the CPU.

    Attributes:
        image_id: Id in the data set, or of the user's own image.
        output: Name of what heatmaps and counterfactuals explain.
        search: Method of the counterfactuals.
        seed: Seed of all random numbers.
        image: Its pixels.
        encoded: q(z|x), q(c|x), the bound's terms, the classifier's answer, the place on the map.
        reconstruction: In [0, 1].
        maps: One heatmap per method.
        scores: Scores of the heatmaps, one row per method; None without probabilities.
        sets: For each model that has prediction sets, by its name in a sentence: the labels in
            the image's set at `LEVEL`, the most plausible first.
        changed: Counterfactuals towards every other class; None if there are no classes.
        commands: Commands that reproduce it, from encoding to the report itself.
    """

    image_id: str
    output: str
    search: Method
    seed: int
    image: UInt8[Tensor, "channels height width"]
    encoded: Encoded
    reconstruction: Float[Tensor, "channels height width"]
    maps: tuple[Attribution, ...]
    scores: MapScores | None
    sets: dict[str, list[int]]
    changed: Counterfactual | None
    commands: tuple[Command, ...]


def image_report(
    bundle: Bundle, image_id: str, *, config: ReportConfig | None = None
) -> ImageReport:
    """Compute all results of a bundle for one image.

    Args:
        bundle: The models, on the device to compute on.
        image_id: Such as "test:123", or the id of the user's own image, see `own_id`.
        config: Settings; the defaults if None.

    Raises:
        DataError: If there is no such image.
        BundleError: If the bundle lacks a part that the output needs.
    """
    config = config or ReportConfig()
    output = explained_output(bundle, config.output or _usual(bundle))
    images = images_of(bundle.dataset, [image_id])
    encoded = encode(bundle, images, seed=config.seed)
    maps = [
        attributions(bundle, images, name, output=output, seed=config.seed)
        for name in methods_for(bundle, output)
    ]
    classes = output in deciding_outputs(bundle)
    return ImageReport(
        image_id=image_id,
        output=output.name,
        search=config.search,
        seed=config.seed,
        image=images[0],
        encoded=encoded,
        reconstruction=_decoded(bundle, encoded),
        maps=tuple(maps),
        scores=_scores(bundle, images, maps, output) if classes else None,
        sets=_sets(bundle, image_id),
        changed=counterfactuals(bundle, images, "all", output=output, method=config.search)
        if classes
        else None,
        commands=_commands(bundle, image_id, output, config, [one.method for one in maps]),
    )


def _usual(bundle: Bundle) -> str | ExplainedOutput:
    return next(iter(deciding_outputs(bundle)), "elbo")


def _sets(bundle: Bundle, image_id: str) -> dict[str, list[int]]:
    found = {}
    for output in deciding_outputs(bundle):
        if output.classes is not None and not conformal.obstacle(bundle, output.name):
            known = conformal.hold_out(bundle, output.name)
            p_values = conformal.p_values_of(bundle, output.name, image_id, known)
            found[output.classes.who] = conformal.members(p_values, LEVEL)
    return found


def _scores(
    bundle: Bundle, images: ByteImages, maps: list[Attribution], output: ExplainedOutput
) -> MapScores:
    """Score all heatmaps of one image in one call."""
    return map_scores(
        bundle,
        images.expand(len(maps), -1, -1, -1),
        torch.cat([ranked(one) for one in maps]),
        torch.cat([one.target.cpu() for one in maps]),
        output=output,
    )


@torch.no_grad()
def _decoded(bundle: Bundle, encoded: Encoded) -> Float[Tensor, "channels height width"]:
    known = encoded.encoding
    mean, probs = (part.to(bundle.device) for part in (known.mean, known.cluster_probs))
    return bundle.model.decode(mean, probs)[0].float().cpu()


def _commands(
    bundle: Bundle,
    image_id: str,
    output: ExplainedOutput,
    config: ReportConfig,
    methods: list[str],
) -> tuple[Command, ...]:
    def line(command: str, rest: str, image: str = "--images") -> str:
        seed = "" if command == "counterfactual" else f" --seed {config.seed}"
        return (
            f"xai {command} {bundle.name} {image} {image_id}{rest}{seed} --device {bundle.device}"
        )

    scored = " --scores" if output in deciding_outputs(bundle) else ""
    found = [
        Command(
            remakes="code, clusters, classes, bound, pixel error and place on the map",
            line=line("encode", " --out encoded.npz"),
        )
    ]
    found += [
        Command(
            remakes=f"heatmap: {name}",
            line=line(
                "attribute", f" --method {name} --output {output.name}{scored} --out {name}.npz"
                f" --figure {name}.svg"
            ),
        )
        for name in methods
    ]  # fmt: skip
    if scored:
        rest = f" --target all --output {output.name} --method {config.search}"
        rest += " --out counterfactuals.npz --figure counterfactuals.png"
        found.append(Command(remakes="counterfactuals", line=line("counterfactual", rest)))
    rest = f" --output {output.name} --search {config.search} --out report.html"
    found.append(Command(remakes="this report", line=line("report", rest, "--image")))
    return tuple(found)
