"""How long is waited before a request is sent, or sent again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime


class Stopped(Exception):
    """The work was ended while a request waited for its turn; nobody waits for its answer."""


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, and the pauses between.

    tries:     of a request, the first included.
    first_s:   the first pause, doubled after each failure up to `longest_s`; a random part of up
               to half is taken off, so that many clients do not come back together.
    obeyed_s:  the longest pause that a service may ask for.
    """

    tries: int = 7
    first_s: float = 0.5
    longest_s: float = 30.0
    obeyed_s: float = 300.0

    def pause_s(self, failures: int, asked_s: float | None) -> float:
        """Seconds before the next try; what the service asked for is the least."""
        usual = min(self.longest_s, self.first_s * 2.0 ** (failures - 1))
        usual *= 1 - random.random() / 2  # noqa: S311  # spreads clients, changes no result
        return usual if asked_s is None else asked_s + min(usual, self.first_s)

    def quick(self) -> Patience:
        """For the first request: somebody waits for the message."""
        return Patience(min(self.tries, 3), self.first_s, self.longest_s, self.obeyed_s)


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that an answer asks to wait: a number, or a date as HTTP writes it; None without.

    now: seconds since the epoch. A date in the past is 0.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if value.replace(".", "", 1).isdecimal() and value.isascii():
            return float(value) * unit
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    # A date without a zone is in GMT, as HTTP has it.
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


@dataclass(eq=False)
class Pace:
    """When the next request may begin; shared by all threads.

    per_minute: requests that are begun in a minute, at equal distances; None for no limit.
    """

    per_minute: float | None = None
    _next: float = 0.0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, stop: threading.Event) -> None:
        """Returns when it is this request's turn. Raises Stopped."""
        while True:
            with self._mutex:
                now = time.monotonic()
                left = self._next - now
                if left <= 0:
                    if self.per_minute is not None:
                        self._next = max(self._next, now) + 60 / self.per_minute
                    break
            # Looked at again afterwards: the service may have asked for a longer pause meanwhile.
            if stop.wait(left):
                raise Stopped
        if stop.is_set():
            raise Stopped

    def hold(self, seconds: float) -> None:
        """Lets no request begin for that long: a service that is overrun means all of them."""
        with self._mutex:
            self._next = max(self._next, time.monotonic() + seconds)
