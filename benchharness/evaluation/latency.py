"""How long one query takes in each of several systems: encode it, search the prepared corpus.

All run in this process and take turns, on the same queries, so that what else the machine does
falls on all of them alike. Milliseconds are of this machine; the ratio travels further.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchharness.progress import Listener, Step, silent

QUERIES = 50
# Queries that a system answers before the next one has its turn.
_TURN = 10


class Searcher(Protocol):
    """A system with its corpus prepared."""

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> object:
        """The best `depth` documents of each query; nothing of a query comes from a cache."""
        ...


@dataclass(frozen=True)
class Latency:
    """The time of one query at a time.

    p50_ms, p95_ms: of the measured queries, by nearest rank: times that were seen.
    ratio:          p50 divided by that of the first system.
    queries:        how many were measured.
    """

    p50_ms: float
    p95_ms: float
    ratio: float
    queries: int


def latencies(
    searchers: Mapping[str, Searcher],
    queries: Mapping[str, str],
    depth: int,
    *,
    count: int = QUERIES,
    listener: Listener = silent,
) -> dict[str, Latency]:
    """The latency of each searcher, by its name and in its order; empty without a query.

    queries: query_id -> text. `count` of them are measured, chosen by a hash of their ids.

    Each answers `depth` documents for ten queries in its turn; who goes first moves on from round
    to round. A turn begins with a query that is not measured, and the first round is asked once
    beforehand, so that loading and compiling are nobody's latency. Timings are among the few
    numbers of benchharness that differ from run to run.
    """
    chosen = _sampled(queries, count + 1)
    if not chosen or not searchers:
        return {}
    spare, asked = chosen[0], chosen[1:] or chosen
    rounds = [asked[start : start + _TURN] for start in range(0, len(asked), _TURN)]
    turns = [
        (name, ids, number > 0)
        for number, ids in enumerate([rounds[0], *rounds])
        for name in _rotated(list(searchers), number)
    ]
    spent: dict[str, list[float]] = {name: [] for name in searchers}
    for done, (name, ids, is_measured) in enumerate(turns, start=1):
        _seconds(searchers[name], spare, queries[spare], depth)
        found = [_seconds(searchers[name], one, queries[one], depth) for one in ids]
        if is_measured:
            spent[name] += found
        listener(Step("latency", done, len(turns), "turns"))
    first = _at(spent[next(iter(spent))], 0.5)
    return {
        name: Latency(
            p50_ms=1e3 * _at(seconds, 0.5),
            p95_ms=1e3 * _at(seconds, 0.95),
            ratio=_at(seconds, 0.5) / first,
            queries=len(seconds),
        )
        for name, seconds in spent.items()
    }


def _sampled(queries: Mapping[str, str], count: int) -> list[str]:
    """Up to `count` ids, the smallest by a hash: the same ones in whatever order they came."""
    return sorted(queries, key=lambda one: hashlib.sha256(one.encode()).digest())[:count]


def _rotated(names: list[str], number: int) -> list[str]:
    start = number % len(names)
    return names[start:] + names[:start]


def _seconds(searcher: Searcher, query_id: str, text: str, depth: int) -> float:
    start = time.perf_counter()
    searcher.search([text], [query_id], depth)
    return max(time.perf_counter() - start, 1e-9)


def _at(seconds: Sequence[float], share: float) -> float:
    """The smallest time that at least this share of them does not exceed."""
    # Rounded first: a product of floats may lie a little above the whole number that it is.
    place = math.ceil(round(share * len(seconds), 9))
    return sorted(seconds)[place - 1]
