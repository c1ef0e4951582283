"""The runtime: device, memory, seeds and the Lightning Fabric launch."""

import atexit
import logging
import math
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import torch

from ._arguments import check_fields
from .errors import ConfigError, OutOfMemoryError, ProcessLostError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "PRECISIONS",
    "Launch",
    "check_launch",
    "epoch_generator",
    "import_umap",
    "is_first_process",
    "is_out_of_memory",
    "make_fabric",
    "map_batches",
    "map_on_cores",
    "report_lost_processes",
    "report_out_of_memory",
    "resolve_device",
]

logger = logging.getLogger(__name__)
P = TypeVar("P")
T = TypeVar("T")
CACHED = 250
"""Images per batch on one core: few enough that their activations fit into its cache."""
LOST = ("Connection closed by peer", "Connection reset", "Broken pipe", "gloo", "NCCL")
"""Parts of the messages of a communication error after a process was lost."""
PRECISIONS = ("auto", "32-true", "bf16-mixed", "16-mixed")
"""Fabric's names of the precisions that training knows."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The processes and devices of a task.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        devices: Processes per node, one per device.
        num_nodes: Number of machines.
        strategy: Fabric's name of the strategy, "auto" or "ddp".
        precision: One of `PRECISIONS`; "auto" is bf16 autocast on CUDA, else float32.
        cuda_graphs: Whether a training on one GPU captures its steps as CUDA graphs.
    """

    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "auto"
    cuda_graphs: bool = True

    def __post_init__(self) -> None:
        """Raise an error for settings of another kind."""
        check_fields(self)


def check_launch(launch: Launch) -> None:
    """Check that a launch is possible before anything is written.

    Raises:
        ConfigError: If the device does not exist, or the precision is unknown.
    """
    resolve_device(launch.device)
    if launch.precision not in PRECISIONS:
        raise ConfigError(
            f"`precision` must be one of {', '.join(PRECISIONS)}, got {launch.precision!r:.60}."
        )


def resolve_device(name: str | torch.device) -> torch.device:
    """Return the device named "auto", "cpu", "cuda" or "cuda:N"; a device as it is.

    Raises:
        ConfigError: If the name is unknown or the device does not exist.
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (kind == "cpu" and number) or not (number or "0").isdigit():
        raise ConfigError(f"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {name!r}.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError(
            f"`device` is {name!r}, but this machine has {found} CUDA devices. Use 'auto'."
        )
    return torch.device(name)


def make_fabric(launch: Launch) -> "Fabric":
    """Set up Fabric for a launch and start its processes.

    Raises:
        ConfigError: If the device does not exist, or Fabric rejects the combination.
    """
    from lightning_fabric import Fabric

    check_launch(launch)
    device, precision = resolve_device(launch.device), launch.precision
    if precision == "auto":
        precision = "bf16-mixed" if device.type == "cuda" else "32-true"
    single = launch.devices * launch.num_nodes == 1
    try:
        fabric = Fabric(
            accelerator=device.type,
            devices=[device.index] if single and device.index is not None else launch.devices,
            num_nodes=launch.num_nodes,
            strategy=launch.strategy,
            precision=precision,  # type: ignore[arg-type]
        )
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"This launch is not possible: {error}") from error
    fabric.launch()
    return fabric


def epoch_generator(seed: int, stage: str, epoch: int, device: torch.device) -> torch.Generator:
    """Return a generator whose numbers depend only on seed, stage and epoch.

    A resumed training therefore draws the same numbers as an uninterrupted one.
    """
    number = seed * 1_000_003 + sum(stage.encode()) * 1_009 + epoch
    return torch.Generator(device).manual_seed(number)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the machine is out of memory."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "can't allocate memory" in str(error)  # torch on the CPU


@contextmanager
def report_out_of_memory(work: str, fix: str) -> Iterator[None]:
    """Convert an out-of-memory error into one that names the work and what to reduce.

    Raises:
        OutOfMemoryError: If the body runs out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(f"There is not enough memory for {work}. {fix}") from error


@contextmanager
def report_lost_processes(fabric: "Fabric", fix: str) -> Iterator[None]:
    """Convert a failed communication into an error that reports the lost process.

    Raises:
        ProcessLostError: If communication with another process fails in the body.
    """
    try:
        yield
    except RuntimeError as error:
        lost = any(sign in str(error) for sign in LOST)
        if fabric.world_size == 1 or not lost:
            raise
        raise ProcessLostError(
            f"Process {fabric.global_rank} of {fabric.world_size} lost the others: one of them "
            f"ended or was killed. {fix}"
        ) from error


def map_batches(
    work: Callable[[slice], T],
    count: int,
    *,
    device: torch.device | str,
    at_once: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[T]:
    """Process rows in batches, smaller ones if memory is short; on a CPU one per core.

    Args:
        work: Processes a slice of rows; may be called again for the same rows, from any thread.
        count: Number of rows.
        device: Where the work runs.
        at_once: Rows per batch; at most `CACHED` on a CPU.
        on_progress: Called with the number of rows done and of all.

    Returns:
        The results in order.

    Raises:
        OutOfMemoryError: If not even one row fits.
    """
    if torch.device(device).type == "cpu":
        at_once = min(at_once, CACHED)
    while True:
        parts = [slice(row, row + at_once) for row in range(0, count, at_once)]
        results = []
        try:
            for part, result in zip(parts, map_on_cores(work, parts, device), strict=True):
                results.append(result)
                on_progress(min(part.stop, count), count)
            return results
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if at_once == 1:
                raise OutOfMemoryError(
                    "There is not enough memory for a single image. Use another `--device`, or "
                    "end what else runs on this one."
                ) from error
        at_once = math.ceil(
            at_once / 2
        )  # after the handler, because its traceback keeps the tensors alive
        torch.cuda.empty_cache()
        logger.warning("Memory is short: continuing with %d images at once.", at_once)


def map_on_cores(
    work: Callable[[P], T], parts: Sequence[P], device: torch.device | str
) -> Iterator[T]:
    """Process parts, on a CPU one per core, and yield the results in order.

    Parallelism over parts avoids a synchronisation of the cores after every layer.
    """
    cores = torch.get_num_threads() if torch.device(device).type == "cpu" else 1
    if cores == 1 or len(parts) < 2:
        yield from map(work, parts)
        return
    try:
        with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(work, parts)
    finally:
        torch.set_num_threads(
            cores
        )  # the default of future threads: each running thread has its own


RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
"""Rank variables of the launchers, 0 or absent in the first process."""


def is_first_process() -> bool:
    """Return whether this is the process that writes and prints, before and after launch."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank() == 0
    return not any(int(os.environ.get(name) or 0) for name in RANKS)


def import_umap() -> ModuleType:
    """Import UMAP, with a writable folder for its compiled code.

    Numba stores compiled code beside the package or in the home directory, and fails if neither
    is writable. Then a temporary folder is used. Numba gets as many threads as torch: with more,
    it would raise the number of OpenMP threads that both share.

    Raises:
        ConfigError: If it cannot be imported at all.
    """
    if "numba" not in sys.modules:  # it refuses another number once its threads run
        os.environ.setdefault("NUMBA_NUM_THREADS", str(torch.get_num_threads()))
    try:
        return _umap()
    except ImportError as error:
        raise ConfigError(
            f"UMAP cannot be imported ({error}). Install it: pip install umap-learn"
        ) from error
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
    import numba

    folder = tempfile.mkdtemp(prefix="xai-numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    numba.config.CACHE_DIR = folder  # type: ignore[attr-defined]  # set when it is imported
    half_imported = [n for n in sys.modules if n.split(".")[0] in ("umap", "pynndescent")]
    for name in half_imported:
        del sys.modules[name]
    return _umap()


def _umap() -> ModuleType:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
        import umap
    return umap
