"""The measures themselves, vectorised over the matrix of retrieved documents.

Definitions are trec_eval's: recall@k divides by all relevant documents (also by those that are
missing from the corpus), AP@k likewise, nDCG uses the judged grade as linear gain. A query
without an answer counts as 0.

Source: trec_eval measures `recall`, `ndcg_cut`, `map_cut`, `P`, `success`; mrr@k is
`recip_rank` on a run cut at k.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.dataset import Relevance
from benchharness.measures import Measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Graded:
    """A ranking seen through its judgments.

    grades:   [n, depth] relevance of the document at each rank, 0 where it is not relevant.
    relevant: [n] number of relevant documents of the query, in the corpus or not.
    ideal:    [n, width] the query's grades from best to worst, padded with 0.
    """

    grades: NDArray[np.float64]
    relevant: NDArray[np.int64]
    ideal: NDArray[np.float64]


def grade(rows: NDArray[np.int64], relevance: Relevance) -> Graded:
    """What the judgments say of each retrieved document; `rows` [n, depth], -1 for none."""
    import numpy as np

    counts = np.diff(relevance.starts)
    query_of = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(query_of)) - relevance.starts[query_of]

    grades = np.zeros(rows.shape, dtype=np.float64)
    reachable = relevance.doc_rows >= 0
    span = int(max(rows.max(initial=0), relevance.doc_rows.max(initial=0))) + 1
    known = query_of[reachable] * span + relevance.doc_rows[reachable]
    order = np.argsort(known)
    wanted = np.arange(len(rows))[:, None] * span + np.maximum(rows, 0)
    at = np.searchsorted(known[order], wanted)
    hit = (at < len(known)) & (rows >= 0)
    hit[hit] = known[order][at[hit]] == wanted[hit]
    grades[hit] = relevance.grades[reachable][order][at[hit]]

    width = int(counts.max(initial=0))
    ideal = np.zeros((len(counts), width), dtype=np.float64)
    best_first = np.lexsort((-relevance.grades, query_of))
    ideal[query_of, place] = relevance.grades[best_first]
    return Graded(grades, counts.astype(np.int64), ideal)


def values(measure: Measure, graded: Graded) -> NDArray[np.float64]:
    """The measure's value for each query; [n] float64 in [0, 1]."""
    if measure.k is None:
        raise ValueError(f"{measure} has no cut-off")
    return _FORMULAS[measure.name](graded, measure.k)


def capped_recall(graded: Graded, k: int) -> NDArray[np.float64]:
    """hits / min(k, relevant) for each query: what a perfect ranker reaches is always 1."""
    import numpy as np

    return _sum(_hits(graded, k)) / np.minimum(graded.relevant, k)


def recall_ceiling(relevance: Relevance, k: int) -> float:
    """The mean recall@k of a perfect ranker: min(k, reachable) / relevant, over all queries."""
    import math

    import numpy as np

    counts = np.diff(relevance.starts)
    reachable = np.add.reduceat((relevance.doc_rows >= 0).astype(np.int64), relevance.starts[:-1])
    return math.fsum(np.minimum(reachable, k) / counts) / len(counts)


def _hits(graded: Graded, k: int) -> Column:
    """[n, k] 1.0 where the document at that rank is relevant, else 0.0."""
    import numpy as np

    hits: Column = (graded.grades[:, :k] > 0).astype(np.float64)
    return hits


def _recall(graded: Graded, k: int) -> Column:
    return _sum(_hits(graded, k)) / graded.relevant


def _precision(graded: Graded, k: int) -> Column:
    return _sum(_hits(graded, k)) / k


def _hit(graded: Graded, k: int) -> Column:
    import numpy as np

    found: Column = (_hits(graded, k).sum(axis=1) > 0).astype(np.float64)
    return found


def _mrr(graded: Graded, k: int) -> Column:
    import numpy as np

    hits = _hits(graded, k)
    found = hits.any(axis=1)
    value: Column = np.zeros(len(hits))
    value[found] = 1.0 / (hits[found].argmax(axis=1) + 1)
    return value


def _map(graded: Graded, k: int) -> Column:
    import numpy as np

    hits = _hits(graded, k)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return _sum(precision * hits) / graded.relevant


def _ndcg(graded: Graded, k: int) -> Column:
    return _dcg(graded.grades, k) / _dcg(graded.ideal, k)


def _dcg(gains: Column, k: int) -> Column:
    import numpy as np

    cut = gains[:, :k]
    return _sum(cut / np.log2(np.arange(2, cut.shape[1] + 2)))


def _sum(matrix: Column) -> Column:
    total: Column = matrix.sum(axis=1)
    return total


_FORMULAS: dict[str, Callable[[Graded, int], Column]] = {
    "recall": _recall,
    "ndcg": _ndcg,
    "mrr": _mrr,
    "map": _map,
    "hit": _hit,
    "precision": _precision,
}
