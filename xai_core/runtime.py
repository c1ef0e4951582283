"""Where the work runs: device, seeds and the Lightning Fabric launch."""

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from .errors import ConfigError

__all__ = ["Launch", "epoch_generator", "make_fabric", "resolve_device"]


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How many processes work on one training, and how.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        devices: Processes a node, one a device.
        num_nodes: Machines.
        strategy: Fabric's name of the strategy, "auto" or "ddp".
        precision: Fabric's name of the precision; "auto" is bf16 autocast on CUDA, else float32.
    """

    device: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    precision: str = "auto"


def resolve_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:N" into a device that is there.

    Raises:
        ConfigError: If the name is unknown or the device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (kind == "cpu" and number) or not (number or "0").isdigit():
        raise ConfigError(f"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {name!r}.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError(f"`device` is {name!r}, but {found} CUDA devices are here. Use 'auto'.")
    return torch.device(name)


def make_fabric(launch: Launch) -> Fabric:
    """Set up Fabric for a launch and start its processes.

    Raises:
        ConfigError: If the device is not there, or Fabric refuses the combination.
    """
    device = resolve_device(launch.device)
    precision = launch.precision
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
    """Make the random numbers of one epoch a function of seed, stage and epoch alone.

    A training that resumes at an epoch thus draws what an uninterrupted one would.
    """
    number = seed * 1_000_003 + sum(stage.encode()) * 1_009 + epoch
    return torch.Generator(device).manual_seed(number)
