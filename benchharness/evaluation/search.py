"""Exact top-k search with one total order: (-score, doc_id).

The bits of a matrix product depend on its shape, on threads and on the kernel, so the product
only *proposes* candidates: everything within a safe bound of the k-th best. The score that
counts is the pair's dot product in float64, rounded to float32. Given the vectors, neither
block sizes nor thread counts can therefore change a ranking.

Documents are rows in order of doc_id, so "ties by doc_id" is "ties by row".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Products held at once: few enough to stay near the core. Changes no result.
QUERY_BLOCK = 1024
# Pairs rescored at once: few enough to stay in a core's cache. Changes no result.
RESCORE_PAIRS = 2**7
DOCUMENT_BLOCK = 8192
# Candidates of a block of queries that are remembered before they are scored. Changes no result.
_PENDING_PAIRS = 2**21
# Below every real score, and finite, so that files and tools can hold it.
UNRANKED_SCORE = -1e30
_UNIT_ROUNDOFF = 2.0**-24  # of float32


@dataclass(frozen=True, eq=False)
class Hits:
    """The best documents of each query.

    rows:   [n, k] corpus rows, best first, ties by row; -1 where fewer than k were retrieved.
    scores: [n, k] float32 in the same order; -inf where `rows` is -1.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def search(
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    k: int,
    *,
    unranked: NDArray[np.bool_] | None = None,
    query_block: int = QUERY_BLOCK,
    document_block: int = DOCUMENT_BLOCK,
) -> Hits:
    """The k documents with the largest dot product for each query.

    queries [n, dim], documents [m, dim]; `unranked` [m] marks documents that rank after all
    others whatever their score (texts without a token; they score UNRANKED_SCORE).
    `query_block` and `document_block` bound memory and change no result.
    """
    import numpy as np

    k = min(k, len(documents))
    if not k or not len(queries):
        return Hits(
            np.empty((len(queries), k), dtype=np.int64), np.empty((len(queries), k), np.float32)
        )
    largest = _longest(documents)
    blocks = range(0, len(queries), query_block)
    return _stack(
        [
            _search_block(
                queries[start : start + query_block],
                documents, k, largest, unranked, document_block,
            )
            for start in blocks
        ],
        k,
    )  # fmt: skip


def rank(scores: Iterable[NDArray[np.float32]], k: int) -> Hits:
    """The k best documents of each row of given scores; -inf is never retrieved."""
    return _stack([_rank_row(row, k) for row in scores], k)


def drop(hits: Hits, dropped: NDArray[np.int64], k: int) -> Hits:
    """The first k hits of each query after one document is taken out.

    `dropped` [n] is the row to take out of each query's hits, -1 for none. Search for k + 1 to
    keep k.
    """
    import numpy as np

    out = (hits.rows == dropped[:, None]) & (dropped[:, None] >= 0)
    rows = np.where(out, -1, hits.rows)
    scores = np.where(out, np.float32(-np.inf), hits.scores)
    last = np.argsort(out, axis=1, kind="stable")
    rows = np.take_along_axis(rows, last, axis=1)
    return Hits(rows[:, :k], np.take_along_axis(scores, last, axis=1)[:, :k])


def ties_at(hits: Hits, k: int) -> int:
    """How many queries have equal scores at ranks k and k + 1: doc_id decides who is in."""
    if hits.rows.shape[1] <= k:
        return 0
    both = (hits.rows[:, k] >= 0) & (hits.scores[:, k - 1] == hits.scores[:, k])
    return int(both.sum())


def _search_block(
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    k: int,
    largest: float,
    unranked: NDArray[np.bool_] | None,
    document_block: int,
) -> Hits:
    import numpy as np

    pool = _Pool(queries, documents, k, largest, unranked)
    buffer = np.empty((len(queries), min(document_block, len(documents))), dtype=np.float32)
    for start in range(0, len(documents), document_block):
        stop = min(start + document_block, len(documents))
        proposed = buffer[:, : stop - start]
        np.matmul(queries, documents[start:stop].T, out=proposed)
        if unranked is not None:
            proposed[:, unranked[start:stop]] = UNRANKED_SCORE
        pool.add(proposed, start)
    return pool.hits()


class _Pool:
    """The documents that may be among the k best of each query, block by block.

    Whatever is within the bound of the k-th best product so far is kept; from time to time, and in
    the end, the scores that count decide. So memory is bounded also where all scores are equal.
    """

    def __init__(
        self,
        queries: NDArray[np.float32],
        documents: NDArray[np.float32],
        k: int,
        largest: float,
        unranked: NDArray[np.bool_] | None,
    ) -> None:
        import numpy as np

        self._queries = queries
        self._documents = documents
        self._k = k
        self._unranked = unranked
        # Two products of n terms in float32 differ from the exact one by at most dim * u * |q| |d|
        # each; the rounding of the final score adds its own u.
        lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
        self._bound = 2 * (queries.shape[1] + 2) * _UNIT_ROUNDOFF * lengths * largest
        self._best = np.full((len(queries), k), -np.inf, dtype=np.float32)
        self._settled = Hits(
            np.full((len(queries), k), -1, dtype=np.int64),
            np.full((len(queries), k), -np.inf, dtype=np.float32),
        )
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]] = []
        self._pairs = 0

    def add(self, proposed: NDArray[np.float32], start: int) -> None:
        """Takes the products with the documents from row `start` on; [queries, documents]."""
        import numpy as np

        if start == 0 and proposed.shape[1] > self._k:
            cut = proposed.shape[1] - self._k
            self._best = np.partition(proposed, cut, axis=1)[:, cut:]
        width = proposed.shape[1]
        # One flat comparison: a boolean matrix searched by rows and columns costs several times.
        flat = np.flatnonzero(proposed >= self._floor()[:, None])
        rows, columns = np.divmod(flat, width)
        scores = proposed[rows, columns]
        self._pending.append((rows, columns + start, scores))
        self._pairs += len(rows)
        if start or width <= self._k:
            self._raise(rows, scores)
        if self._pairs > _PENDING_PAIRS:
            self._settle()

    def hits(self) -> Hits:
        self._settle()
        return self._settled

    def _floor(self) -> NDArray[np.float32]:
        """Below this nothing is among the k best; rounded down, so that nothing is lost."""
        import numpy as np

        exact = self._best.min(axis=1).astype(np.float64) - self._bound
        floor = exact.astype(np.float32)
        lower: NDArray[np.float32] = np.nextafter(floor, np.float32(-np.inf))
        return np.where(floor > exact, lower, floor)

    def _raise(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Takes new products into the k best of each query; rows are in order."""
        import numpy as np

        if not len(rows):
            return
        starts = np.searchsorted(rows, np.arange(len(self._best) + 1))
        found = np.full((len(self._best), int(np.diff(starts).max())), -np.inf, dtype=np.float32)
        found[rows, np.arange(len(rows)) - starts[rows]] = scores
        both = np.concatenate([self._best, found], axis=1)
        cut = both.shape[1] - self._k
        self._best = np.partition(both, cut, axis=1)[:, cut:]

    def _settle(self) -> None:
        """Scores what is pending exactly, and keeps the k best of each query in the total order."""
        import numpy as np

        if not self._pending:
            return
        floor = self._floor()
        kept = [
            (rows[near], doc_rows[near])
            for rows, doc_rows, scores in self._pending
            for near in [scores >= floor[rows]]
        ]
        query_rows = np.concatenate([rows for rows, _ in kept])
        doc_rows = np.concatenate([found for _, found in kept])
        exact = exact_scores(self._queries, self._documents, query_rows, doc_rows)
        if self._unranked is not None:
            exact[self._unranked[doc_rows]] = UNRANKED_SCORE
        old_rows, places = np.nonzero(self._settled.rows >= 0)
        self._settled = best_of(
            np.concatenate([query_rows, old_rows]),
            np.concatenate([doc_rows, self._settled.rows[old_rows, places]]),
            np.concatenate([exact, self._settled.scores[old_rows, places]]),
            len(self._queries),
            self._k,
        )
        self._pending, self._pairs = [], 0


def _longest(documents: NDArray[np.float32]) -> float:
    """The length of the longest vector; a block at a time, so that a memory map stays on disk."""
    import numpy as np

    squares = (
        np.vecdot(block, block).max(initial=0.0)
        for start in range(0, len(documents), DOCUMENT_BLOCK)
        for block in [documents[start : start + DOCUMENT_BLOCK]]
    )
    return float(np.sqrt(max(squares, default=0.0)))


def exact_scores(
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    query_rows: NDArray[np.int64],
    doc_rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The score that counts of each pair of rows; [len(query_rows)] float32."""
    import numpy as np

    exact = queries.astype(np.float64)
    scores = np.empty(len(query_rows), dtype=np.float32)
    for start in range(0, len(query_rows), RESCORE_PAIRS):
        pairs = slice(start, start + RESCORE_PAIRS)
        products = exact[query_rows[pairs]]
        products *= documents[doc_rows[pairs]]
        scores[pairs] = products.sum(axis=1)
    return scores


def best_of(
    query_rows: NDArray[np.int64],
    doc_rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    n: int,
    k: int,
) -> Hits:
    """The first k candidates of each of n queries in the total order, as a padded matrix.

    query_rows, doc_rows, scores: of the candidates, in any order, each pair once.
    """
    import numpy as np

    order = np.lexsort((doc_rows, -scores, query_rows))
    query_rows, doc_rows, scores = query_rows[order], doc_rows[order], scores[order]
    starts = np.searchsorted(query_rows, np.arange(n))
    place = np.arange(len(query_rows)) - starts[query_rows]
    kept = place < k
    rows = np.full((n, k), -1, dtype=np.int64)
    best = np.full((n, k), -np.inf, dtype=np.float32)
    rows[query_rows[kept], place[kept]] = doc_rows[kept]
    best[query_rows[kept], place[kept]] = scores[kept]
    return Hits(rows, best)


def _rank_row(scores: NDArray[np.float32], k: int) -> Hits:
    import numpy as np

    width = min(k, len(scores))
    cut = len(scores) - width
    kth = np.partition(scores, cut)[cut] if width else np.inf
    rows = np.flatnonzero((scores >= kth) & (scores > -np.inf))
    zeros = np.zeros(len(rows), dtype=np.int64)
    return best_of(zeros, rows, scores[rows], 1, k)


def _stack(found: list[Hits], k: int) -> Hits:
    import numpy as np

    if not found:
        return Hits(np.empty((0, k), dtype=np.int64), np.empty((0, k), dtype=np.float32))
    return Hits(
        np.concatenate([hits.rows for hits in found]),
        np.concatenate([hits.scores for hits in found]),
    )
