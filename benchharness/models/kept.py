"""What was made of the last object, so that asking again about the same one costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Kept(Generic[S, T]):
    """The value of the last source. The source counts by its identity, never by what is in it."""

    def __init__(self) -> None:
        self._last: tuple[S, T] | None = None

    @property
    def last(self) -> T | None:
        """The value that is kept; None before the first."""
        return None if self._last is None else self._last[1]

    def of(self, source: S, make: Callable[[S], T]) -> T:
        """What `make` gave for this very object; made anew for any other."""
        last = self._last
        if last is None or last[0] is not source:
            self._last = last = (source, make(source))
        return last[1]
