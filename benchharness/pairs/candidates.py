"""Which documents may become a query's negatives, as one miner or several rank the corpus.

Source of the margin: G. Moreira et al., NV-Retriever: improving text embedding models with
effective hard-negative mining, 2024 (TopK-PercPos).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.evaluation.search import UNRANKED_SCORE
from benchharness.pairs.miners import Ranking
from benchharness.pairs.positives import Known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SAMPLINGS = ("top", "random")
_TALLIED = ("candidates", "vetoed", "by_id", "by_text", "by_margin", "without_margin")


@dataclass(frozen=True)
class MiningRule:
    """Which documents are taken for negatives. Raises UsageError for values out of range.

    per_query:   negatives of each pair, those it was given included.
    first, last: ranks among which they are sought, from 1, in the ranking of the whole corpus.
    margin:      a negative scores at most (1 - margin) times the query's worst positive.
    sampling:    "top" takes the best ranks, "random" a seeded choice among all.
    """

    per_query: int = 4
    first: int = 10
    last: int = 100
    margin: float = 0.05
    sampling: str = "top"

    def __post_init__(self) -> None:
        _need(self.per_query >= 1, "per_query", self.per_query, "1 or more")
        _need(self.first >= 1, "first", self.first, "a rank from 1")
        _need(self.last >= self.first, "last", self.last, f"a rank from first={self.first}")
        _need(0 <= self.margin < 1, "margin", self.margin, "a share from 0 to below 1")
        _need(self.sampling in _SAMPLINGS, "sampling", self.sampling, " or ".join(_SAMPLINGS))


@dataclass(frozen=True)
class MinerCount:
    """What lay at the ranks of one miner, each document once for each distinct query.

    miner:    its spec. candidates: what it alone would have taken negatives from.
    vetoed:   of those, what another miner ranks before `first` or scores too near a positive.
    by_id, by_text, by_margin: what it removed, as in `Mined`.
    without_margin: distinct queries none of whose positives it gives a score.
    """

    miner: str
    candidates: int
    vetoed: int
    by_id: int
    by_text: int
    by_margin: int
    without_margin: int


@dataclass(frozen=True)
class Candidates:
    """Of each query: (row, best rank) in the order in which they are taken, and what is avoided.

    removed: by reason, in all; see `Mined`.
    """

    sought: tuple[list[tuple[int, int]], ...]
    avoided: tuple[set[int], ...]
    removed: Counter[str]
    miners: tuple[MinerCount, ...]


@dataclass(frozen=True)
class _Sifted:
    """The documents at one miner's ranks for one query: candidates as row -> rank, the rest by
    why they are none. early: those that rank before `first`.
    """

    sought: dict[int, int]
    early: set[int]
    by_id: set[int]
    by_text: set[int]
    by_margin: set[int]


def candidates_of(
    rankings: Sequence[Ranking],
    asked: Sequence[str],
    facts: Sequence[Known],
    rule: MiningRule,
    keys: NDArray[np.uint64],
    seed: int,
) -> Candidates:
    """The candidates of each query, the union of all rankings.

    asked: distinct texts; facts: of each. keys: of the corpus' texts. seed: of random sampling.
    """
    import numpy as np

    scoreless = np.isnan(np.stack([one.worst for one in rankings]))
    removed: Counter[str] = Counter(without_margin=int(scoreless.all(axis=0).sum()))
    tallies = [Counter(without_margin=int(row.sum())) for row in scoreless]
    sought: list[list[tuple[int, int]]] = []
    avoided: list[set[int]] = []
    for place, (query, fact) in enumerate(zip(asked, facts, strict=True)):
        sifted = [_sift(ranking, place, fact, rule) for ranking in rankings]
        never = set().union(*(one.early | one.by_margin for one in sifted))
        for tally, one in zip(tallies, sifted, strict=True):
            tally.update(
                candidates=len(one.sought), vetoed=len(one.sought.keys() & never),
                by_id=len(one.by_id), by_text=len(one.by_text), by_margin=len(one.by_margin),
            )  # fmt: skip
        removed.update(
            by_id=len(set().union(*(one.by_id for one in sifted))),
            by_text=len(set().union(*(one.by_text for one in sifted))),
            by_margin=len(set().union(*(one.by_margin for one in sifted))),
        )
        own = _in_order(sifted, never)
        if rule.sampling == "random":
            own.sort(key=lambda one: draw(seed, query, int(keys[one[0]])))
        sought.append(own)
        avoided.append(never)
    miners = tuple(
        MinerCount(ranking.miner, **{name: tally[name] for name in _TALLIED})
        for ranking, tally in zip(rankings, tallies, strict=True)
    )
    return Candidates(tuple(sought), tuple(avoided), removed, miners)


def _in_order(sifted: Sequence[_Sifted], never: Collection[int]) -> list[tuple[int, int]]:
    """(row, best rank) of every candidate, by rank and then by row, which is by doc_id."""
    best: dict[int, int] = {}
    for one in sifted:
        for row, number in one.sought.items():
            best[row] = min(number, best.get(row, number))
    found = [(row, number) for row, number in best.items() if row not in never]
    return sorted(found, key=lambda one: (one[1], one[0]))


def _sift(ranking: Ranking, place: int, known: Known, rule: MiningRule) -> _Sifted:
    worst = float(ranking.worst[place])
    # -inf times a margin of 0 is no number; nothing scores below it in any case.
    ceiling = worst - rule.margin * abs(worst) if math.isfinite(worst) else worst
    found = _Sifted({}, set(), set(), set(), set())
    rows, scores = ranking.hits.rows[place].tolist(), ranking.hits.scores[place].tolist()
    for number, (row, score) in enumerate(zip(rows, scores, strict=True), start=1):
        if row < 0 or score <= UNRANKED_SCORE:
            continue
        if number < rule.first:
            found.early.add(row)
        elif row in known.by_id:
            found.by_id.add(row)
        elif row in known.by_text:
            found.by_text.add(row)
        elif score > ceiling:  # false where there is no margin: NaN
            found.by_margin.add(row)
        else:
            found.sought[row] = number
    return found


def draw(seed: int, *texts: object) -> bytes:
    """A seeded hash, the same on every machine and in every version of a library."""
    joined = "\0".join(map(str, (seed, *texts)))
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).digest()


def _need(fits: bool, name: str, value: object, wanted: str) -> None:
    if not fits:
        raise UsageError(f"mining: {name}={value!r}", remedy=f"{name} is {wanted}")
