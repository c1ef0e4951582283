"""Read an ONNX file as data and check the network that results against ONNX Runtime.

The packages onnx2torch 1.5 and onnx2pytorch 0.6 are not used: neither reads torchvision's ResNet,
the first lacks Keras' padding, and the second pools by calls that have no relevance rule.
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..._paths import expand_home
from ...errors import ConfigError, DataError
from .network import GraphNetwork
from .operations import OPERATIONS

if TYPE_CHECKING:
    import onnx

__all__ = ["OnnxNetwork", "read_onnx"]

MAX_BYTES = 1 << 30
"""Largest file that is read: 1 GiB."""
TOLERANCE = 1e-4
"""Largest difference from ONNX Runtime, as a share of the largest output where that exceeds 1."""
FARTHEST = 1 << 40
"""Integers beyond this limit mean "to the end"."""
MOST_NUMBERS = 4096
"""Largest number of whole numbers in a constant."""
SKIPPED = ("Identity", "Dropout")
"""Operations that are the identity in evaluation mode."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class OnnxNetwork:
    """A network read from an ONNX file.

    Attributes:
        network: The network, with its weights.
        input_shape: Shape of its input, the batch first; None for a free size.
        difference: Largest difference from ONNX Runtime's outputs.
    """

    network: GraphNetwork
    input_shape: tuple[int | None, ...]
    difference: float

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Return the height and width of the images that it reads, if they are fixed."""
        sides = self.input_shape[1:]
        if len(sides) == 3:
            sides = sides[1:] if sides[0] in (1, 3) else sides[:2]
        height, width = sides if len(sides) == 2 else (None, None)
        return None if height is None or width is None else (height, width)


def read_onnx(path: str | Path, *, free: int = 32) -> OnnxNetwork:
    """Read a network of one image input from an ONNX file, which is data and runs no code.

    Args:
        path: The file, with its weights inside.
        free: Size of each free axis but the batch, for the comparison.

    Returns:
        The network; its outputs were compared with ONNX Runtime's.

    Raises:
        ConfigError: If onnx or onnxruntime is not installed.
        DataError: If the file is damaged, too large, refers to other files, uses an operation that
            is not known, or computes something else than ONNX Runtime; the message says which.
    """
    path = expand_home(path)
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ConfigError(
            f"ONNX files need the packages onnx and onnxruntime: pip install "
            f"'cluster-vae-xai[onnx]' ({error})."
        ) from error
    model = _parsed(path, onnx)
    try:
        graph, weights, shape = _as_data(model)
        network = GraphNetwork(graph)
    except (ValueError, KeyError, TypeError, OverflowError, RuntimeError) as error:
        raise _unreadable(path, str(error)) from error
    network.load_state_dict(weights, assign=True)
    network.eval().requires_grad_(False)
    onnxruntime.set_default_logger_severity(4)
    found = _difference(path, network, shape, free, onnxruntime)
    return OnnxNetwork(network=network, input_shape=shape, difference=found)


def _unreadable(path: Path, problem: str) -> DataError:
    return DataError(
        f"`{path}` cannot be imported: {problem.rstrip('.')}. Export the network again, in "
        "evaluation mode, as one .onnx file of up to 1 GiB with its weights inside."
    )


def _parsed(path: Path, onnx: Any) -> "onnx.ModelProto":  # noqa: ANN401  the package
    from google.protobuf.message import DecodeError

    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _unreadable(path, f"it has {size >> 20:,} MiB")
        model = onnx.load_from_string(path.read_bytes())
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror or error}.") from error
    except (DecodeError, ValueError, TypeError) as error:
        raise _unreadable(path, "it is not a whole ONNX file") from error
    if not model.HasField("graph") or not model.graph.node:
        raise _unreadable(path, "it is not a whole ONNX file")
    return model


def _as_data(
    model: "onnx.ModelProto",
) -> tuple[dict[str, Any], dict[str, Tensor], tuple[int | None, ...]]:
    """Split a model into operations as JSON, weights, and the shape of the input."""
    graph, reader = model.graph, _Names()
    if graph.sparse_initializer:
        raise ValueError("it has sparse weights")
    for tensor in graph.initializer:
        reader.add(tensor.name, _array(tensor))
    inputs = [entry for entry in graph.input if entry.name not in reader.seen]
    if len(inputs) != 1:
        raise ValueError(f"it must have one input, the images, and has {len(inputs)}")
    start, nodes = reader.new(inputs[0].name), []
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise ValueError(f"it uses {node.op_type:.60} of the domain {node.domain:.60}")
        if node.op_type == "Constant":
            reader.add(node.output[0], _constant(node))
        elif node.op_type in SKIPPED:
            reader.seen[node.output[0]] = reader[node.input[0]]
        elif node.op_type not in OPERATIONS:
            raise ValueError(f"it uses the operation {node.op_type:.60}, which is not known")
        else:
            names = [reader[name] for name in node.input]
            found = [reader.new(name) for name in node.output if name]
            nodes.append([node.op_type, names, found, _attributes(node)])
    shape = _shape_of(inputs[0])
    used = {name for _, names, _, _ in nodes for name in names}
    constants = {name: value for name, value in reader.constants.items() if name in used}
    if shape and shape[0] is not None:
        _free_batch(nodes, constants, shape[0])
    weights = {name: value for name, value in reader.weights.items() if name in used}
    data = {
        "input": start,
        "outputs": [reader[entry.name] for entry in graph.output],
        "nodes": nodes,
        "weights": {name: list(value.shape) for name, value in weights.items()},
        "constants": constants,
    }
    return data, weights, shape


class _Names:
    """Plain names for the values of a graph, and the constants among them."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {"": ""}
        self.weights: dict[str, Tensor] = {}
        self.constants: dict[str, Any] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self.seen:
            raise ValueError(f"an operation reads {name!r:.60}, which nothing computes")
        return self.seen[name]

    def new(self, name: str, prefix: str = "t") -> str:
        if name in self.seen:
            raise ValueError(f"two values are named {name!r:.60}")
        self.seen[name] = f"{prefix}{len(self.seen)}"
        return self.seen[name]

    def add(self, name: str, value: np.ndarray) -> None:
        if value.dtype.kind == "f":
            plain = torch.from_numpy(np.array(value, np.float32))
            if not bool(plain.isfinite().all()):
                raise ValueError("a weight is not finite")
            self.weights[self.new(name, "w")] = plain
        elif value.dtype.kind in "iub" and value.size <= MOST_NUMBERS:
            numbers = np.clip(value.astype(np.int64), -FARTHEST, FARTHEST)
            self.constants[self.new(name, "c")] = numbers.tolist()
        else:
            raise ValueError(f"it has a constant of type {value.dtype}, size {value.size:,}")


def _array(tensor: "onnx.TensorProto") -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError("its weights are in another file, which is never followed")
    if math.prod(tensor.dims) * 4 > MAX_BYTES:
        raise ValueError("a weight is impossibly large")
    return numpy_helper.to_array(tensor)


def _constant(node: "onnx.NodeProto") -> np.ndarray:
    (attribute,) = node.attribute
    if attribute.name == "value":
        return _array(attribute.t)
    value = _value(attribute)
    return np.array(value, np.float32 if isinstance(_first(value), float) else np.int64)


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    return {attribute.name: _value(attribute) for attribute in node.attribute}


def _value(attribute: "onnx.AttributeProto") -> Any:  # noqa: ANN401  a JSON value
    from onnx import helper

    value = helper.get_attribute_value(attribute)
    if attribute.HasField("t"):
        return _array(attribute.t).reshape(-1).tolist()[0]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int | float):
        return value
    numbers = list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(part, int | float) for part in numbers) or len(numbers) > MOST_NUMBERS:
        raise ValueError(f"the attribute {attribute.name!r:.60} is not of numbers or text")
    return numbers


def _shape_of(entry: "onnx.ValueInfoProto") -> tuple[int | None, ...]:
    sizes = entry.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in sizes)


def _free_batch(nodes: list[Any], constants: dict[str, Any], batch: int) -> None:
    """Let reshapes of an export for a fixed batch copy the size of the batch instead."""
    for operation, inputs, _, _ in nodes:
        shape = constants.get(inputs[1]) if operation == "Reshape" else None
        if isinstance(shape, list) and len(shape) > 1 and shape[0] == batch:
            constants[inputs[1]] = [0, *shape[1:]]


def _difference(
    path: Path,
    network: GraphNetwork,
    shape: tuple[int | None, ...],
    free: int,
    runtime: Any,  # noqa: ANN401  the package
) -> float:
    """Compare all outputs on random images."""
    batch = [2 if n is None else n for n in shape[:1]]
    sizes = [*batch, *(free if n is None else n for n in shape[1:])]
    if not 2 <= len(sizes) <= 4 or math.prod(sizes) > MAX_BYTES // 64 or min(sizes) < 1:
        raise _unreadable(path, f"its input must be images, and has the shape {shape}")
    x = torch.rand(sizes, generator=torch.Generator().manual_seed(0))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = runtime.InferenceSession(path.read_bytes(), options)
        theirs = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        with torch.inference_mode():
            ours = network(x)
    except Exception as error:  # ONNX Runtime raises types of its own
        raise _unreadable(path, f"it cannot be evaluated: {error!s:.200}") from error
    ours = ours if isinstance(ours, tuple) else (ours,)
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        if tuple(mine.shape) != other.shape:
            raise _unreadable(path, f"it gives {tuple(mine.shape)}, ONNX Runtime {other.shape}")
        scale = max(1.0, float(np.abs(other).max(initial=0)))
        worst = max(worst, float(np.abs(mine.numpy() - other).max(initial=0)) / scale)
    if not worst <= TOLERANCE:
        raise _unreadable(path, f"its outputs differ from ONNX Runtime's by {worst:.2g}")
    logger.info("%s equals ONNX Runtime to %.1g", path, worst)
    return worst
