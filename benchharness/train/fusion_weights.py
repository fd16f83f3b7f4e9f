"""The weights of a fusion, chosen on the training side of a suite.

Whoever chooses on the queries that judge has chosen what suits these queries. So the weights are
chosen twice more, on each half of the training queries, and judged on the other half; the suite's
own queries are not asked at all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset, Relevance
from benchharness.data.similarity import text_key
from benchharness.errors import DataError
from benchharness.evaluation import metrics
from benchharness.evaluation.fusion import fuse
from benchharness.evaluation.retrieval import searcher_of
from benchharness.evaluation.search import Hits, drop
from benchharness.judge.paired import Difference, clustered_difference
from benchharness.measures import Measure
from benchharness.models.encoder import System
from benchharness.models.fusion_spec import Fusion, shares
from benchharness.progress import Listener, Step, silent
from benchharness.train.folds import make_folds
from benchharness.train.material import gather

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.judge.bench import Bench
    from benchharness.suite import Suite

    Values = NDArray[np.float64]

STEPS = 10  # weights are tenths
MIN_QUERIES = 20
_DIGITS = 12  # means that agree to here are equal


@dataclass(frozen=True, eq=False)
class Side:
    """The training queries that weights may be chosen on.

    data:     the corpus with these queries and their judgments only.
    half_of:  query_id -> 0 or 1; queries that share a document are in one half.
    group_of: query_id -> name of what it shares documents with.
    of_test:  training queries left out because the test side asks the same.
    beyond:   training queries left out by the limit.
    """

    data: Dataset
    half_of: Mapping[str, int]
    group_of: Mapping[str, str]
    of_test: int
    beyond: int


@dataclass(frozen=True)
class Choice:
    """What the systems are worth alone and fused, each number a mean over the same queries.

    alone:      of each part.
    plain:      of reciprocal rank fusion, which has nothing to choose; `unweighted` is it.
    fusion:     with the weights that are best on all queries, and `fitted` its value on them.
    halves:     with the weights that are best on one half, each judged on the other; `crossed` is
                the value of all queries that results.
    over_plain: `crossed` against `plain`, query by query.
    over_best:  the candidate against the best part alone; of the weighted fusion `crossed`.
    """

    measure: str
    n: int
    alone: tuple[float, ...]
    unweighted: Fusion
    plain: float
    fusion: Fusion
    fitted: float
    halves: tuple[Fusion, Fusion]
    crossed: float
    over_plain: Difference
    over_best: Difference

    @property
    def best(self) -> int:
        """The part that is worth most alone, the first of equal ones."""
        return max(range(len(self.alone)), key=self.alone.__getitem__)

    @property
    def candidate(self) -> Fusion:
        """The weighted fusion where it is shown to be better than rrf, else rrf."""
        return self.fusion if self.over_plain.interval[0] > 0 else self.unweighted

    @property
    def recommended(self) -> Fusion | None:
        """The candidate; None where it is not shown to be better than the best part alone."""
        return self.candidate if self.over_best.interval[0] > 0 else None


def training_queries(suite: Suite, base: Path, bench: Bench, limit: int | None) -> Side:
    """The suite's training queries, without those that its test side asks too.

    limit: how many are kept, chosen by a hash of their ids; None for all. Of the test side the
    texts of the queries are read, to leave them out; no judgment of it changes anything.

    Raises DataError where fewer than 20 queries are left, and what reading the data raises.
    """
    test = bench.dataset(suite.dataset, base)
    material = gather(suite, base, test, lambda reference: bench.dataset(reference, base))
    asked = {text_key(test.queries.get(one, "")) for one in set(test.qrels.query_ids)}
    located = [pair for pair in material.pairs if pair.query_id]
    free = [pair for pair in located if text_key(pair.query) not in asked]
    able = sorted({pair.query_id for pair in free}, key=lambda one: sha256(one.encode()).digest())
    kept = set(able[:limit])
    if len(kept) < MIN_QUERIES:
        raise DataError(
            f"{len(kept)} training queries: weights that are chosen on so few say nothing",
            where=f"suite {suite.name}",
            remedy=f"at least {MIN_QUERIES} are needed; without any, fusion=rrf has no weights",
        )
    folds = make_folds([pair for pair in free if pair.query_id in kept], 2)
    return Side(
        data=material.judged.restricted(kept),
        half_of=folds.fold_of,
        group_of=folds.component_of,
        of_test=len({pair.query_id for pair in located} - set(able)),
        beyond=len(able) - len(kept),
    )


def retrieved(
    system: System, data: Dataset, bench: Bench, top: int, listener: Listener = silent
) -> Hits:
    """The first `top` documents of each judged query, in order of query_id."""
    ids = data.relevance.query_ids
    searcher = searcher_of(system, data.corpus, cache=bench.cache, listener=listener)
    return searcher.search([data.queries[one] for one in ids], ids, top)


def choose_weights(
    hits: Sequence[Hits],
    side: Side,
    fusion: Fusion,
    measure: Measure,
    *,
    drop_same_id: bool = False,
    listener: Listener = silent,
) -> Choice:
    """The best weights of `fusion` in tenths, and what they are worth on queries not chosen by.

    hits: of each part, as `retrieved` gives them. Of equally good weights the most even ones are
    taken. Neither the order of the queries nor that of the trials changes anything.
    """
    import numpy as np

    relevance = side.data.relevance
    own = side.data.corpus.rows_of(relevance.query_ids) if drop_same_id else None
    judged = _Judged(relevance, measure, own)
    trials = [dataclasses.replace(fusion, weights=each) for each in simplex(len(hits))]
    rows = []
    for done, trial in enumerate(trials):
        listener(Step("try weights", done, len(trials), "fusions"))
        rows.append(judged.fused(hits, trial))
    listener(Step("try weights", len(trials), len(trials), "fusions"))
    values = np.stack(rows)
    half = np.array([side.half_of[one] for one in relevance.query_ids])
    chosen = [_best(values[:, half != mine], trials) for mine in (0, 1)]
    crossed = np.where(half == 0, values[chosen[0]], values[chosen[1]])
    overall = _best(values, trials)
    unweighted = Fusion()
    plain = judged.fused(hits, unweighted)
    alone = [judged.values(part) for part in hits]
    groups = [side.group_of[one] for one in relevance.query_ids]
    over_plain = clustered_difference(plain, crossed, groups)
    better = crossed if over_plain.interval[0] > 0 else plain
    best = max(alone, key=_mean)
    return Choice(
        measure=str(measure),
        n=len(relevance),
        alone=tuple(_mean(one) for one in alone),
        unweighted=unweighted,
        plain=_mean(plain),
        fusion=trials[overall],
        fitted=_mean(values[overall]),
        halves=(trials[chosen[1]], trials[chosen[0]]),
        crossed=_mean(crossed),
        over_plain=over_plain,
        over_best=clustered_difference(best, better, groups),
    )


def simplex(parts: int) -> Iterator[tuple[float, ...]]:
    """Yields all weights in tenths with a sum of 1; (0, 1), (0.1, 0.9) … (1, 0) for two parts."""

    def tenths(left: int, places: int) -> Iterator[tuple[int, ...]]:
        if places == 1:
            yield (left,)
            return
        for first in range(left + 1):
            yield from ((first, *rest) for rest in tenths(left - first, places - 1))

    for weights in tenths(STEPS, parts):
        yield shares([each / STEPS for each in weights])


@dataclass(frozen=True, eq=False)
class _Judged:
    """own: the row of each query's own document, which is taken out; None to leave all in."""

    relevance: Relevance
    measure: Measure
    own: NDArray[np.int64] | None

    def fused(self, hits: Sequence[Hits], fusion: Fusion) -> Values:
        return self.values(fuse(hits, fusion, self._depth + (self.own is not None)))

    def values(self, hits: Hits) -> Values:
        kept = drop(hits, self.own, self._depth) if self.own is not None else hits
        return metrics.values(self.measure, metrics.grade(kept.rows, self.relevance))

    @property
    def _depth(self) -> int:
        return self.measure.k or 0


def _best(values: Values, trials: Sequence[Fusion]) -> int:
    """The trial of the largest mean; of equal ones the most even, then the first in order."""

    def rank(trial: int) -> tuple[float, float, tuple[float, ...]]:
        weights = trials[trial].weights
        uneven = round(math.fsum(each * each for each in weights), _DIGITS)
        return -round(_mean(values[trial]), _DIGITS), uneven, weights

    return min(range(len(trials)), key=rank)


def _mean(values: Values) -> float:
    return math.fsum(values) / len(values)
