"""A pretend CUDA device on a machine without one, as strict as a real one.

Tensors stay on the CPU and remember that they belong to the device. What CUDA refuses is refused:
tensors of two devices in one operation, a NumPy array of a tensor of the device, and a generator
of another device than the numbers that it draws.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar
from unittest import mock

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

__all__ = ["DEVICE", "DeviceError", "pretend_device"]

DEVICE = torch.device("cuda", 0)
CPU = torch.device("cpu")
CHECK = "_accelerator_graph_capture_health_check"
"""What an optimizer asks a real device at each step."""
Generator = torch.Generator


class DeviceError(RuntimeError):
    """CUDA would have refused this."""


class PretendGenerator(Generator):
    """A generator that says that it is on the device it was made for."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu")
        made.on = _known(device)
        return made

    def __init__(self, device="cpu"):
        pass

    @property
    def device(self):
        return self.on


class PretendDevice(TorchFunctionMode):
    """Runs every operation on the CPU and follows which storages belong to the device."""

    storages: ClassVar[dict[int, StorageWeakRef]] = {}
    """By address, shared by all threads; the weak reference keeps an address from being reused."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        owner = args[0] if args and isinstance(args[0], Tensor) else None
        if owner is not None and name in PROPERTIES:
            return PROPERTIES[name](self, function, args)
        if name in HOST_ONLY and owner is not None and self.device_of(owner) == DEVICE:
            raise DeviceError(f"{name}: a tensor of {DEVICE} has no array; use Tensor.cpu()")
        if name in MOVES:
            return self._move(name, function, args, kwargs)
        wanted = _known(kwargs.pop("device")) if kwargs.get("device") is not None else None
        found = [part for part in tree_flatten((args, kwargs))[0] if isinstance(part, Tensor)]
        if name in MAKES_LIKE or (name in COPIES and found):
            wanted = wanted or self.device_of(found[0])
        elif name not in MIXES:
            wanted = wanted or self._common(name, args, found)
        self._check_generator(name, kwargs, wanted or CPU)
        result = function(*args, **kwargs)
        if name in COPIES and wanted != (self.device_of(found[0]) if found else CPU):
            result = result.clone()
        return self._on(result, wanted) if wanted == DEVICE and name not in MIXES else result

    def device_of(self, tensor):
        """Return the device a tensor pretends to be on."""
        if tensor.device.type == "meta" or tensor.layout != torch.strided:
            return tensor.device
        known = self.storages.get(tensor.untyped_storage()._cdata)
        return DEVICE if known is not None and not known.expired() else CPU

    def _on(self, result, device):
        if len(self.storages) > 20_000:
            dead = [key for key, known in list(self.storages.items()) if known.expired()]
            for key in dead:
                self.storages.pop(key, None)

        def keep(part):
            if isinstance(part, Tensor) and part.layout == torch.strided and part.device == CPU:
                storage = part.untyped_storage()
                if device == DEVICE:
                    self.storages[storage._cdata] = StorageWeakRef(storage)
            return part

        return tree_map(keep, result)

    def _common(self, name, args, found):
        """Return the device of an operation; a number on the CPU may join any."""
        devices = {self.device_of(part) for part in found if part.dim() > 0}
        devices.discard(torch.device("meta"))
        if len(devices) > 1 and not self._is_allowed(name, args, found):
            shapes = [f"{tuple(part.shape)} on {self.device_of(part)}" for part in found]
            raise DeviceError(f"{name}: tensors of two devices: {', '.join(shapes)}")
        if name in ("__getitem__", "__setitem__", "index_put_"):
            return self.device_of(found[0])
        any_device = devices or {self.device_of(part) for part in found}
        return DEVICE if DEVICE in any_device else CPU

    def _is_allowed(self, name, args, found):
        """Return whether CUDA moves the smaller part itself: an index, or a copied value."""
        if name == "__getitem__":  # an index on the CPU selects from a tensor of the device
            return self.device_of(args[0]) == DEVICE
        if name == "__setitem__":  # slices copy, index tensors do not
            index = tree_flatten(args[1])[0]
            return not any(isinstance(part, Tensor) for part in index)
        return False

    def _move(self, name, function, args, kwargs):
        tensor, *more = args
        target = {"cpu": CPU, "cuda": DEVICE}.get(name) or _target(more, kwargs)
        more = [part for part in more if isinstance(part, torch.dtype)]
        if isinstance(target, Tensor):
            more, target = [target.dtype], self.device_of(target)
        kwargs = {
            key: kwargs[key] for key in ("dtype", "copy", "memory_format") if kwargs.get(key)
        }
        here = self.device_of(tensor)
        target = target or here
        if name == "type_as":
            return self._on(function(*args), target)
        moved = tensor.to(*more, **kwargs) if more or kwargs else tensor
        same = moved.untyped_storage()._cdata == tensor.untyped_storage()._cdata
        if target != here and same:
            moved = moved.clone()
        return self._on(moved, target)

    def _check_generator(self, name, kwargs, device):
        generator = kwargs.get("generator")
        if isinstance(generator, Generator) and generator.device.type != device.type:
            raise DeviceError(f"{name}: a generator of {generator.device} for numbers on {device}")


def _property_device(mode, function, args):
    return mode.device_of(args[0])


def _property_is_cuda(mode, function, args):
    return mode.device_of(args[0]) == DEVICE


def _property_data(mode, function, args):
    """Read or set `.data`; setting it moves the tensor to the storage of the value."""
    return function(*args)


def _property_grad(mode, function, args):
    found = function(*args)
    return mode._on(found, mode.device_of(args[0])) if isinstance(found, Tensor) else found


def _property(mode, function, args):
    """Choose by the property, since all getters are called `__get__`."""
    for descriptor, read in DESCRIPTORS.items():
        if function == descriptor.__get__:
            return read(mode, function, args)
    return function(*args)


DESCRIPTORS = {
    Tensor.device: _property_device,
    Tensor.is_cuda: _property_is_cuda,
    Tensor.grad: _property_grad,
}
PROPERTIES = {"__get__": _property, "__set__": _property_data}
HOST_ONLY = {"numpy", "__array__", "__dlpack__"}
MOVES = {"to", "cpu", "cuda", "type_as"}
COPIES = {"as_tensor", "asarray", "tensor"}
MAKES_LIKE = {
    *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like"),
    *("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "randint_like"),
}
MIXES = {"copy_", "equal", "_has_compatible_shallow_copy_type", "is_set_to", "set_"}
"""Operations that may see two devices, and properties of tensors that are compared."""


def _known(device):
    found = torch.device(device)
    return DEVICE if found.type == "cuda" else found


def _is_device(part):
    if isinstance(part, Tensor | torch.device):
        return True
    return isinstance(part, str) and part.split(":")[0] in ("cpu", "cuda")


def _target(more, kwargs):
    for part in (*more, kwargs.get("device"), kwargs.get("other")):
        if isinstance(part, Tensor):
            return part
        if _is_device(part):
            return _known(part)
    return None


@contextmanager
def pretend_device() -> Iterator[torch.device]:
    """Make a CUDA device appear, in this thread and in those that it starts."""
    run = threading.Thread.run

    def run_on_device(thread):
        with PretendDevice():
            run(thread)

    with (
        mock.patch.object(torch.cuda, "is_available", lambda: True),
        mock.patch.object(torch.cuda, "device_count", lambda: 1),
        mock.patch.multiple(
            torch.cuda,
            synchronize=lambda *_: None,
            empty_cache=lambda: None,
            get_rng_state=lambda *_: None,
            set_rng_state=lambda *_: None,
        ),
        mock.patch.object(torch.optim.Optimizer, CHECK, lambda *_: None),
        mock.patch.object(torch, "Generator", PretendGenerator),
        mock.patch.object(threading.Thread, "run", run_on_device),
        PretendDevice(),
    ):
        yield DEVICE
