"""The loop over epochs that every stage runs: device, mixed precision, checkpoints, progress."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from ..errors import TrainingDivergedError
from ..runtime import epoch_generator, report_out_of_memory
from .checkpoint import TrainingState, read_state, write_state
from .progress import EpochMetrics, Progress

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = [
    "EpochLoop",
    "seeded",
]


logger = logging.getLogger(__name__)


Module = TypeVar("Module", bound=nn.Module)


class EpochLoop:
    """One-cycle Adam over epochs, with state after each; the same for every stage."""

    def __init__(
        self,
        fabric: "Fabric",
        run: Path,
        seed: int,
        batch_size: int,
        on_epoch: Callable[[EpochMetrics], None],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.fabric = fabric
        self.run = run
        self.seed = seed
        self.batch_size = batch_size
        self.on_epoch = on_epoch
        self.on_progress = on_progress
        self.history: list[EpochMetrics] = []
        self.seconds: dict[str, float] = {}

    def fit(
        self,
        stage: str,
        objective: nn.Module,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        *,
        count: int,
        epochs: int,
        learning_rate: float,
        num_clusters: int,
        score: Callable[[], dict[str, float]],
    ) -> None:
        """Train `objective` on what `batches` makes of rows; resume where a state is found."""
        objective.to(self.fabric.device)  # before its moments, which nothing else would move
        optimizer = torch.optim.Adam(objective.parameters(), lr=learning_rate, fused=True)
        state = read_state(self.run, stage)
        rows = [EpochMetrics(**row) for row in state.rows] if state else []
        if state:
            state.restore(objective, optimizer)
        for row in rows:
            self.on_epoch(row)
        step: nn.Module = objective
        if self.fabric.device.type == "cuda":
            step = torch.compile(objective, mode="reduce-overhead")  # type: ignore[assignment]
        wrapped, optimizer = self.fabric.setup(step, optimizer)
        for epoch in range(len(rows), epochs):
            started = time.perf_counter()
            objective.train()
            schedule = _OneCycle(learning_rate, epoch, epochs, count // self._batch(count))
            with report_out_of_memory(f"stage '{stage}'", self._less()):
                loss = self._epoch(stage, epoch, count, wrapped, optimizer, batches, schedule)
            for weights in objective.parameters():  # a finite loss may have had no finite gradient
                self._check(weights.detach().sum(), stage, epoch)
            objective.eval()
            row = EpochMetrics(
                stage=stage,
                epoch=epoch + 1,
                epochs=epochs,
                loss=loss,
                **score(),
                seconds=time.perf_counter() - started,
            )
            rows.append(row)
            if self.fabric.is_global_zero:
                saved = TrainingState.of(objective, optimizer, [asdict(row) for row in rows])
                write_state(self.run, stage, saved)
            self.fabric.barrier()
            _warn_of_collapse(rows[-1], num_clusters)
            self.on_epoch(rows[-1])
        self.history += rows
        self.seconds[stage] = sum(row.seconds for row in rows)

    def _epoch(
        self,
        stage: str,
        epoch: int,
        count: int,
        wrapped: nn.Module,
        optimizer: torch.optim.Optimizer,
        batches: Callable[[Tensor, torch.Generator], tuple[Tensor | None, ...]],
        schedule: "_OneCycle",
    ) -> float:
        """Take the steps of one epoch and return the mean loss."""
        device = self.fabric.device
        generator = epoch_generator(self.seed, stage, epoch, device)
        # dropout draws from the global generator, on each process of its own images
        torch.manual_seed(self.seed + epoch + 1_000_003 * self.fabric.global_rank)
        order = torch.randperm(count, generator=generator, device=device)
        size = self._batch(count)
        steps = count // size
        total = torch.zeros((), device=device)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = schedule.at(step)
            batch = batches(order[step * size : (step + 1) * size], generator)
            loss = wrapped(*(self._share(part) for part in batch))
            self.fabric.backward(loss)
            self.fabric.clip_gradients(wrapped, optimizer, max_norm=1.0, error_if_nonfinite=False)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.detach()
            if step % max(1, steps // 20) == 0 or step == steps - 1:
                self._check(total, stage, epoch)
                self.on_progress(Progress(stage, epoch * steps + step + 1, schedule.total))
        return self.fabric.all_reduce(total / steps, reduce_op="mean").item()  # type: ignore[union-attr]

    def _batch(self, count: int) -> int:
        world = self.fabric.world_size
        return min(self.batch_size, count // world * world)

    def _share(self, part: Tensor | None) -> Tensor | None:
        if part is None:
            return None
        return part[self.fabric.global_rank :: self.fabric.world_size]

    def _check(self, total: Tensor, stage: str, epoch: int) -> None:
        if not torch.isfinite(total):
            kept = f"The state of the epoch before is kept in {self.run}. " if epoch else ""
            option = "`--learning-rate`" if stage == "vae" else "rate in its configuration"
            raise TrainingDivergedError(
                f"The loss of stage '{stage}' is not finite in epoch {epoch + 1}. "
                f"{kept}Train anew with a lower {option}."
            )

    def _less(self) -> str:
        return (
            f"Train anew with a `--batch-size` below {self.batch_size}, or go on with --resume "
            "and --device cpu."
        )


@dataclass(frozen=True)
class _OneCycle:
    """The one-cycle schedule (Smith & Topin, 2018): cosine up to the peak, cosine down to 0."""

    peak: float
    epoch: int
    epochs: int
    steps: int

    @property
    def total(self) -> int:
        return self.epochs * self.steps

    def at(self, step: int) -> float:
        """Return the learning rate at a step of this epoch."""
        time = (self.epoch * self.steps + step) / self.total
        rise = 0.25
        phase = time / rise if time < rise else 1 + (time - rise) / (1 - rise)
        return self.peak * (0.02 + 0.98 * 0.5 * (1 - math.cos(math.pi * phase)))


def seeded(make: Callable[[], Module], seed: int) -> Module:
    """Make a module whose first weights depend on the seed alone."""
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
