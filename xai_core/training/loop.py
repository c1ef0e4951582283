"""The loop over epochs, shared by all stages: device, mixed precision, checkpoints, progress."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from ..errors import TrainingDivergedError
from ..runtime import epoch_generator, report_out_of_memory
from .captured_step import TrainingStep
from .checkpoint import TrainingState, read_state, write_state
from .progress import EpochMetrics, Progress
from .stages.table import VAE
from .steps import plan_epochs

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "EpochLoop",
    "no_scores",
    "one_cycle",
    "seeded",
]

logger = logging.getLogger(__name__)
Module = TypeVar("Module", bound=nn.Module)


class EpochLoop:
    """Train by Adam with a one-cycle schedule; the state is saved after each epoch."""

    def __init__(
        self,
        fabric: "Fabric",
        run: Path,
        seed: int,
        batch_size: int,
        on_epoch: Callable[[EpochMetrics], None],
        on_progress: Callable[[Progress], None],
        cuda_graphs: bool = True,
    ) -> None:
        self.cuda_graphs = cuda_graphs
        self.fabric = fabric
        self.run = run
        self.seed = seed
        self.batch_size = batch_size
        self.on_epoch = on_epoch
        self.on_progress = on_progress
        self.history: list[EpochMetrics] = []
        self.seconds: dict[str, float] = {}
        self.steps: dict[str, int] = {}

    def fit(
        self,
        stage: str,
        objective: nn.Module,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        *,
        count: int,
        epochs: int,
        min_steps: int,
        learning_rate: float,
        num_clusters: int,
        score: Callable[[int, int], dict[str, float]],
    ) -> None:
        """Train `objective` on batches made of rows; resume from a saved state.

        `score` is called after each epoch with its number, from 1, and the number of epochs.
        """
        epochs, size = plan_epochs(
            count, epochs, self.batch_size, min_steps, processes=self.fabric.world_size
        )
        objective.to(
            self.fabric.device
        )  # before the optimizer's moments, which nothing else would move to the device
        captured = self._captures()
        rate = (
            torch.tensor(learning_rate, device=self.fabric.device) if captured else learning_rate
        )
        precision = self.fabric.strategy.precision
        scaled = bool(precision.state_dict())  # fused Adam unscales itself, too late to clip
        optimizer = torch.optim.Adam(
            objective.parameters(), lr=rate, fused=not scaled, capturable=captured
        )
        state = read_state(self.run, stage)
        rows = [EpochMetrics(**row) for row in state.rows] if state else []
        if state:
            state.restore(objective, optimizer)
            if state.scaler:
                precision.load_state_dict(state.scaler)
        for row in rows:
            self.on_epoch(row)
        steps = epochs * (count // size)
        cycle = one_cycle(optimizer, learning_rate, steps=steps, done=len(rows) * (count // size))
        wrapped, optimizer = self.fabric.setup(objective, optimizer)
        step = TrainingStep(self.fabric, wrapped, optimizer, capture=captured)
        for epoch in range(len(rows), epochs):
            started = time.perf_counter()
            objective.train()
            with report_out_of_memory(f"stage '{stage}'", self._less()):
                loss = self._epoch(stage, epoch, count, size, step, batches, cycle)
            for (
                weights
            ) in objective.parameters():  # the loss may be finite although its gradient is not
                self._check(weights.detach().sum(), stage, epoch)
            objective.eval()
            row = EpochMetrics(
                stage=stage,
                epoch=epoch + 1,
                epochs=epochs,
                loss=loss,
                **score(epoch + 1, epochs),
                seconds=time.perf_counter() - started,
            )
            rows.append(row)
            if self.fabric.is_global_zero:
                history = [asdict(row) for row in rows]
                saved = TrainingState.of(objective, optimizer, history, precision.state_dict())
                write_state(self.run, stage, saved)
            self.fabric.barrier()
            _warn_of_collapse(rows[-1], num_clusters)
            self.on_epoch(rows[-1])
        self.history += rows
        self.seconds[stage] = sum(row.seconds for row in rows)
        self.steps[stage] = steps

    def _epoch(
        self,
        stage: str,
        epoch: int,
        count: int,
        size: int,
        step: TrainingStep,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        cycle: OneCycleLR,
    ) -> float:
        """Take the steps of one epoch and return the mean loss."""
        device = self.fabric.device
        generator = epoch_generator(self.seed, stage, epoch, device)
        # dropout draws from the global generator, on each process for its own images
        torch.manual_seed(self.seed + epoch + 1_000_003 * self.fabric.global_rank)
        order = torch.randperm(count, generator=generator, device=device)
        steps = count // size
        total = torch.zeros((), device=device)
        for number in range(steps):
            batch = batches(order[number * size : (number + 1) * size], generator)
            total += step([self._share(part) for part in batch])
            cycle.step()
            if number % max(1, steps // 20) == 0 or number == steps - 1:
                self._check(total, stage, epoch)
                self.on_progress(
                    Progress(stage, epoch * steps + number + 1, cycle.total_steps - 1)
                )
        return self.fabric.all_reduce(total / steps, reduce_op="mean").item()  # type: ignore[union-attr]

    def _captures(self) -> bool:
        """Return whether steps are captured: several processes exchange gradients between them."""
        return (
            self.cuda_graphs and self.fabric.device.type == "cuda" and self.fabric.world_size == 1
        )

    def _share(self, part: Tensor | None) -> Tensor | None:
        if part is None:
            return None
        return part[self.fabric.global_rank :: self.fabric.world_size]

    def _check(self, total: Tensor, stage: str, epoch: int) -> None:
        if not torch.isfinite(total):
            kept = f"The state of the epoch before is kept in {self.run}. " if epoch else ""
            option = "`--learning-rate`" if stage == VAE else "rate in its configuration"
            raise TrainingDivergedError(
                f"The loss of stage '{stage}' is not finite in epoch {epoch + 1}. "
                f"{kept}Train again with a lower {option}."
            )

    def _less(self) -> str:
        return (
            f"Train again with a `--batch-size` below {self.batch_size}, or continue with "
            "--resume and --device cpu."
        )


def no_scores(epoch: int, epochs: int) -> dict[str, float]:
    """Return no scores, for stages whose history has none."""
    return {}


def one_cycle(
    optimizer: torch.optim.Optimizer, peak: float, *, steps: int, done: int = 0
) -> OneCycleLR:
    """Make the one-cycle schedule (Smith & Topin, 2018): cosine up to the peak, cosine down.

    The peak is after a quarter of the steps; both ends are at a fiftieth of it.

    Args:
        optimizer: Optimizer whose learning rate is scheduled.
        peak: The highest learning rate.
        steps: Steps of the whole training.
        done: Steps that were taken before an interruption.
    """
    cycle = OneCycleLR(
        optimizer,
        peak,
        total_steps=steps + 1,
        pct_start=(steps / 4 + 1) / (steps + 1),  # torch counts from the first step to the last
        div_factor=50,
        final_div_factor=1,
        cycle_momentum=False,
    )
    if 0 < done < steps:
        cycle.load_state_dict(
            {**cycle.state_dict(), "last_epoch": done - 1, "_step_count": done + 1}
        )
        cycle.step()
    return cycle


def seeded(make: Callable[[], Module], seed: int) -> Module:
    """Build a module whose initial weights depend only on the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def _warn_of_collapse(row: EpochMetrics, num_clusters: int) -> None:
    if row.collapsed(num_clusters):
        logger.warning(
            "Cluster collapse: cluster_information is %.3f nats after epoch %d, below half of "
            "ln %d = %.3f. The clusters say little about the images.",
            row.cluster_information,
            row.epoch,
            num_clusters,
            math.log(num_clusters),
        )
