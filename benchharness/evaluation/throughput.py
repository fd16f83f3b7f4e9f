"""How fast one model encodes beside another: both in this process, on the same documents."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchharness.models.encoder import Encoder

TEXTS = 64
_ROUNDS = (5, 9, 15)  # more rounds while the interval reaches across the limit


@dataclass(frozen=True)
class RelativeSpeed:
    """Documents a second, divided by the other model's.

    ratio:    geometric mean over the rounds.
    interval: 90 %, Student's t on the logarithms.
    """

    ratio: float
    interval: tuple[float, float]
    rounds: int
    texts: int


def relative_speed(
    encoder: Encoder, other: Encoder, texts: Sequence[str], limit: float
) -> RelativeSpeed:
    """The speed of `encoder` relative to `other`, by rounds that take turns.

    Nothing comes from a cache. Each encodes the texts once unmeasured, then 5 rounds; 9 or 15
    while the interval holds `limit`. Timings are the only numbers of benchharness that differ
    from run to run.
    """
    for one in (encoder, other):
        _seconds(one, texts)
    logs: list[float] = []
    for rounds in _ROUNDS:
        while len(logs) < rounds:
            logs.append(_turn(encoder, other, texts, swap=len(logs) % 2 == 1))
        found = _speed(logs, len(texts))
        if not found.interval[0] < limit <= found.interval[1]:
            break
    return found


def _turn(encoder: Encoder, other: Encoder, texts: Sequence[str], *, swap: bool) -> float:
    """log(seconds of the other / own seconds); who goes first takes turns."""
    if swap:
        theirs = _seconds(other, texts)
        own = _seconds(encoder, texts)
    else:
        own = _seconds(encoder, texts)
        theirs = _seconds(other, texts)
    return math.log(theirs / own)


def _seconds(encoder: Encoder, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    for _ in encoder.encode(texts, "document"):
        pass
    return max(time.perf_counter() - start, 1e-9)


def _speed(logs: Sequence[float], texts: int) -> RelativeSpeed:
    from scipy.special import stdtrit

    n = len(logs)
    mean = math.fsum(logs) / n
    variance = math.fsum((value - mean) ** 2 for value in logs) / (n - 1)
    half = float(stdtrit(n - 1, 0.95)) * math.sqrt(variance / n)
    return RelativeSpeed(math.exp(mean), (math.exp(mean - half), math.exp(mean + half)), n, texts)
