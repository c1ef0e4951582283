"""A training step, eager or as one captured CUDA graph.

The networks are small: a GPU finishes a kernel faster than Python launches the next one. A
captured graph launches all kernels of a step at once. Unlike `torch.compile` it needs no C
compiler.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["TrainingStep"]

logger = logging.getLogger(__name__)
Batch = Sequence[Tensor | None]
WARM_UP = 3
"""Eager steps before the capture, in which libraries choose and allocate what a graph cannot."""
LARGEST_NORM = 1.0


class TrainingStep:
    """Takes a step of the optimizer on a batch, as a graph where that is possible.

    Args:
        fabric: Precision and device.
        module: Returns the loss of a batch; set up by `fabric`.
        optimizer: Set up by `fabric`.
        capture: Whether to capture a graph after some steps. If the capture fails, a warning
            gives the reason and steps stay eager.
    """

    def __init__(
        self,
        fabric: "Fabric",
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        capture: bool,
    ) -> None:
        self.fabric = fabric
        self.module = module
        self.optimizer = optimizer
        self.capture = capture
        self.taken = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: Batch = ()
        self.loss: Tensor | None = None
        self.stream = torch.cuda.Stream() if capture else None

    def __call__(self, batch: Batch) -> Tensor:
        """Take a step and return the loss, detached; the next call may overwrite it."""
        if not self.capture:
            return self._eager(batch)
        if self.graph is None and self.taken == WARM_UP:
            self._capture(batch)
        self.taken += 1
        if self.graph is not None and self.loss is not None:
            for known, new in zip(self.inputs, batch, strict=True):
                if known is not None and new is not None:
                    known.copy_(new)
            self.graph.replay()
            return self.loss
        if self.stream is None:
            return self._eager(batch)
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            loss = self._eager(batch)
        torch.cuda.current_stream().wait_stream(self.stream)
        return loss

    def _eager(self, batch: Batch) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss: Tensor = self.module(*batch)
        self.fabric.backward(loss)
        self.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=LARGEST_NORM, error_if_nonfinite=False
        )
        self.optimizer.step()
        return loss.detach()

    def _capture(self, batch: Batch) -> None:
        """Record the kernels of a step without running them."""
        graph = torch.cuda.CUDAGraph()
        self.inputs = [None if part is None else part.clone() for part in batch]
        self.optimizer.zero_grad(set_to_none=True)
        try:
            with torch.cuda.graph(graph):
                self.loss = self._eager(self.inputs)
        except RuntimeError as error:
            self.capture = False
            reason = str(error).splitlines()[0]
            logger.warning("Training continues without a CUDA graph: %s", reason)
            return
        self.graph = graph
