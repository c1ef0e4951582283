"""Counterfactuals: how an image would have to change to belong to another class.

One function offers four methods (`CounterfactualConfig.method`). Every result holds its path,
whether it converged and, if not, the reason.

References:
    Diffeomorphic Counterfactuals with Generative Models (Dombrowski et al., 2022),
    https://arxiv.org/abs/2206.05075.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .._arguments import checked
from .._notebook import drawn
from .._types import Images, Latents, Logits, Probs
from ..functions import GivenFunction, check_images, class_numbers
from ..models.prior import MixturePrior
from ..networks import dtype_of, in_float32, is_half, left_as_found, working_dtype
from ..runtime import map_on_cores
from .boundary_search import search_boundary
from .gradient_ascent import ascend_in_latent_space, ascend_on_pixels
from .nearest import nearest_image
from .reference import Reference
from .residual_transfer import transfer_residual
from .task import CounterfactualConfig, CounterfactualTask, Found, Method

__all__ = [
    "Counterfactual",
    "CounterfactualConfig",
    "Method",
    "Reference",
    "find_counterfactual",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Counterfactual:
    """Counterfactual images and how they were found; one row per image, on the CPU.

    Attributes:
        method: The search.
        images: The inputs x.
        reconstructions: g(z(x)).
        counterfactuals: x'.
        source: Class of x.
        target: Target class. An image that already has it, with sufficient probability, is
            returned unchanged.
        source_probabilities: Probability of every class at x.
        probabilities: Probability of every class at x'.
        path: Codes from the start on; rows past `num_steps` repeat the last. The path of "default"
            is a straight line from z(x); that of "pixel" holds the encoder's codes of the images
            on it; "nearest" holds only the codes of both ends.
        path_probabilities: Probability of every class along the path.
        num_steps: Number of codes on the path.
        evaluations: Number of gradient evaluations.
        converged: Whether the target has at least `target_probability` at x'.
        reasons: Why a search did not converge; "" where it did.
        l1: Distance of x' to x in ink, summed over pixels.
        l2: Euclidean distance of x' to x.
        decode: The decoder, for `frames`.
        images_on_path: The images that "pixel" passed through; None for other searches, and where
            no image needed one.
        allowed: True where pixels could change; all others of x' are those of x. None for a
            search that could change every pixel.
    """

    method: Method
    images: Images
    reconstructions: Images
    counterfactuals: Images
    source: Int[Tensor, " batch"]
    target: Int[Tensor, " batch"]
    source_probabilities: Probs
    probabilities: Probs
    path: Float[Tensor, "batch steps latent"]
    path_probabilities: Float[Tensor, "batch steps clusters"]
    num_steps: Int[Tensor, " batch"]
    evaluations: Int[Tensor, " batch"]
    converged: Bool[Tensor, " batch"]
    reasons: tuple[str, ...]
    l1: Float[Tensor, " batch"]
    l2: Float[Tensor, " batch"]
    decode: Callable[[Latents], Images] = field(repr=False)
    images_on_path: Float[Tensor, "batch steps channels height width"] | None = None
    allowed: Bool[Tensor, "batch 1 height width"] | None = None

    def _repr_html_(self) -> str:
        return drawn("counterfactual", self)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def frames(self, row: int, count: int) -> Images:
        """Return frames evenly spaced along the path of one image, the counterfactual last.

        "default" and "pixel" begin at the image itself, "diffeomorphic" at its reconstruction,
        because its frames are decoded; "nearest" has no path of images, so its frames cross-fade.

        Args:
            row: Row of the image.
            count: Number of frames.

        Raises:
            ValueError: If `count` is less than 2.
        """
        if count < 2:
            raise ValueError(f"`count` must be at least 2, to hold both ends, got {count}.")
        along = torch.linspace(0, 1, count).to(self.path)
        x, end = self.images[row : row + 1], self.counterfactuals[row : row + 1]
        if self.images_on_path is not None:
            return torch.cat([self._between(self.images_on_path, row, along)[:-1].to(x), end])
        if self.method in ("pixel", "nearest"):
            return torch.lerp(x, end, along.to(x).reshape(-1, 1, 1, 1))
        with torch.no_grad():
            drawn = self.decode(self._between(self.path, row, along))
        if self.method == "default":
            before = self.reconstructions[row : row + 1].expand_as(drawn)
            drawn = transfer_residual(x.expand_as(drawn), before, drawn)
        if self.allowed is not None:
            drawn = torch.where(self.allowed[row], drawn, x)
        return torch.cat([drawn[:-1], end])

    def in_precision_of(self, images: Tensor) -> "Counterfactual":
        """Cast the images to the precision of the inputs; leave the rest as computed."""
        names = ("images", "reconstructions", "counterfactuals")
        return replace(self, **{name: getattr(self, name).to(images.dtype) for name in names})

    def _between(self, points: Tensor, row: int, along: Float[Tensor, " frames"]) -> Tensor:
        """Interpolate between the recorded points of a row, at fractions of its path."""
        place = along * (int(self.num_steps[row]) - 1)
        left = place.floor().long().clamp(max=max(int(self.num_steps[row]) - 2, 0))
        right = (left + 1).clamp(max=int(self.num_steps[row]) - 1)
        path = points[row]
        weight = (place - left).reshape(-1, *[1] * (path.ndim - 1)).to(path)
        return torch.lerp(path[left], path[right], weight)


@checked
def find_counterfactual(
    images: Images,
    *,
    target: object,
    encode: Callable[[Images], object],
    decode: Callable[[Latents], object],
    forward: Callable[[Images], object],
    prior: MixturePrior | None = None,
    reference: Reference | None = None,
    allowed: Tensor | np.ndarray | None = None,
    config: CounterfactualConfig | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Counterfactual:
    """Change images until `forward` assigns them to the target.

    The networks behind the three functions run in evaluation mode and are then restored to their
    previous mode. Each function is called in its own precision; the search uses at least float32.

    Args:
        images: In [0, 1], grey or colour, on the device of the models.
        target: Class to reach: a whole number for all, one per image, or "all" for every class but
            the image's own, rows image-major.
        encode: Images to codes, the mean of q(z|x); it may return (mean, log_var).
        decode: Codes to images in [0, 1]; it may return as many numbers in rows.
        forward: The function to explain, images to logits of at least two classes. On a CPU with
            several cores, all three functions may be called from several threads.
        prior: Mixture prior of the codes; it keeps "default" in regions of high density.
        reference: Real images, required by "nearest" and used by "default" as starts. For
            "default", their classes should be those that `forward` predicts, since `forward` is
            explained.
        allowed: A bool mask, (height, width) for all images or (batch, height, width): True where
            pixels may change. All others keep the values of x, and it is this composite that has
            to reach the target; a search that finds none has not converged. None for everywhere.
        config: Method and settings.
        on_progress: Called after each batch with the numbers of images done and in total.

    Returns:
        One row per image and target; check `converged` before using one.

    Raises:
        ValueError: If images are not floats (batch, channels, height, width), finite and in [0,
            1], `target` is not a class, a function returns another form or has no gradient,
            `forward` has fewer than two classes, "nearest" has no reference, `allowed` is not such
            a mask, is empty or is given to "nearest", or a result is not finite.
    """
    config = config or CounterfactualConfig()
    check_images(images, "images", in_unit_range=True)
    if reference is not None and reference.image_shape != images.shape[1:]:
        raise ValueError(
            f"`reference` must hold images of shape {tuple(images.shape[1:])}, as `images` are, "
            f"got {reference.image_shape}."
        )
    mask = None if allowed is None else _mask(allowed, images, config.method)
    for functions in _copies((encode, decode, forward)):
        with left_as_found(*functions, prior):
            inputs = _Asked.of(images, functions, prior, config, mask)
            found = _search_all(inputs, target, reference, config, on_progress)
        if _is_finite(found):
            return found.in_precision_of(images)
    raise ValueError(
        f"The method '{config.method}' gave NaN or infinity. Check that `encode`, `decode` and "
        "`forward` are finite there, or give them in float32."
    )


def _mask(
    allowed: Tensor | np.ndarray, images: Images, method: Method
) -> Bool[Tensor, "batch 1 height width"]:
    """Return one mask per image, or raise an error that names the fix."""
    if method == "nearest":
        raise ValueError(
            "`allowed` cannot hold pixels with the method 'nearest', which returns a whole real "
            "image. Use the method 'default'."
        )
    mask, (batch, _, *size) = torch.as_tensor(allowed), images.shape
    if mask.dtype != torch.bool:
        raise ValueError(
            f"`allowed` must be a bool mask, got {str(mask.dtype).removeprefix('torch.')}. Pass "
            "`allowed > 0`, True where pixels may change."
        )
    if tuple(mask.shape) not in ((*size,), (batch, *size)):
        raise ValueError(
            f"`allowed` must have the shape {(*size,)}, or {(batch, *size)} for one mask per "
            f"image, got {tuple(mask.shape)}."
        )
    mask = mask.to(images.device).expand(batch, *size)
    empty = (~mask.flatten(1).any(1)).nonzero()
    if len(empty):
        raise ValueError(
            f"`allowed` must let at least one pixel of each image change, but is False everywhere "
            f"for image {int(empty[0])}. Mark pixels as True, or pass `allowed=None` to let all "
            "of them change."
        )
    return mask.unsqueeze(1)


def _copies(functions: tuple[Callable, ...]) -> Iterator[tuple[Callable, ...]]:
    """Yield the functions unchanged, then as float32 copies if that may help."""
    yield functions
    wider = tuple(in_float32(f) if is_half(dtype_of(f)) else f for f in functions)
    if wider != functions and None not in wider:
        yield wider  # type: ignore[misc]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """Images, functions and prior in the precision of the search, with checked output forms."""

    images: Images
    encode: GivenFunction
    decode: GivenFunction
    forward: GivenFunction
    prior: MixturePrior | None
    allowed: Bool[Tensor, "batch 1 height width"] | None

    @classmethod
    def of(
        cls,
        images: Images,
        functions: tuple[Callable, ...],
        prior: MixturePrior | None,
        config: CounterfactualConfig,
        allowed: Bool[Tensor, "batch 1 height width"] | None,
    ) -> "_Asked":
        """Call every function once and raise an error if the search cannot use it."""
        shape = tuple(images.shape[1:])
        owns = [dtype_of(function) or images.dtype for function in functions]
        x = images.detach().to(working_dtype(*owns))
        x = x.clone() if x.is_inference() else x

        encodes, draws, reads = (
            GivenFunction(function=function, name=name, form=form, image_shape=shape, dtype=own)
            for function, own, (name, form) in zip(functions, owns, _NAMES, strict=True)
        )
        reads, _ = reads.probed(x)
        encodes, codes = encodes.probed(x)
        draws, _ = draws.probed(codes, "the codes of `encode`")
        if config.method != "nearest":
            reads.check_gradient(x[:1], f"The method '{config.method}'")
        if config.method in ("default", "diffeomorphic"):
            draws.check_gradient(codes[:1], f"The method '{config.method}'")
        if prior is not None and prior.mean.dtype != x.dtype:
            prior = copy.deepcopy(prior).to(x.dtype)
        return cls(
            images=x, encode=encodes, decode=draws, forward=reads, prior=prior, allowed=allowed
        )


def _search_all(
    inputs: _Asked,
    target: object,
    reference: Reference | None,
    config: CounterfactualConfig,
    on_progress: Callable[[int, int], None] | None,
) -> Counterfactual:
    """Search batch by batch; on a CPU, one batch per core at a time."""
    images, allowed = inputs.images, inputs.allowed
    if isinstance(target, str) and target == "all":
        images, targets = _towards_all(images, inputs.forward, config.batch_size)
        if allowed is not None:
            allowed = allowed.repeat_interleave(len(images) // len(allowed), 0)
    else:
        targets = class_numbers(target, len(images)).to(images.device)

    def search(start: int) -> Counterfactual:
        rows = slice(start, start + config.batch_size)
        return _search(
            images[rows],
            targets[rows],
            inputs.encode,
            inputs.decode,
            inputs.forward,
            inputs.prior,
            reference,
            None if allowed is None else allowed[rows],
            config,
        )

    parts: list[Counterfactual] = []
    starts = range(0, len(images), config.batch_size)
    for part in map_on_cores(search, starts, images.device):
        parts.append(part)
        if on_progress is not None:
            on_progress(min(len(parts) * config.batch_size, len(images)), len(images))
    return _joined(parts)


def _is_finite(found: Counterfactual) -> bool:
    return all(bool(getattr(found, name).isfinite().all()) for name in _TENSORS)


def _search(
    images: Images,
    target: Int[Tensor, " batch"],
    encode: Callable[[Images], Latents],
    decode: Callable[[Latents], Images],
    forward: Callable[[Images], Logits],
    prior: MixturePrior | None,
    reference: Reference | None,
    allowed: Bool[Tensor, "batch 1 height width"] | None,
    config: CounterfactualConfig,
) -> Counterfactual:
    """Search one batch; images that already have their target stay unchanged."""
    with torch.no_grad():
        logits = forward(images)
        _check_target(target, logits.shape[-1])
        codes = encode(images)
        reconstructions = decode(codes)
    task = CounterfactualTask(
        images=images,
        codes=codes,
        reconstructions=reconstructions,
        target=target,
        probabilities=logits.softmax(-1),
        decode=decode,
        forward=forward,
        prior=prior,
        reference=reference,
        allowed=allowed,
    )
    already = _probability(task.probabilities, target) >= config.target_probability
    found = _unchanged(task)
    if not already.all():
        searched = (~already).nonzero().squeeze(1)
        found = _with_rows(
            found, searched, _METHODS[config.method](task.rows(searched), config, encode)
        )
    return _result(task, found, config)


def _unchanged(task: CounterfactualTask) -> Found:
    return Found(
        images=task.images.clone(),
        probabilities=task.probabilities.clone(),
        path=task.codes.unsqueeze(1),
        path_probabilities=task.probabilities.unsqueeze(1),
        num_steps=torch.ones_like(task.target),
        evaluations=torch.zeros_like(task.target),
        why_not="",
    )


def _with_rows(all_: Found, rows: Int[Tensor, " some"], found: Found) -> Found:
    """Merge the searched rows into the unchanged ones."""
    steps = found.path.shape[1]
    merged = Found(
        images=all_.images,
        probabilities=all_.probabilities,
        path=all_.path.repeat(1, steps, 1),
        path_probabilities=all_.path_probabilities.repeat(1, steps, 1),
        num_steps=all_.num_steps,
        evaluations=all_.evaluations,
        why_not=found.why_not,
    )
    if found.images_on_path is not None:
        on_path = all_.images.unsqueeze(1).repeat(1, steps, 1, 1, 1)
        on_path[rows] = found.images_on_path
        merged = replace(merged, images_on_path=on_path)
    for name in _ROW_COLUMNS:
        getattr(merged, name)[rows] = getattr(found, name)
    return merged


def _below(p: float, limit: float) -> str:
    """Write a probability that is below a limit with as many digits as show it, three at least."""
    texts = (f"{p:.{digits}f}" for digits in range(3, 8))
    return next((text for text in texts if float(text) < limit), f"{p:.7f}")


def _result(
    task: CounterfactualTask, found: Found, config: CounterfactualConfig
) -> Counterfactual:
    reached = _probability(found.probabilities, task.target)
    converged = (reached >= config.target_probability).tolist()
    change = (found.images - task.images).flatten(1)
    reasons = tuple(
        "" if there else f"{found.why_not}{free} (p = {_below(p, config.target_probability)})"
        for there, p, free in zip(converged, reached.tolist(), _freedom(task), strict=True)
    )
    return Counterfactual(
        method=config.method,
        images=task.images.cpu(),
        reconstructions=task.reconstructions.cpu(),
        counterfactuals=found.images.cpu(),
        source=task.probabilities.argmax(-1).cpu(),
        target=task.target.cpu(),
        source_probabilities=task.probabilities.cpu(),
        probabilities=found.probabilities.cpu(),
        path=found.path.cpu(),
        path_probabilities=found.path_probabilities.cpu(),
        num_steps=found.num_steps.cpu(),
        evaluations=found.evaluations.cpu(),
        converged=torch.tensor(converged),
        reasons=reasons,
        l1=change.abs().sum(1).cpu(),
        l2=change.norm(dim=1).cpu(),
        decode=lambda z: task.decode(z.to(task.codes.device)).cpu(),
        images_on_path=None if found.images_on_path is None else found.images_on_path.cpu(),
        allowed=None if task.allowed is None else task.allowed.cpu(),
    )


def _freedom(task: CounterfactualTask) -> list[str]:
    """Say for each image how many pixels could change, if some could not."""
    if task.allowed is None:
        return [""] * len(task.images)
    counts, pixels = task.allowed.sum((1, 2, 3)).tolist(), task.allowed[0].numel()
    return [f", with {count} of {pixels} pixels free to change" for count in counts]


def _joined(parts: list[Counterfactual]) -> Counterfactual:
    """Concatenate batches, padding paths to equal length with their last code."""
    if len(parts) == 1:
        return parts[0]
    steps = max(part.path.shape[1] for part in parts)
    columns: dict[str, Tensor] = {}
    for name in _TENSORS:
        values = [getattr(part, name) for part in parts]
        if name in ("path", "path_probabilities"):
            values = [_lengthened(value, steps) for value in values]
        columns[name] = torch.cat(values)
    return Counterfactual(
        method=parts[0].method,
        reasons=tuple(reason for part in parts for reason in part.reasons),
        decode=parts[0].decode,
        images_on_path=_joined_images(parts, steps),
        allowed=_joined_masks(parts),
        **columns,
    )


def _joined_images(parts: list[Counterfactual], steps: int) -> Tensor | None:
    """Concatenate the images on the paths; a part that searched none repeats its images."""
    if all(part.images_on_path is None for part in parts):
        return None
    found = (
        part.images.unsqueeze(1) if part.images_on_path is None else part.images_on_path
        for part in parts
    )  # fmt: skip
    return torch.cat([_lengthened(images, steps) for images in found])


def _joined_masks(parts: list[Counterfactual]) -> Tensor | None:
    masks = [part.allowed for part in parts if part.allowed is not None]
    return torch.cat(masks) if masks else None


def _lengthened(path: Tensor, steps: int) -> Tensor:
    last = path[:, -1:].expand(-1, steps - path.shape[1], *path.shape[2:])
    return torch.cat([path, last], 1)


def _probability(probs: Probs, target: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    return probs.gather(1, target.unsqueeze(1)).squeeze(1)


def _towards_all(
    images: Images, forward: Callable[[Images], Logits], batch_size: int
) -> tuple[Float[Tensor, "rows channels height width"], Int[Tensor, " rows"]]:
    """Repeat each image once for every class other than its own."""
    with torch.no_grad():
        logits = torch.cat([forward(part) for part in images.split(batch_size)])
    classes = logits.shape[1]
    own = logits.argmax(1, keepdim=True)
    _check_target(own.flatten(), classes)
    others = (own + torch.arange(1, classes, device=images.device)) % classes
    return images.repeat_interleave(classes - 1, 0), others.sort(1).values.flatten()


def _check_target(target: Int[Tensor, " batch"], classes: int) -> None:
    if classes < 2:
        raise ValueError(
            f"`forward` must give logits of at least two classes, got {classes}. Explain "
            "'classifier' or 'cluster'."
        )
    outside = target[(target < 0) | (target >= classes)]
    if len(outside):
        raise ValueError(
            f"`target` must be in [0, {classes}) for {classes} classes, got {int(outside[0])}."
        )


_NAMES = (("encode", "codes"), ("decode", "images"), ("forward", "outputs"))
_TENSORS = tuple(
    entry.name
    for entry in fields(Counterfactual)
    if entry.name not in ("method", "reasons", "decode", "images_on_path", "allowed")
)
_ROW_COLUMNS = (
    *("images", "probabilities", "path", "path_probabilities", "num_steps", "evaluations"),
)
_METHODS: dict[str, Callable[[CounterfactualTask, CounterfactualConfig, Callable], Found]] = {
    "default": lambda task, config, encode: search_boundary(task, config),
    "diffeomorphic": lambda task, config, encode: ascend_in_latent_space(task, config),
    "pixel": ascend_on_pixels,
    "nearest": lambda task, config, encode: nearest_image(task, encode),
}
