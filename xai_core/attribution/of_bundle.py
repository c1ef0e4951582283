"""Attribution maps of a bundle's images, or of new ones, for what the bundle can explain."""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn

from .._types import Images
from ..bundle.outputs import as_float_images, explained_output
from ..bundle.reading import Bundle
from ..errors import BundleError
from ..functions import class_numbers
from .api import Attribution, attribute
from .baselines import BASELINES, blurred
from .config import AttributionConfig
from .registry import METHODS, MethodCard, method_card
from .task import Baselines, MaskOf

__all__ = [
    "DEFAULT_BASELINES",
    "WITH_CLASSES",
    "attributions",
    "baselines_of",
    "layers_of",
    "mask_of",
    "mean_image",
    "methods_for",
    "other_cluster",
    "predicted",
    "prototypes",
]

WITH_CLASSES = ("classifier", "cluster")
"""What has several outputs; the others have one, and no target."""
DEFAULT_BASELINES = {"one": "mean", "set": "prototypes"}
"""By what a method's card asks for."""
IMAGES_AT_ONCE = 500


def attributions(
    bundle: Bundle,
    images: Tensor | np.ndarray,
    method: str,
    *,
    of: str = "classifier",
    target: object = None,
    baseline: str | None = None,
    config: AttributionConfig | None = None,
    seed: int = 0,
) -> Attribution:
    """Explain what the bundle says of images.

    Args:
        bundle: The models, on the device to compute on.
        images: As `as_byte_images` takes them.
        method: Key of `METHODS`.
        of: As `explained` takes it.
        target: Class or cluster, by number or class name: one for all or one per image; the
            predicted one where None. A function of one output has none.
        baseline: Key of `BASELINES`; that of `DEFAULT_BASELINES` where None.
        config: Settings; each method reads those on its card.
        seed: Of everything random.

    Returns:
        Maps on the CPU, one per image.

    Raises:
        ValueError: If the method, target or baseline is none, or does not apply to `of`.
        BundleError: If the bundle lacks the classifier or critic that is asked for.
    """
    card = method_card(method)
    x = as_float_images(bundle, images)
    forward = _forward(bundle, of, card)
    if of not in WITH_CLASSES:
        if target is not None:
            raise ValueError(f"`target` has no meaning for `{of}`, which has one output.")
    targets: Tensor | None = None
    if of in WITH_CLASSES:
        names = bundle.dataset.class_names if of == "classifier" else ()
        if target is None:
            targets = predicted(bundle, x, of)
        else:
            targets = class_numbers(target, len(x), names=names).to(x.device)
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
                mask_of=mask_of(bundle, of) if card.needs == "mask" else None,
            )
        )
    return _together(parts)


def methods_for(bundle: Bundle, of: str) -> list[str]:
    """List the methods that apply to what is explained, in the order of `METHODS`."""
    lacking = set()
    if layers_of(bundle, of) is None:
        lacking.add("layers")
    if of not in bundle.critics:
        lacking.add("mask")
    return [name for name, card in METHODS.items() if card.needs not in lacking]


def layers_of(bundle: Bundle, of: str) -> nn.Sequential | None:
    """Return the explained function as a sequence of layers, which rules on layers need.

    It computes what `explained` computes. There is none for "elbo" and "reconstruction", nor for
    "cluster" where q(c|x) is not a branch of the encoder.
    """
    explained_output(bundle, of)  # refuses what there is not
    model = bundle.model
    if of == "classifier":
        return bundle.classifier
    if of == "cluster" and model.cluster_encoder is not None:
        return nn.Sequential(model.cluster_encoder, nn.LogSoftmax(-1))
    if of.startswith("latent:"):
        dimension, size = int(of.partition(":")[2]), model.config.latent_dim
        pick = nn.Linear(2 * size, 1, bias=False).requires_grad_(False)
        pick.weight.copy_(torch.eye(2 * size)[dimension : dimension + 1])
        return nn.Sequential(model.latent_encoder, pick.to(bundle.device)).eval()
    return None


@torch.no_grad()
def predicted(bundle: Bundle, images: Images, of: str) -> Int[Tensor, " batch"]:
    """Name the most probable class or cluster of each image."""
    function = explained_output(bundle, of)
    return torch.cat([function(part).argmax(-1) for part in images.split(IMAGES_AT_ONCE)])


def _forward(bundle: Bundle, of: str, card: MethodCard) -> nn.Module:
    if card.needs != "layers":
        return explained_output(bundle, of)
    layers = layers_of(bundle, of)
    if layers is None:
        free = [name for name in methods_for(bundle, of) if METHODS[name].needs == "gradient"]
        raise ValueError(
            f"`{card.name}` sets rules on layers, and `{of}` is not made of layers alone. Use one "
            f"of {', '.join(free)}."
        )
    return layers


def _baselines(
    bundle: Bundle, x: Images, card: MethodCard, baseline: str | None
) -> Baselines | None:
    if card.baseline == "none":
        if baseline is not None:
            raise ValueError(f"`{card.name}` takes no `baseline`, got {baseline!r}.")
        return None
    name = baseline or DEFAULT_BASELINES[card.baseline]
    found = baselines_of(bundle, x, name)
    if not BASELINES[name].serves(card.baseline):
        fitting = [other.name for other in BASELINES.values() if other.serves(card.baseline)]
        raise ValueError(
            f"`baseline` of `{card.name}` must be one of {', '.join(fitting)}, got {name!r}."
        )
    return found


def mask_of(bundle: Bundle, of: str) -> MaskOf:
    """Return the bundle's critic of the explained function.

    Raises:
        BundleError: If there is none; the message says which there are.
    """
    if of not in bundle.critics:
        found = ", ".join(f"`{name}`" for name in bundle.critics) or "none"
        raise BundleError(
            f"Bundle '{bundle.name}' has no critic of `{of}`. It has: {found}. `xai train` trains "
            "critics."
        )
    return bundle.critics[of]


def _together(parts: list[Attribution]) -> Attribution:
    """Put the rows of all parts into one result on the CPU."""

    def column(values: list[Tensor | None]) -> Tensor | None:
        there = [value.cpu() for value in values if value is not None]
        return torch.cat(there) if there else None

    return Attribution(
        attributions=torch.cat([part.attributions.cpu() for part in parts]),
        target=torch.cat([part.target.cpu() for part in parts]),
        method=parts[0].method,
        convergence_delta=column([part.convergence_delta for part in parts]),
        output_change=column([part.output_change for part in parts]),
    )


def baselines_of(bundle: Bundle, images: Images, name: str) -> Baselines:
    """Return the baseline of a name: one image for all, one per image, or several for all.

    Args:
        bundle: The model and its data.
        images: Those that are explained, on the bundle's device.
        name: Key of `BASELINES`.

    Raises:
        ValueError: If there is none of that name; the message says which there are.
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
    """Average the train images; shape (1, 1, 28, 28)."""
    return bundle.dataset.mean_image.to(bundle.device)


@torch.no_grad()
def prototypes(bundle: Bundle) -> Images:
    """Decode the centre of each cluster."""
    model = bundle.model
    return model.decode(model.prior.mean, torch.eye(len(model.prior.mean), device=bundle.device))


@torch.no_grad()
def other_cluster(bundle: Bundle, images: Images) -> Images:
    """Decode each image's place in its own cluster, carried over to its second best.

    z' = (z - mu_s) sigma_o / sigma_s + mu_o, s the most probable cluster and o the next.

    Raises:
        ValueError: If the model has one cluster only.
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
