"""Attribution maps of a bundle's images, or of new ones, for what the bundle can explain."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from .._arguments import checked
from .._moved import renamed
from .._types import Images
from ..bundle.explained_output import ExplainedOutput, explained_output
from ..bundle.image_input import as_float_images
from ..bundle.reading import Bundle
from ..data.preprocessing import to_float
from ..errors import BundleError
from ..latent_space.index import NeighbourSearch
from .api import Attribution, attribute
from .baselines import BASELINES, blurred
from .config import AttributionConfig
from .registry import METHODS, MethodCard, method_card
from .task import Baselines, MaskOf

__all__ = [
    "DEFAULT_BASELINES",
    "attributions",
    "baselines_of",
    "mask_of",
    "mean_image",
    "methods_for",
    "other_cluster",
    "predicted",
    "prototypes",
]

DEFAULT_BASELINES = {"one": "mean", "set": "prototypes"}
"""Default baseline of each kind that a method's card may ask for."""
IMAGES_AT_ONCE = 500


@renamed(of="output")
@checked
def attributions(
    bundle: Bundle,
    images: Tensor | np.ndarray,
    method: str,
    *,
    output: str | ExplainedOutput = "classifier",
    target: object = None,
    baseline: str | None = None,
    config: AttributionConfig | None = None,
    seed: int = 0,
    keep_channels: bool = False,
) -> Attribution:
    """Explain an output of a bundle for images.

    Args:
        bundle: The models, on the device to compute on.
        images: Images in a form that `as_byte_images` accepts.
        method: Key of `METHODS`.
        output: The output to explain, as `explained_output` accepts it.
        target: Class or cluster, by number or class name, one for all or one per image; None for
            the predicted one. A scalar output takes no target.
        baseline: Key of `BASELINES`; None for the entry in `DEFAULT_BASELINES`.
        config: Settings; a method reads those listed on its card.
        seed: Seed of all random draws.
        keep_channels: Whether to return one map per channel as well.

    Returns:
        Maps on the CPU, one per image.

    Raises:
        ValueError: If the method, output, target or baseline does not exist, or they do not fit
            together.
        BundleError: If the bundle lacks a part that the output needs, or its critic.
    """
    card = method_card(method)
    x = as_float_images(bundle, images)
    output = explained_output(bundle, output)
    forward = _forward(bundle, output, card)
    targets = _targets(bundle, x, output, target)
    parts = []
    for rows in torch.arange(len(x), device=x.device).split(IMAGES_AT_ONCE):
        parts.append(
            attribute(
                x[rows],
                forward=forward,
                target=None if targets is None else targets[rows],
                method=method,
                baselines=_baselines(bundle, x[rows], card, baseline),
                config=config,
                seed=seed,
                mask_of=mask_of(bundle, output) if card.needs == "mask" else None,
                keep_channels=keep_channels,
            )
        )
    return _together(parts)


def methods_for(bundle: Bundle, output: str | ExplainedOutput) -> list[str]:
    """List the methods that apply to an output, in the order of `METHODS`."""
    output, lacking = explained_output(bundle, output), set()
    if output.layers(bundle) is None:
        lacking.add("layers")
    if output.name not in bundle.critics:
        lacking.add("mask")
    return [name for name, card in METHODS.items() if card.needs not in lacking]


@torch.no_grad()
def predicted(
    bundle: Bundle, images: Images, output: str | ExplainedOutput
) -> Int[Tensor, " batch"]:
    """Name the most probable class or cluster of each image."""
    function = explained_output(bundle, output).function(bundle)
    return torch.cat([function(part).argmax(-1) for part in images.split(IMAGES_AT_ONCE)])


def _targets(
    bundle: Bundle, x: Images, output: ExplainedOutput, target: object
) -> Int[Tensor, " batch"] | None:
    if output.classes is None:
        if target is not None:
            raise ValueError(f"`target` has no meaning for `{output.name}`, which is one number.")
        return None
    if target is None:
        return predicted(bundle, x, output)
    return output.classes.numbers(bundle, target, len(x)).to(x.device)


def _forward(bundle: Bundle, output: ExplainedOutput, card: MethodCard) -> nn.Module:
    if card.needs != "layers":
        return output.function(bundle)
    layers = output.layers(bundle)
    if layers is None:
        free = [n for n in methods_for(bundle, output) if METHODS[n].needs == "gradient"]
        raise ValueError(
            f"`{card.name}` sets rules on layers, and `{output.name}` is not made of layers "
            f"alone. Use one of {', '.join(free)}."
        )
    return layers


def _baselines(
    bundle: Bundle, x: Images, card: MethodCard, baseline: str | None
) -> Baselines | None:
    if card.baseline == "none":
        if baseline is not None:
            raise ValueError(f"`{card.name}` takes no `baseline`, got {baseline!r}.")
        return None
    name = DEFAULT_BASELINES[card.baseline] if baseline is None else baseline
    found = baselines_of(bundle, x, name)
    if not BASELINES[name].serves(card.baseline):
        fitting = [other.name for other in BASELINES.values() if other.serves(card.baseline)]
        raise ValueError(
            f"`baseline` of `{card.name}` must be one of {', '.join(fitting)}, got {name!r}."
        )
    return found


def mask_of(bundle: Bundle, output: ExplainedOutput) -> MaskOf:
    """Return the critic that was trained for the explained output.

    Raises:
        BundleError: If there is none; the message lists the existing ones.
    """
    if output.name not in bundle.critics:
        found = ", ".join(f"`{name}`" for name in bundle.critics) or "none"
        raise BundleError(
            f"Bundle '{bundle.name}' has no critic of `{output.name}`. It has: {found}. `xai "
            "train` trains critics."
        )
    return bundle.critics[output.name]


def _together(parts: list[Attribution]) -> Attribution:
    """Concatenate the parts into one result on the CPU."""

    def column(values: list[Tensor | None]) -> Tensor | None:
        there = [value.cpu() for value in values if value is not None]
        return torch.cat(there) if there else None

    return Attribution(
        attributions=torch.cat([part.attributions.cpu() for part in parts]),
        target=torch.cat([part.target.cpu() for part in parts]),
        method=parts[0].method,
        convergence_delta=column([part.convergence_delta for part in parts]),
        output_change=column([part.output_change for part in parts]),
        channel_maps=column([part.channel_maps for part in parts]),
    )


def baselines_of(bundle: Bundle, images: Images, name: str) -> Baselines:
    """Return a named baseline: one image for all, one per image, or a set for all.

    Args:
        bundle: The model and its data.
        images: The images to explain, on the bundle's device.
        name: Key of `BASELINES`.

    Raises:
        ValueError: If there is no such baseline; the message lists the existing ones.
    """
    if name not in BASELINES:
        raise ValueError(f"`baseline` must be one of {', '.join(BASELINES)}, got {name!r}.")
    if name == "mean":
        return mean_image(bundle)
    if name == "blurred":
        return blurred(images)
    if name == "other_cluster":
        return other_cluster(bundle, images)
    return prototypes(bundle) if name == "prototypes" else torch.zeros_like(images[:1])


def mean_image(bundle: Bundle) -> Images:
    """Average the train images; shape (1, C, H, W)."""
    return bundle.dataset.mean_image.to(bundle.device)


@torch.no_grad()
def prototypes(bundle: Bundle) -> Images:
    """Decode the centre of each cluster; without a decoder, take the train image nearest to it."""
    model = bundle.model
    if "decode" not in model.parts:
        train = NeighbourSearch(bundle.latents[: bundle.manifest.indexed_train])
        rows, _ = train.nearest(model.prior.mean.cpu(), 1)
        return to_float(bundle.dataset.train.images[rows[:, 0]], bundle.device)
    return model.decode(model.prior.mean, torch.eye(len(model.prior.mean), device=bundle.device))


@torch.no_grad()
def other_cluster(bundle: Bundle, images: Images) -> Images:
    """Transfer each code from its most probable cluster to the next, and decode it.

    z' = (z - mu_s) sigma_o / sigma_s + mu_o, s the most probable cluster and o the next.

    Raises:
        ValueError: If the model has only one cluster.
    """
    model = bundle.model
    if model.config.num_clusters < 2:
        raise ValueError("`baseline` other_cluster needs two clusters, the model has one.")
    posterior = model.encode(images)
    own, other = posterior.cluster_logits.topk(2, -1).indices.unbind(-1)
    mu, sigma = model.prior.mean, model.prior.scale.unsqueeze(-1)
    z = (posterior.mean - mu[own]) * sigma[other] / sigma[own] + mu[other]
    one_hot = torch.nn.functional.one_hot(other, model.config.num_clusters).to(z)
    return model.decode(z, one_hot)
