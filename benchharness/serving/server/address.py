"""The address of a server: bound before the model is loaded, so that a taken port shows at once."""

from __future__ import annotations

import errno
import socket

from benchharness.errors import UsageError

_LOOPBACK = ("127.", "::1")


def bind(host: str, port: int) -> socket.socket:
    """A socket of that address that does not listen yet; port 0 takes a free one.

    Raises UsageError where the address cannot be had.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port {port} does not exist", remedy="use 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(
            f"host {host!r} is no address of this machine",
            remedy="use --host 127.0.0.1, or 0.0.0.0 for all",
        ) from error
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as error:
        made.close()
        raise unavailable(error, host, port) from error
    return made


def url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    host: str = bound.getsockname()[0]
    return host.startswith(_LOOPBACK)


def unavailable(error: OSError, host: str, port: int) -> UsageError:
    """What is wrong with an address that cannot be listened on, and what to type instead."""
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return UsageError(
            "the port is in use",
            where=where,
            remedy="stop what listens there, or let --port 0 pick a free one",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return UsageError(
            "this user may not listen there", where=where, remedy="use a port above 1023"
        )
    return UsageError(
        f"nothing can listen there: {error.strerror}", where=where, remedy="check --host and --port"
    )
