"""The workers of a Dask scheduler.

Dask sends functions as pickles: use a network that you trust, or TLS
(https://distributed.dask.org/en/stable/tls.html).
"""

from collections.abc import Callable
from typing import TypeVar

from ..errors import ConfigError, ProcessLostError
from .api import Engine

__all__ = ["DaskEngine"]

R = TypeVar("R")
ANSWER = 10.0
"""Seconds to wait for the scheduler."""
AHEAD = 2
"""Blocks sent per thread of a worker, so that none waits for the next one."""


class DaskEngine(Engine):
    """Computes on the workers of a Dask scheduler.

    The workers need the same package, and the bundle and the folder of results at the same paths.
    Start them with one thread each: `dask worker HOST:PORT --nworkers 4 --nthreads 1`. A block
    whose worker is lost is computed by another.

    Args:
        address: HOST:PORT of the scheduler, or an address of Dask's such as tls://HOST:PORT.

    Raises:
        ConfigError: If Dask is not installed, or no scheduler or no worker is there.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ConfigError(
                "Dask is not installed. Install it: pip install 'cluster-vae-xai[dask]'"
            ) from error
        try:
            self._client = Client(address, timeout=ANSWER, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"No Dask scheduler answers at {address!r}. Start one with `dask scheduler` and "
                "give the address that it prints."
            ) from error
        threads = sum(self._client.nthreads().values())
        if not threads:
            self._client.close()
            raise ConfigError(
                f"The Dask scheduler at {address!r} has no workers. Start some: "
                f"`dask worker {address} --nworkers 4 --nthreads 1`"
            )
        self.at_once = AHEAD * threads

    def run(self, function: Callable[..., R], *args: object, timeout: float | None = None) -> R:
        """Compute `function(*args)` on a worker.

        Dask itself gives up workers that send no heartbeat (`distributed.scheduler.worker-ttl`).
        """
        from distributed import CancelledError, KilledWorker

        answer = self._client.submit(function, *args, pure=False)
        try:
            return answer.result(timeout)
        except (CancelledError, KilledWorker) as error:
            raise ProcessLostError(f"A Dask worker was lost: {error}") from error
        except TimeoutError:
            if answer.done():
                raise  # the function's own
            raise ProcessLostError(f"No Dask worker answered within {timeout:g} s.") from None
        finally:
            answer.cancel()

    def close(self) -> None:
        """Cancel what is under way and leave the scheduler."""
        if not self._closed:
            super().close()
            self._client.close()
