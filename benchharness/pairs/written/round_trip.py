"""Whether a query finds its passage again, with the model that is to be trained.

A query that does not lead back may ask for something that other passages answer better, or for
nothing. It may also be just what the model cannot do yet, and should learn: the rule takes the
model's own misses away. Keep k generous, and look at how many were removed at which rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from benchharness.data.texts import TextColumn
from benchharness.evaluation.search import search
from benchharness.models.cache import EmbeddingCache
from benchharness.models.checks import check_vectors
from benchharness.models.encoder import Encoder
from benchharness.pairs.written.passages import Passages
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Ranks that are told apart in the report; the last is for all beyond.
BUCKETS = (("1", 1), ("2-5", 5), ("6-20", 20))
BEYOND = "beyond"
DEEPEST = 20
_AT_ONCE = 8192  # queries whose vectors are in memory together


@dataclass(frozen=True)
class RankCount:
    """Queries whose passage has a rank of `bucket`, and how many of them were removed."""

    bucket: str
    queries: int
    removed: int


def ranks_of(
    texts: TextColumn,
    drafts: NDArray[np.int64],
    sources: NDArray[np.int64],
    passages: Passages,
    encoder: Encoder,
    k: int,
    cache: EmbeddingCache,
    listener: Listener = silent,
) -> NDArray[np.int64]:
    """The rank from 1 at which each query finds its source among all passages; 0 beyond.

    A passage of the source's document counts as the source, and so does one with equal text.
    Looked at are the first k passages, 20 at least, in order of (-score, doc_id, start).

    drafts: the queries, as places in `texts`; sources: rows of their passages; [n] both.
    """
    import numpy as np

    if not len(drafts):
        return np.zeros(0, dtype=np.int64)
    documents = cache.encode(encoder, passages.texts, "document", listener)
    unranked = check_vectors(documents, _Names(passages), passages.texts, encoder)
    ranks = np.zeros(len(drafts), dtype=np.int64)
    for first in range(0, len(drafts), _AT_ONCE):
        block = slice(first, first + _AT_ONCE)
        queries = texts.take(drafts[block])
        listener(Step("round trip", first, len(drafts), "queries"))
        vectors = cache.encode(encoder, queries, "query")
        mute = check_vectors(vectors, queries, queries, encoder)
        hits = search(vectors, documents, max(k, DEEPEST), unranked=unranked).rows
        hits[mute] = -1
        own = sources[block, None]
        same = passages.doc_rows[hits] == passages.doc_rows[own]
        same |= passages.keys[hits] == passages.keys[own]
        same &= hits >= 0
        ranks[block] = np.where(same.any(axis=1), same.argmax(axis=1) + 1, 0)
    listener(Step("round trip", len(drafts), len(drafts), "queries"))
    return ranks


def rank_counts(ranks: NDArray[np.int64], k: int) -> tuple[RankCount, ...]:
    """How many queries found their passage at which ranks, and how many of them k removes."""
    import numpy as np

    found = np.where(ranks > 0, ranks, np.iinfo(np.int64).max)
    removed = found > k
    counts = []
    least = 0
    for bucket, most in (*BUCKETS, (BEYOND, np.iinfo(np.int64).max)):
        inside = (found > least) & (found <= most)
        counts.append(RankCount(bucket, int(inside.sum()), int((inside & removed).sum())))
        least = most
    return tuple(counts)


class _Names(Sequence[str]):
    """What the passages are called in a message."""

    def __init__(self, passages: Passages) -> None:
        self._passages = passages

    def __len__(self) -> int:
        return len(self._passages)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._passages.name(row) for row in range(len(self))[index]]
        return self._passages.name(index)

    def __iter__(self) -> Iterator[str]:
        return map(self._passages.name, range(len(self)))
