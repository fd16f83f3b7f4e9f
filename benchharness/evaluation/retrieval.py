"""From a system and a corpus to a `Searcher`: what is ready to answer queries.

The one place that knows how encoders, rankers and pipelines retrieve. Documents are prepared once;
queries may come many together or one by one, and are ranked the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from benchharness.data.texts import TextTable
from benchharness.evaluation.fusion import fuse
from benchharness.evaluation.pair_scores import PairScores, PairTexts
from benchharness.evaluation.search import (
    UNRANKED_SCORE,
    Hits,
    best_of,
    exact_scores,
    rank,
    search,
)
from benchharness.models.cache import EmbeddingCache, Vectors, key_of
from benchharness.models.checks import check_vectors
from benchharness.models.encoder import (
    Encoder,
    PairScorer,
    Ranker,
    Role,
    System,
    cut_of,
    is_encoder,
    is_pipeline,
    whole_of,
)
from benchharness.models.pipelines import Coded, Hybrid, Reranked
from benchharness.models.quantised import Quantised
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Searcher(Protocol):
    """A system over a corpus."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Texts without a token so far, of documents and of queries."""
        ...

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:
        """The best `depth` documents of each query in the order of the texts; ids for messages.

        Rows are those of the corpus, in the total order (-score, doc_id).
        """
        ...


@dataclass(eq=False)
class Clock:
    """Seconds by stage, added up, and how many documents were encoded meanwhile."""

    seconds: dict[str, float] = field(default_factory=dict)
    encoded: int = 0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, eq=False)
class Desk:
    """What all stages of a retrieval share.

    corpus:    the documents.
    documents: the cache of documents' vectors; queries: where those of queries come from, and the
               scores of pairs.
    """

    corpus: TextTable
    documents: EmbeddingCache
    queries: Vectors
    listener: Listener = silent
    clock: Clock = field(default_factory=Clock)


def searcher_of(
    system: System,
    corpus: TextTable,
    *,
    cache: EmbeddingCache,
    query_cache: EmbeddingCache | None = None,
    listener: Listener = silent,
    clock: Clock | None = None,
) -> Searcher:
    """The system ready to answer; its documents are encoded here, or taken from the cache.

    query_cache: where vectors of queries and scores of pairs are kept; None for `cache`. Latency is
    measured with `EmbeddingCache.none()`. Raises ModelError where vectors are not finite or have a
    wrong dimension.
    """
    queries = OneSearch(query_cache or cache)
    desk = Desk(corpus, cache, queries, listener, clock or Clock())
    return _Searches(_searcher(system, desk), queries)


def _searcher(system: System, desk: Desk) -> Searcher:
    if isinstance(system, Coded):
        # Codes are made from the full vectors, which are what is kept.
        none = EmbeddingCache.none()
        coded = Quantised(
            system.encoder, system.precision, desk.corpus.texts, desk.documents, desk.queries
        )
        return VectorSearcher(coded, replace(desk, documents=none, queries=none))
    if isinstance(system, Hybrid):
        parts = tuple(_searcher(part, desk) for part in system.parts)
        return HybridSearcher(system, parts, desk.clock)
    if isinstance(system, Reranked):
        second = system.second
        reader = VectorSearcher(second, desk) if is_encoder(second) else PairReader(second, desk)
        return RerankSearcher(_searcher(system.first, desk), reader, system.top)
    if is_encoder(system):
        return VectorSearcher(system, desk)
    if is_pipeline(system):
        raise TypeError(f"{type(system).__name__} is no pipeline that can be searched")
    return RankerSearcher(system, desk)


class OneSearch:
    """The vectors of the queries of one search: several stages of one model encode them once.

    Also where no cache keeps anything, as latency is measured.
    """

    def __init__(self, cache: EmbeddingCache) -> None:
        self._cache = cache
        self._found: dict[tuple[str, tuple[str, ...]], NDArray[np.float32]] = {}

    def begin(self) -> None:
        self._found.clear()

    def encode(
        self, encoder: Encoder, texts: Sequence[str], role: Role, listener: Listener = silent
    ) -> NDArray[np.float32]:
        if role != "query":
            return self._cache.encode(encoder, texts, role, listener)
        key = key_of(encoder), tuple(texts)
        if key not in self._found:
            self._found[key] = self._cache.encode(whole_of(encoder), texts, role, listener)
        return cut_of(encoder, self._found[key])


class _Searches:
    """The searcher of a whole system: each search begins with nothing encoded."""

    def __init__(self, searcher: Searcher, queries: OneSearch) -> None:
        self._searcher = searcher
        self._queries = queries

    @property
    def counts(self) -> Mapping[str, int]:
        return self._searcher.counts

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:
        self._queries.begin()
        return self._searcher.search(texts, ids, depth)


class VectorSearcher:
    """An encoder over a corpus: exact search by dot product."""

    def __init__(self, encoder: Encoder, desk: Desk) -> None:
        self._encoder = encoder
        self._desk = desk
        corpus = desk.corpus
        watched = _Encoded(desk.listener)
        with desk.clock.stage("encode documents"):
            self._vectors = desk.documents.encode(encoder, corpus.texts, "document", watched)
            self._unranked = check_vectors(self._vectors, corpus.ids, corpus.texts, encoder)
        desk.clock.encoded += watched.count
        self._mute = 0

    @property
    def counts(self) -> Mapping[str, int]:
        return {
            "documents_without_tokens": int(self._unranked.sum()),
            "queries_without_tokens": self._mute,
        }

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:
        import numpy as np

        queries, mute = self._queries(texts, ids)
        tell = self._desk.listener
        with self._desk.clock.stage("search"):
            tell(Step("search", 0, len(texts), "queries"))
            found = search(queries, self._vectors, depth, unranked=self._unranked)
            tell(Step("search", len(texts), len(texts), "queries"))
        # A query without a token points nowhere: it is asked, and answered by nothing.
        found.rows[mute], found.scores[mute] = -1, -np.inf
        return found

    def rescored(self, hits: Hits, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:
        """The hits in the order of this encoder's scores; nothing for a query without a token."""
        import numpy as np

        queries, mute = self._queries(texts, ids)
        with self._desk.clock.stage("search"):
            query_rows, places = np.nonzero((hits.rows >= 0) & ~mute[:, None])
            doc_rows = hits.rows[query_rows, places]
            scores = exact_scores(queries, self._vectors, query_rows, doc_rows)
            scores[self._unranked[doc_rows]] = UNRANKED_SCORE
            return best_of(query_rows, doc_rows, scores, len(texts), depth)

    def _queries(
        self, texts: Sequence[str], ids: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        desk = self._desk
        with desk.clock.stage("encode queries"):
            queries = desk.queries.encode(self._encoder, texts, "query", desk.listener)
            mute = check_vectors(queries, ids, texts, self._encoder)
        self._mute = int(mute.sum())
        return queries, mute


class RankerSearcher:
    """A ranker over a corpus: it scores every document of every query."""

    def __init__(self, ranker: Ranker, desk: Desk) -> None:
        self._ranker = ranker
        self._desk = desk

    @property
    def counts(self) -> Mapping[str, int]:
        return {}

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:  # noqa: ARG002
        with self._desk.clock.stage("search"):
            rows = self._ranker.scores(self._desk.corpus.texts, texts)
            return rank(_watched(rows, len(texts), self._desk.listener), depth)


class HybridSearcher:
    """Several searchers whose rankings are fused."""

    def __init__(self, hybrid: Hybrid, parts: Sequence[Searcher], clock: Clock) -> None:
        self._hybrid = hybrid
        self._parts = parts
        self._clock = clock

    @property
    def counts(self) -> Mapping[str, int]:
        return _together(part.counts for part in self._parts)

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:
        found = [part.search(texts, ids, self._hybrid.top) for part in self._parts]
        with self._clock.stage("fuse"):
            return fuse(found, self._hybrid.fusion, depth)


class RerankSearcher:
    """A searcher whose first hits are put in the order of a second system's scores."""

    def __init__(self, first: Searcher, second: VectorSearcher | PairReader, top: int) -> None:
        self._first = first
        self._second = second
        self._top = top

    @property
    def counts(self) -> Mapping[str, int]:
        return _together([self._first.counts, self._second.counts])

    def search(self, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:
        hits = self._first.search(texts, ids, self._top)
        return self._second.rescored(hits, texts, ids, depth)


class PairReader:
    """What reads each query and document together, over a corpus."""

    def __init__(self, scorer: PairScorer, desk: Desk) -> None:
        self._scorer = PairScores(scorer)
        self._desk = desk

    @property
    def counts(self) -> Mapping[str, int]:
        return {}

    def rescored(self, hits: Hits, texts: Sequence[str], ids: Sequence[str], depth: int) -> Hits:  # noqa: ARG002
        """The hits in the order of the scores of their texts."""
        import numpy as np

        desk = self._desk
        with desk.clock.stage("rerank"):
            query_rows, places = np.nonzero(hits.rows >= 0)
            doc_rows = hits.rows[query_rows, places]
            pairs = PairTexts(texts, desk.corpus.texts, query_rows, doc_rows)
            scores = desk.queries.encode(self._scorer, pairs, "pair", desk.listener)
            return best_of(query_rows, doc_rows, scores.reshape(-1), len(texts), depth)


def _together(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The largest of each count over the parts of a pipeline."""
    found: dict[str, int] = {}
    for one in counts:
        found |= {name: max(count, found.get(name, 0)) for name, count in one.items()}
    return found


@dataclass(eq=False)
class _Encoded:
    """Passes steps on, and counts what was encoded beyond what the first step found done."""

    listener: Listener
    first: int | None = None
    last: int = 0

    def __call__(self, step: Step) -> None:
        if step.total:
            self.first = step.done if self.first is None else self.first
            self.last = step.done
        self.listener(step)

    @property
    def count(self) -> int:
        return self.last - (self.first or 0)


def _watched(
    rows: Iterator[NDArray[np.float32]], total: int, listener: Listener
) -> Iterator[NDArray[np.float32]]:
    for done, row in enumerate(rows):
        listener(Step("search", done, total, "queries"))
        yield row
    listener(Step("search", total, total, "queries"))
