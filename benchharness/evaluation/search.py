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

# Bytes of proposed scores held at once; bounds memory, changes no result.
SCORE_BUFFER_BYTES = 256 * 2**20
# Pairs rescored at once: few enough to stay in a core's cache. Changes no result.
RESCORE_PAIRS = 2**9
DOCUMENT_BLOCK = 8192
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
    buffer_bytes: int = SCORE_BUFFER_BYTES,
    document_block: int = DOCUMENT_BLOCK,
) -> Hits:
    """The k documents with the largest dot product for each query.

    queries [n, dim], documents [m, dim]; `unranked` [m] marks documents that rank after all
    others whatever their score (texts without a token; they score UNRANKED_SCORE).
    `buffer_bytes` and `document_block` bound memory and change no result.
    """
    import numpy as np

    k = min(k, len(documents))
    rows_at_once = max(1, buffer_bytes // (4 * max(1, len(documents))))
    largest = float(np.sqrt(np.einsum("ij,ij->i", documents, documents).max(initial=0.0)))
    found = [
        _search_block(
            queries[start : start + rows_at_once], documents, k, largest, unranked, document_block
        )
        for start in range(0, len(queries), rows_at_once)
    ]
    return _stack(found, k)


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

    proposed = np.empty((len(queries), len(documents)), dtype=np.float32)
    for start in range(0, len(documents), document_block):
        stop = start + document_block
        np.matmul(queries, documents[start:stop].T, out=proposed[:, start:stop])
    if unranked is not None:
        proposed[:, unranked] = UNRANKED_SCORE
    cut = len(documents) - k
    kth = np.partition(proposed, cut, axis=1)[:, cut] if k else np.full(len(queries), np.inf)
    # Two products of n terms in float32 differ from the exact one by at most dim * u * |q| |d|
    # each; the rounding of the final score adds its own u.
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1)
    bound = 2 * (queries.shape[1] + 2) * _UNIT_ROUNDOFF * lengths * largest
    # The subtraction happens in float64: in float32 it would round away part of the bound.
    floor = kth.astype(np.float64) - bound
    found_query, found_row = np.nonzero(proposed >= floor[:, None])
    exact = exact_scores(queries, documents, found_query, found_row)
    if unranked is not None:
        exact[unranked[found_row]] = UNRANKED_SCORE
    return best_of(found_query, found_row, exact, len(queries), k)


def exact_scores(
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    query_rows: NDArray[np.int64],
    doc_rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """The score that counts of each pair of rows; [len(query_rows)] float32."""
    import numpy as np

    scores = np.empty(len(query_rows), dtype=np.float32)
    for start in range(0, len(query_rows), RESCORE_PAIRS):
        pairs = slice(start, start + RESCORE_PAIRS)
        left = queries[query_rows[pairs]].astype(np.float64)
        right = documents[doc_rows[pairs]].astype(np.float64)
        scores[pairs] = (left * right).sum(axis=1).astype(np.float32)
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
