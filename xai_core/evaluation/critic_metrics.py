"""Measure how well a critic's marked pixels preserve the decision, against random strokes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields

import torch

from .._types import ByteImages, Images, Labels, Logits
from ..data.preprocessing import to_float
from ..models.critic import Critic, marked
from ..models.pixel_masks import random_strokes
from .infill import infill_from_another, infill_from_rest

__all__ = ["CriticScores", "score_critic"]

AT_ONCE = 250


@dataclass(frozen=True, kw_only=True)
class CriticScores:
    """Scores of a critic: shares of images, except where stated.

    Attributes:
        pixels: Mean number of marked pixels per image.
        kept: The decision stays the same when only the marked pixels are kept and the others
            are filled in from them.
        kept_by_strokes: The same for as many pixels of random strokes.
        kept_on_another: The same with another image's reconstruction around the marked pixels.
        changed_by_target: Share of the marked pixels that are not marked for another target.
    """

    pixels: float
    kept: float
    kept_by_strokes: float
    kept_on_another: float
    changed_by_target: float

    def as_dict(self) -> dict[str, float]:
        """Return the scores by name."""
        return asdict(self)


@torch.inference_mode()
def score_critic(
    critic: Critic,
    images: ByteImages,
    *,
    forward: Callable[[Images], Logits],
    reconstruct: Callable[[Images], Images],
    neutral: Images,
    device: torch.device | str,
    seed: int = 0,
) -> CriticScores:
    """Score a critic on images.

    Args:
        critic: The critic, on `device`.
        images: uint8 (N, C, H, W).
        forward: The function that it explains.
        reconstruct: Returns the model's reconstruction of each image.
        neutral: One image that stands for "unknown", such as the mean of the train images.
        device: Device to compute on.
        seed: Seed of the random strokes.

    Raises:
        ValueError: If `images` is empty.
    """
    if not len(images):
        raise ValueError("`images` must have at least one image, got none.")
    generator = torch.Generator(device).manual_seed(seed)
    budget, rest = critic.config.budget, infill_from_rest(reconstruct, neutral=neutral.to(device))
    sums = torch.zeros(5, dtype=torch.float64)
    for part in images.split(AT_ONCE):
        x = to_float(part, device)
        decision: Labels = forward(x).argmax(-1)
        mask = marked(critic(x, decision), budget)
        other = marked(critic(x, (decision + 1) % critic.num_targets), budget)
        another = infill_from_another(reconstruct, others=x.roll(1, 0))
        strokes = random_strokes(x, budget, generator)
        rows = (
            mask.sum((1, 2)),
            forward(rest(x, mask)).argmax(-1) == decision,
            forward(rest(x, strokes)).argmax(-1) == decision,
            forward(another(x, mask)).argmax(-1) == decision,
            (mask * (1 - other)).sum((1, 2)) / budget,
        )
        sums += torch.stack([row.double().sum() for row in rows]).cpu()
    names = [entry.name for entry in fields(CriticScores)]
    return CriticScores(**dict(zip(names, (sums / len(images)).tolist(), strict=True)))
