"""The state of a training between two epochs: one safetensors file per stage.

All random numbers of an epoch depend on seed, stage and epoch only, and the learning rate on the
step only. So the weights and Adam's moments are the whole state, with the loss scale of float16.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..atomic_write import atomic_write
from ..errors import DataError

__all__ = ["TrainingState", "read_state", "write_state"]


@dataclass(frozen=True)
class TrainingState:
    """Tensors by name, the history's rows so far, and the state of a loss scale."""

    tensors: dict[str, Tensor]
    rows: list[dict]
    scaler: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        rows: list[dict],
        scaler: dict[str, float] | None = None,
    ) -> "TrainingState":
        """Collect a module's weights and its optimizer's moments."""
        tensors = {f"weights.{name}": value for name, value in module.state_dict().items()}
        for number, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"moments.{number}.{name}": value for name, value in moments.items()}
        return cls(tensors, rows, scaler or {})

    def restore(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Restore weights and moments.

        Raises:
            DataError: If they belong to another model.
        """
        try:
            self._restore(module, optimizer)
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"The saved state belongs to another model ({reason}). Delete its folder to start "
                "again."
            ) from error

    def _restore(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        parameters = [part for group in optimizer.param_groups for part in group["params"]]
        weights: dict[str, Tensor] = {}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in self.tensors.items():
            kind, rest = name.split(".", 1)
            if kind == "weights":
                weights[rest] = value
            else:
                number, moment = rest.split(".")
                moments.setdefault(int(number), {})[moment] = _laid_out_as(
                    parameters[int(number)], value
                )
        module.load_state_dict(weights)
        optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def write_state(run: Path, stage: str, state: TrainingState) -> None:
    """Write the state of a stage; the previous file stays until the new one is complete.

    Raises:
        DataError: If it cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    blob = save(
        tensors, metadata={"rows": json.dumps(state.rows), "scaler": json.dumps(state.scaler)}
    )
    with atomic_write(_file(run, stage), fix="Make room, then continue with --resume.") as file:
        file.write(blob)


def read_state(run: Path, stage: str) -> TrainingState | None:
    """Read the state of a stage; None if it has not begun.

    Raises:
        DataError: If the file is damaged.
    """
    path = _file(run, stage)
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            about = file.metadata()
            scaler = json.loads(about.get("scaler", "{}"))
            return TrainingState(tensors, json.loads(about["rows"]), scaler)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is damaged ({error}). Delete it to train this stage again."
        ) from error


def _laid_out_as(parameter: Tensor, moment: Tensor) -> Tensor:
    """Copy a moment into its parameter's strides, as fused Adam requires."""
    if moment.shape != parameter.shape:
        return moment
    return torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)


def _file(run: Path, stage: str) -> Path:
    return run / f"{stage}.safetensors"
