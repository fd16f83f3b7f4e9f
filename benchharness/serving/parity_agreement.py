"""How far two encoders agree: vector by vector, and ranking by ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.evaluation.result import Run

TOP = 10
_BLOCK_ROWS = 8192
_WORST = 3


@dataclass(frozen=True)
class Cosines:
    """Cosines between both vectors of each text.

    lowest, p1, mean: over the texts; p1 is the value that 1 % of them are below or at.
    lengths: the shortest and the longest served vector, relative to the local one.
    empty:   texts whose vector is zero on both sides (no token); in no other number here.
    worst:   (id, cosine) of the texts that agree least, the worst first.
    """

    texts: int
    lowest: float
    p1: float
    mean: float
    lengths: tuple[float, float] = (1.0, 1.0)
    empty: int = 0
    worst: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Ranks:
    """How alike the rankings of both sides are.

    overlap: mean share of the first 10 documents that both have (of as many as there are).
    first:   share of the queries with the same document at rank 1.
    average_overlap: mean of the overlaps at depths 1 to 10; disagreement at the top weighs most.
    changed: queries whose first 10 are not the same documents in the same order.

    Source of average overlap: W. Webber, A. Moffat and J. Zobel, A similarity measure for
    indefinite rankings (2010).
    """

    queries: int
    overlap: float
    first: float
    average_overlap: float
    changed: int


def cosines(local: NDArray[np.float32], served: NDArray[np.float32], ids: Sequence[str]) -> Cosines:
    """The agreement of vectors of the same texts in the same order; [n, dim] each.

    A zero vector on one side only counts as cosine 0. Computed in float64. Raises ValueError for
    other shapes; the bits do not depend on how many texts are looked at together.
    """
    import numpy as np

    if local.shape != served.shape or len(ids) != len(local):
        raise ValueError(f"vectors of shapes {local.shape} and {served.shape} are no pairs")
    found = np.empty(len(local))
    ratios = np.ones(len(local))
    empty = np.zeros(len(local), dtype=bool)
    for start in range(0, len(local), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        one, other = (side[rows].astype(np.float64) for side in (local, served))
        lengths = [np.sqrt((side * side).sum(axis=1)) for side in (one, other)]
        product = lengths[0] * lengths[1]
        empty[rows] = (lengths[0] == 0) & (lengths[1] == 0)
        safe = np.where(product > 0, product, 1.0)
        found[rows] = np.where(product > 0, (one * other).sum(axis=1) / safe, 0.0)
        ratios[rows] = np.where(product > 0, lengths[1] / np.where(product > 0, lengths[0], 1), 1)
    kept = np.flatnonzero(~empty)
    if not len(kept):
        return Cosines(0, math.nan, math.nan, math.nan, empty=int(empty.sum()))
    values = np.minimum(found[kept], 1.0)
    # Ties in the order of the texts, so that two runs name the same ones.
    worst = kept[np.argsort(values, kind="stable")[:_WORST]]
    return Cosines(
        texts=len(kept),
        lowest=float(values.min()),
        p1=float(np.sort(values)[math.ceil(len(values) / 100) - 1]),
        mean=math.fsum(values.tolist()) / len(values),
        lengths=(float(ratios[kept].min()), float(ratios[kept].max())),
        empty=int(empty.sum()),
        worst=tuple((ids[row], float(min(found[row], 1.0))) for row in worst.tolist()),
    )


def ranks(local: Run, served: Run, top: int = TOP) -> Ranks:
    """The agreement of two runs of the same queries. Raises ValueError for other queries."""
    if local.query_ids != served.query_ids or not local.query_ids:
        raise ValueError("the two runs answered different queries")
    n = len(local.query_ids)
    pairs = [
        (one[:top], other[:top]) for one, other in zip(local.doc_ids, served.doc_ids, strict=True)
    ]
    return Ranks(
        queries=n,
        overlap=math.fsum(_overlap(one, other) for one, other in pairs) / n,
        first=sum(one[:1] == other[:1] for one, other in pairs) / n,
        average_overlap=math.fsum(_average_overlap(one, other, top) for one, other in pairs) / n,
        changed=sum(one != other for one, other in pairs),
    )


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of documents that both have, of the longer list; 1 where both are empty."""
    longer = max(len(one), len(other))
    return len({*one} & {*other}) / longer if longer else 1.0


def _average_overlap(one: Sequence[str], other: Sequence[str], top: int) -> float:
    depths = range(1, min(top, max(len(one), len(other), 1)) + 1)
    return math.fsum(_overlap(one[:depth], other[:depth]) for depth in depths) / len(depths)
