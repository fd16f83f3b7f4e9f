"""How one miner ranks the corpus for each query, and what it scores the query's positives at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.texts import TextTable
from benchharness.errors import UsageError
from benchharness.evaluation.search import Hits, rank, search
from benchharness.models.cache import EmbeddingCache
from benchharness.models.checks import check_vectors
from benchharness.models.encoder import Encoder, Ranker, is_encoder, is_pipeline
from benchharness.models.registry import open_model
from benchharness.pairs.positives import Known
from benchharness.progress import Listener, Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAIRS_AT_ONCE = 512  # whose vectors are in double precision together


@dataclass(frozen=True, eq=False)
class Ranking:
    """The best documents of each query, and the score of its worst positive.

    miner: the spec of the system. worst: NaN where no positive of the query has a score; [n].
    """

    miner: str
    hits: Hits
    worst: NDArray[np.float64]


def open_miner(spec: str, base: Path | None = None) -> Encoder | Ranker:
    """The system of a spec that can mine: one that scores every document.

    Raises UsageError for a pipeline, and what `open_model` raises.
    """
    system = open_model(spec, base)
    if is_pipeline(system):
        raise UsageError(
            f"{spec} cannot mine: a pipeline scores only what its first stage finds, and positives "
            "beyond that have no score to compare with",
            remedy="name its parts as miners, such as --miner bm25 --miner minilm",
        )
    return system


def ranking_of(
    system: Encoder | Ranker,
    asked: Sequence[str],
    facts: Sequence[Known],
    corpus: TextTable,
    depth: int,
    cache: EmbeddingCache,
    listener: Listener,
) -> Ranking:
    """The first `depth` documents of the whole corpus for each query, as the system ranks them.

    facts: of each query; its positives are scored wherever they rank, those outside of the corpus
           by an encoder only. Raises what the system raises.
    """
    if is_encoder(system):
        return _by_vectors(system, asked, facts, corpus, depth, cache, listener)
    return _by_ranker(system, asked, facts, corpus, depth, listener)


def _by_vectors(
    encoder: Encoder,
    asked: Sequence[str],
    facts: Sequence[Known],
    corpus: TextTable,
    depth: int,
    cache: EmbeddingCache,
    listener: Listener,
) -> Ranking:
    import numpy as np

    queries = cache.encode(encoder, asked, "query", listener)
    mute = check_vectors(queries, asked, asked, encoder)
    documents = cache.encode(encoder, corpus.texts, "document", listener)
    unranked = check_vectors(documents, corpus.ids, corpus.texts, encoder)
    listener(Step("search", 0, len(asked), "queries"))
    hits = search(queries, documents, depth, unranked=unranked)
    hits.rows[mute] = -1
    listener(Step("search", len(asked), len(asked), "queries"))
    worst = np.full(len(asked), np.nan)
    _lower(worst, queries, documents, unranked, [fact.scored for fact in facts])
    absent = sorted({text for fact in facts for text in fact.absent})
    if absent:
        others = cache.encode(encoder, absent, "document", listener)
        blank = check_vectors(others, absent, absent, encoder)
        row_of = {text: row for row, text in enumerate(absent)}
        rows = [[row_of[text] for text in fact.absent] for fact in facts]
        _lower(worst, queries, others, blank, rows)
    return Ranking(encoder.spec, hits, worst)


def _lower(
    worst: NDArray[np.float64],
    queries: NDArray[np.float32],
    documents: NDArray[np.float32],
    unranked: NDArray[np.bool_],
    rows: Sequence[Sequence[int]],
) -> None:
    """Lowers `worst` to the lowest score of each query's rows, rounded as `search` does."""
    import numpy as np

    places = [(place, row) for place, own in enumerate(rows) for row in own if not unranked[row]]
    for start in range(0, len(places), _PAIRS_AT_ONCE):
        at = np.array(places[start : start + _PAIRS_AT_ONCE], dtype=np.int64)
        products = queries[at[:, 0]].astype(np.float64) * documents[at[:, 1]].astype(np.float64)
        np.fmin.at(worst, at[:, 0], products.sum(axis=1).astype(np.float32))


def _by_ranker(
    ranker: Ranker,
    asked: Sequence[str],
    facts: Sequence[Known],
    corpus: TextTable,
    depth: int,
    listener: Listener,
) -> Ranking:
    import numpy as np

    worst = np.full(len(asked), np.nan)

    def watched() -> Iterator[NDArray[np.float32]]:
        for place, row in enumerate(ranker.scores(corpus.texts, asked)):
            listener(Step("search", place, len(asked), "queries"))
            if facts[place].scored:
                worst[place] = row[list(facts[place].scored)].min()
            yield row
        listener(Step("search", len(asked), len(asked), "queries"))

    return Ranking(ranker.spec, rank(watched(), depth), worst)
