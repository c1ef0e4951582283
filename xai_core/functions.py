"""Wrap the functions to explain and normalise the forms of their results.

Users' functions may have another precision or return a tuple. `GivenFunction` calls them in their
own precision and returns one tensor of the expected shape, or raises an error that describes the
result.
"""

import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ._text import visible
from .networks import is_half

__all__ = ["FORMS", "GivenFunction", "check_images", "class_numbers"]

MEANS = ("mean", "mu", "loc")
"""Accepted names of the mean of q(z|x)."""
LARGEST_CLASS = 2**31
MOST_LISTED = 20
"""Number of class names in an error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenFunction:
    """A function with a fixed form: it returns one tensor in the precision of its input.

    Attributes:
        function: The user's function.
        name: Name of the argument, for messages.
        form: Key of `FORMS`, the kind of result.
        image_shape: (channels, height, width) of images, for the form "images".
        dtype: Precision to call it in; None for that of its argument.
        inference_only: Whether it works only under `torch.inference_mode`.
    """

    function: Callable
    name: str
    form: str
    image_shape: tuple[int, ...] = ()
    dtype: torch.dtype | None = None
    inference_only: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        """Evaluate the function."""
        given = x if self.dtype is None else x.to(self.dtype)
        if self.inference_only:
            with torch.inference_mode():
                found = self.function(given)
        else:
            found = self.function(given)
        tensor = FORMS[self.form](found, len(x), self.image_shape)
        if tensor is None or not tensor.is_floating_point():
            raise ValueError(self._refusal(found, len(x)))
        tensor = tensor.clone() if tensor.is_inference() and not x.is_inference() else tensor
        return tensor.to(x.dtype)

    def probed(self, x: Tensor, what: str = "") -> tuple["GivenFunction", Tensor]:
        """Call it for the first time, on one argument and on two.

        Args:
            x: Arguments.
            what: Which results of another function these are, so that the two may not match.

        Returns:
            A function that works, and its result for the first two rows, or twice the only row.

        Raises:
            ValueError: If its result has another form, is random, or mixes the rows of a batch, or
                if it cannot read the results of the other function.
        """
        two = x[:2] if len(x) > 1 else x.repeat(2, *[1] * (x.ndim - 1))
        try:
            checked, pair = self._first_call(two)
        except RuntimeError as error:
            if not what:
                raise
            raise ValueError(
                f"`{self.name}` fails for {what}, {_described(two)}: {str(error)[:160]}."
            ) from error
        alone = checked._quietly(two[:1])[0]
        if alone.shape != pair[0].shape:
            raise ValueError(
                f"`{self.name}` must return rows of one shape, got {tuple(alone.shape)} for one "
                f"row and {tuple(pair[0].shape)} for each of two."
            )
        slack = 2e-2 if is_half(self.dtype) or is_half(x.dtype) else 1e-3
        scale = pair[0].abs().nan_to_num(0, 0, 0).max().clamp(min=1e-3)
        if not torch.allclose(alone, pair[0], rtol=0, atol=float(slack * scale), equal_nan=True):
            raise ValueError(
                f"`{self.name}` must return the same for the same row, alone or in a batch, and "
                f"differs by {float((alone - pair[0]).abs().max()):.2g}. Does it draw random "
                "numbers (dropout without `training`), or normalise by the batch?"
            )
        return checked, pair

    def check_gradient(self, x: Tensor, wanted_by: str) -> None:
        """Raise an error for a function without a gradient.

        Args:
            x: One argument.
            wanted_by: The method that needs the gradient, for the message.
        """
        why = "it runs under no_grad or inference_mode, or detaches"
        if not self.inference_only:
            with torch.inference_mode(False), torch.enable_grad():
                leaf = x.detach().clone().requires_grad_()
                try:
                    found = self(leaf)
                    if found.requires_grad:
                        torch.autograd.grad(found.sum(), leaf)
                        return
                except RuntimeError as error:
                    why = f"torch says: {str(error).partition('. ')[0][:160]}"
        raise ValueError(
            f"{wanted_by} needs a gradient, and `{self.name}` gives none ({why}). Use a method "
            "that takes any function, such as occlusion for maps or 'nearest' for counterfactuals."
        )

    def _first_call(self, x: Tensor) -> tuple["GivenFunction", Tensor]:
        try:
            return self, self._quietly(x)
        except RuntimeError:
            inside = replace(self, inference_only=True)
            try:
                return inside, inside._quietly(x)
            except RuntimeError:
                pass
            raise

    def _quietly(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self(x)

    def _refusal(self, found: object, rows: int) -> str:
        shape = ", ".join(map(str, self.image_shape))
        wanted = {
            "outputs": "floats (batch, outputs)",
            "codes": "floats (batch, latent), or (mean, log_var)",
            "images": f"floats (batch, {shape}), or as many numbers for each image",
        }[self.form]
        return f"`{self.name}` must return {wanted} for {rows} rows, got {_described(found)}."


def _described(found: object) -> str:
    """Describe a function's result, with the shapes of its tensors."""
    if isinstance(found, Tensor):
        return f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
    if isinstance(found, Mapping):
        inside = [f"{key}: {_described(value)}" for key, value in found.items()]
    elif isinstance(found, list | tuple):
        inside = [_described(value) for value in found]
    else:
        return f"a {type(found).__name__}"
    return f"a {type(found).__name__} of {'; '.join(inside)[:200] or 'nothing'}"


def _tensors(found: object) -> list[Tensor]:
    """Return the floating tensors of a tuple, list, mapping or single tensor."""
    if isinstance(found, np.ndarray):
        found = torch.from_numpy(found)
    if isinstance(found, Mapping):
        found = list(found.values())
    if not isinstance(found, list | tuple):
        found = [found]
    return [item for item in found if isinstance(item, Tensor) and item.is_floating_point()]


def _named(found: object, *names: str) -> Tensor | None:
    """Return the first tensor with one of the names in a mapping, named tuple or distribution."""
    for name in names:
        value = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        if isinstance(value, Tensor):
            return value
    return None


def _as_rows(found: Tensor, rows: int) -> Tensor | None:
    """Reshape (batch,), (batch, n, 1, 1) and, for one image, () and (n,) to (batch, n)."""
    if rows == 1 and (found.ndim == 0 or (found.ndim == 1 and len(found) > 1)):
        found = found.reshape(1, -1)
    if found.ndim == 0 or len(found) != rows:
        return None
    if found.ndim > 2 and found[0].numel() != max(found.shape[1:]):
        return None
    return found if found.ndim == 2 else found.reshape(rows, -1)


def _outputs(found: object, rows: int, shape: tuple[int, ...]) -> Tensor | None:
    """Read (batch, outputs): the tensor called logits, or the only one."""
    tensors = _tensors(found)
    chosen = None if isinstance(found, Tensor) else _named(found, "logits")
    if chosen is None and len(tensors) == 1:
        (chosen,) = tensors
    return None if chosen is None else _as_rows(chosen, rows)


def _codes(found: object, rows: int, shape: tuple[int, ...]) -> Tensor | None:
    """Read (batch, latent): the mean, the only tensor, or the first of two of one shape."""
    tensors = _tensors(found)
    chosen = None if isinstance(found, Tensor) else _named(found, *MEANS)
    if chosen is None and tensors and all(t.shape == tensors[0].shape for t in tensors[:2]):
        chosen = tensors[0] if len(tensors) <= 2 else None
    return None if chosen is None else _as_rows(chosen, rows)


def _images(found: object, rows: int, shape: tuple[int, ...]) -> Tensor | None:
    """Read (batch, channels, height, width), also from rows: the only tensor that fits."""
    named = None if isinstance(found, Tensor) else _named(found, "probs", *MEANS)
    read = [
        _as_images(tensor, rows, shape)
        for tensor in ([named] if named is not None else _tensors(found))
    ]
    fitting = [images for images in read if images is not None]
    return fitting[0] if len(fitting) == 1 else None


def _as_images(found: Tensor, rows: int, shape: tuple[int, ...]) -> Tensor | None:
    size, fits = int(np.prod(shape)), (shape, shape[1:] if shape[0] == 1 else shape)
    flat = found.numel() == rows * size and max(found.shape[1:], default=0) == size
    by_rows = found.shape[:1] == (rows,) and (found.shape[1:] in fits or flat)
    if not by_rows and not (rows == 1 and found.shape in (*fits, (size,))):
        return None
    return found.reshape(rows, *shape)


FORMS: dict[str, Callable[[object, int, tuple[int, ...]], Tensor | None]] = {
    "outputs": _outputs,
    "codes": _codes,
    "images": _images,
}
"""Readers of results by kind: each returns one tensor of a result, or None."""


def check_images(images: Tensor, name: str, *, in_unit_range: bool = False) -> None:
    """Raise an error unless the argument is a batch of finite images.

    Args:
        images: The argument.
        name: Name of the argument, for messages.
        in_unit_range: Whether values must be in [0, 1].

    Raises:
        ValueError: If it has another form; the message names the first row that is wrong.
    """
    if images.ndim != 4 or not images.is_floating_point():
        within = " in [0, 1]" if in_unit_range else ""
        raise ValueError(
            f"`{name}` must be floats (batch, channels, height, width){within}, got "
            f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}."
        )
    if not len(images):
        raise ValueError(f"`{name}` must have at least one image, got none.")
    _refuse_rows(~images.isfinite(), f"`{name}` must be finite")
    if in_unit_range:
        _refuse_rows((images < 0) | (images > 1), f"`{name}` must be in [0, 1]")


def _refuse_rows(wrong: Tensor, message: str) -> None:
    rows = wrong.flatten(1).any(1)
    if rows.any():
        raise ValueError(f"{message}, row {int(rows.int().argmax())} is not.")


def class_numbers(target: object, rows: int, *, names: Sequence[str] = ()) -> Int[Tensor, " rows"]:
    """Parse the class of each row.

    Args:
        target: One for all rows or one for each: whole numbers of any kind, or class names.
        rows: Number of rows.
        names: Names of the classes, if any; a name takes precedence over a number.

    Raises:
        ValueError: If it is none of these.
    """
    items = target.tolist() if isinstance(target, Tensor | np.ndarray) else target
    several = isinstance(items, list | tuple | range)
    found = [_class_number(item, names) for item in (items if several else [items])]  # type: ignore[union-attr]
    if None in found or (several and len(found) != rows):
        shown = repr(target) if isinstance(target, str) else str(target)
        shown = shown.replace("\n", " ")[:60]
        known = f" or one of {_known(names)}" if names else ""
        raise ValueError(
            f"`target` must be one whole number{known}, or a list of {rows}, got {shown}."
        )
    return torch.tensor(found if several else found * rows)


def _known(names: Sequence[str]) -> str:
    """List class names, in quotes where it would not be clear where one ends."""
    ends_unclear = re.compile(r"(?!').*[\s,]")
    shown = [f"'{name}'" if ends_unclear.match(name) else name for name in names]
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return f"{', '.join(shown[:MOST_LISTED])}{more}"


def _class_number(item: object, names: Sequence[str]) -> int | None:
    """Parse one class: a name, else a whole number, possibly as text."""
    if isinstance(item, str):
        for name in (item, visible(item)):
            if name in names:
                return list(names).index(name)
        if not (item.isascii() and item.isdigit() and len(item) < 20):
            return None
        item = int(item)
    if isinstance(item, np.ndarray | Tensor) and item.ndim == 0:
        item = item.item()
    if isinstance(item, bool | np.bool_) or not isinstance(item, numbers.Real):
        return None
    value = item if isinstance(item, int) else float(item)
    return int(value) if abs(value) < LARGEST_CLASS and value == int(value) else None
