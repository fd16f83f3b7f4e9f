"""How a model's committed results moved: one point for each commit of its baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A baseline as a commit left it.

    commit: its short hash. day: of the commit, such as "2026-11-25".
    means:  measure -> mean over the n queries.
    note:   the reason that was given for an accepted drop; empty without one.
    """

    commit: str
    day: str
    means: Mapping[str, float]
    n: int
    note: str = ""


@dataclass(frozen=True)
class History:
    """The points of one suite and model, oldest first.

    note: why there may have been more of them, such as a shallow clone; else empty.
    """

    suite: str
    model: str
    points: tuple[Point, ...]
    note: str = ""
