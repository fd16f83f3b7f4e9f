"""uvicorn's server with signals of our own: drained at the first, ended at the second, exit 0.

Imported by `running` alone, since it needs uvicorn.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from benchharness.serving.server.address import unavailable
from benchharness.serving.server.app import build_app
from benchharness.serving.server.batcher import Batcher
from benchharness.serving.server.connection import TimedProtocol
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.metrics import Metrics
from benchharness.serving.server.served import Served


class StoppableServer(uvicorn.Server):
    """One server on a bound socket; see `running.run`."""

    def __init__(
        self,
        model: Served,
        limits: Limits,
        bound: socket.socket,
        key: str | None,
        on_ready: Callable[[], None],
    ) -> None:
        metrics = Metrics(model)
        self._batcher = Batcher(model, limits, metrics)
        metrics.watch_queue(lambda: self._batcher.waiting_texts)
        self._bound = bound
        self._on_ready = on_ready
        timed = type(
            "_TimedProtocol", (TimedProtocol,), {"request_seconds": limits.request_seconds}
        )
        super().__init__(uvicorn.Config(
            build_app(model, self._batcher, limits, metrics, key),
            http=timed, ws="none", lifespan="off", interface="asgi3",
            # No log of requests: a query string may hold anything.
            log_config=None, log_level="critical", access_log=False,
            proxy_headers=False, server_header=False,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=limits.drain_seconds,
        ))  # fmt: skip

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until it is stopped; then no thread and no socket is left."""
        try:
            super().run(sockets=sockets or [self._bound])
        finally:
            self._batcher.close()
            self._bound.close()

    def stop(self) -> None:
        """Lets it finish what it has begun; from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        except OSError as error:
            # Another server may have been bound to the same port, and listened first.
            host, port = self._bound.getsockname()[:2]
            raise unavailable(error, host, port) from error
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn would raise the signal again once it is done: a stop on request is no failure.
        del frame
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self.should_exit = True
