"""uvicorn's HTTP/1.1 protocol with a limit on how long a request may take to arrive.

uvicorn limits idle connections only: a client that sends a byte now and then keeps one for ever.
Imported by `running` alone, since it needs uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_GRACE_SECONDS = 5.0  # beyond a body's time, in which the app tells the client why


class TimedProtocol(H11Protocol):
    """Closes a connection whose request is not complete in time.

    request_seconds: for a head, and again for a body, which the app refuses before it is cut off.
    """

    request_seconds = 20.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._arriving: Literal["head", "body"] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Starts the clock where a part of a request begins, and stops it where it is complete."""
        arriving = self._part()
        if arriving == self._arriving:
            return
        self._forget()
        self._arriving = arriving
        if arriving is not None:
            grace = _GRACE_SECONDS if arriving == "body" else 0.0
            self._timer = self.loop.call_later(self.request_seconds + grace, self.transport.close)

    def _part(self) -> Literal["head", "body"] | None:
        state = self.conn.their_state
        if state is h11.SEND_BODY:
            return "body"
        # Between two requests uvicorn's own clock runs; the first head has none.
        if state is h11.IDLE and (self.cycle is None or self.conn.trailing_data[0]):
            return "head"
        return None

    def _forget(self) -> None:
        self._arriving = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
