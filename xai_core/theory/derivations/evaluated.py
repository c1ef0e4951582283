"""Derivations evaluated on a model, an image, or a small example that needs neither."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..._types import Images, Latents, Logits, Probs
from ..bounds import best_cluster_probs
from ..linear_vae import LinearVAE
from ..mixtures import ConjugatePrior
from .catalogue import DERIVATIONS
from .codes import codes_of_draws, codes_of_linear_vae
from .gaussians import LinearNumbers, even_noise
from .image import ImageNumbers
from .inequalities import Distributions, points_of_weights
from .line import Sides
from .manifold import step_numbers
from .mean_field import CorrelatedGaussian, LogisticRegression
from .mixtures import mixture_numbers

__all__ = [
    "EXACT",
    "EXAMPLES",
    "OF_AN_IMAGE",
    "LatentStep",
    "of_clusters",
    "of_example",
    "of_image",
    "of_step",
]

EVEN_DRAWS = 1000
OF_AN_IMAGE = (
    "D-1", "D-2", "D-3", "D-4", "D-5", "D-6", "D-8", "D-9", "D-10", "D-11", "D-12", "D-19", "D-21",
)  # fmt: skip
"""Derivations that are evaluated on one image's draws."""
EXACT = ("D-1", "D-8", "D-9", "D-10", "D-21")
"""Derivations about p(x) and p(z|x), which are exact on a one-dimensional VAE."""
PRIOR = ConjugatePrior(mean=(0.0, 0.0), concentration=2.0, strength=0.5, degrees=4.0, scale=1.0)
EXAMPLES: dict[str, Callable[[], Any]] = {
    "D-13": mixture_numbers,
    "D-14": partial(mixture_numbers, dimension=2),
    "D-15": partial(mixture_numbers, dimension=2, prior=PRIOR),
    "D-16": CorrelatedGaussian,
    "D-17": LogisticRegression,
    "D-18": LogisticRegression,
    "D-20": lambda: LinearNumbers(model=LinearVAE(), noise=even_noise(EVEN_DRAWS)),
    "D-23": mixture_numbers,
    **dict.fromkeys(EXACT, lambda: codes_of_linear_vae(LinearVAE())),
}
"""Small examples for derivations that need no image, by key."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentStep:
    """Point of evaluation of D-22.

    Attributes:
        code: One code, float64.
        target: Class whose log probability is maximised.
        decode: Codes to images, float64.
        forward: Images to logits.
    """

    code: Latents
    target: int
    decode: Callable[[Latents], Images]
    forward: Callable[[Images], Logits]


def of_image(key: str, numbers: ImageNumbers) -> Sequence[Sides | None]:
    """Evaluate a derivation on one image.

    Args:
        key: One of `OF_AN_IMAGE`.
        numbers: Numbers of the image.
    """
    chosen: object = numbers
    if key in EXACT:
        chosen = codes_of_draws(numbers.draws)
    elif key == "D-11":
        chosen = points_of_weights(numbers.draws.log_weights[:, 0])
    elif key == "D-12":
        chosen = Distributions(p=numbers.given_x, q=best_cluster_probs(numbers.draws)[0])
    return DERIVATIONS[key].sides(chosen)


def of_clusters(probs: Probs) -> Sequence[Sides | None]:
    """Evaluate D-7 on q(c|x) of some images."""
    return DERIVATIONS["D-7"].sides(probs.double())


def of_step(where: LatentStep) -> Sequence[Sides | None]:
    """Evaluate D-22 at a code."""
    numbers = step_numbers(where.code, where.target, decode=where.decode, forward=where.forward)
    return DERIVATIONS["D-22"].sides(numbers)


def of_example(key: str) -> Sequence[Sides | None]:
    """Evaluate a derivation on its small example, one of `EXAMPLES`."""
    return DERIVATIONS[key].sides(EXAMPLES[key]())
