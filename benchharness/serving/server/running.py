"""Running a server: what needs its packages is imported here, once they are known to be there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchharness.errors import MissingDependency
from benchharness.serving.server.limits import Limits
from benchharness.serving.server.served import Served

if TYPE_CHECKING:
    from benchharness.serving.server.stoppable import StoppableServer

_PACKAGES = ("fastapi", "uvicorn", "orjson", "prometheus_client")


def check_installed() -> None:
    """Raises MissingDependency where the extra `serve` is not installed."""
    for package in _PACKAGES:
        if find_spec(package) is None:
            name = package.replace("_", "-")
            raise MissingDependency.of(name, extra="serve", wanted_for="benchharness serve")


def run(
    model: Served,
    limits: Limits,
    bound: socket.socket,
    *,
    key: str | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Returns once the server was stopped and has answered all that it had begun.

    In the main thread the first SIGTERM or Ctrl-C stops it; a second one ends the process at once.
    key: what clients must send; None lets everyone in. on_ready: called when it accepts requests.

    Raises UsageError where the address was taken in the meantime.
    """
    make_server(model, limits, bound, key=key, on_ready=on_ready).run()


def make_server(
    model: Served,
    limits: Limits,
    bound: socket.socket,
    *,
    key: str | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> StoppableServer:
    """A server that another thread can stop, by `stop()`; see `run`."""
    check_installed()
    from benchharness.serving.server.stoppable import StoppableServer

    return StoppableServer(model, limits, bound, key, on_ready)
