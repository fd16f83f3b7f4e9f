"""A second opinion on candidates: what a cross-encoder scores near a positive is dropped.

A miner reads query and document apart; a cross-encoder reads them together and tells many of the
documents that answer after all. Source: Y. Qu et al., RocketQA: an optimized training approach to
dense passage retrieval, 2021 (denoised hard negatives).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from benchharness.data.texts import TextTable
from benchharness.pairs.positives import Known
from benchharness.progress import Listener

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Candidates that are scored at most, as a multiple of the negatives wanted of each query.
SCORED_AT_MOST = 3


class PairScorer(Protocol):
    """Scores a query and a text together, from 0 (does not answer) to 1; see `Encoder`."""

    spec: str

    @property
    def fingerprint(self) -> str: ...

    def pair_scores(
        self, pairs: Sequence[tuple[str, str]], listener: Listener
    ) -> NDArray[np.float32]:
        """The score of each (query, text), in their order; [n], 0 to 1."""
        ...


@dataclass(frozen=True)
class Confirmed:
    """What is left of each query's candidates, in their order.

    sought:  (row, rank) that were scored and may be negatives; what was not scored is left out.
    avoided: rows that were scored too near a positive, and those of equal text.
    scored, dropped: candidates in all, each text once for each query.
    """

    sought: tuple[list[tuple[int, int]], ...]
    avoided: tuple[set[int], ...]
    scored: int
    dropped: int


def confirmed(
    scorer: PairScorer,
    asked: Sequence[str],
    facts: Sequence[Known],
    sought: Sequence[Sequence[tuple[int, int]]],
    corpus: TextTable,
    keys: NDArray[np.uint64],
    *,
    per_query: int,
    margin: float,
    listener: Listener,
) -> Confirmed:
    """The candidates that the scorer, too, holds for no answers.

    A candidate is dropped where it scores above (1 - margin) times the query's worst positive.
    Candidates are scored in their order, `per_query` of each query at a time, until as many are
    left or three times as many were scored.
    """
    worst = _worst(scorer, asked, facts, corpus, listener)
    waiting = [_by_text(own, keys) for own in sought]
    kept: list[list[tuple[int, int]]] = [[] for _ in asked]
    avoided: list[set[int]] = [set() for _ in asked]
    scored = dropped = 0
    for start in range(0, SCORED_AT_MOST * per_query, per_query):
        open_ = [place for place, own in enumerate(kept) if len(own) < per_query]
        batch = [
            (place, same) for place in open_ for same in waiting[place][start : start + per_query]
        ]
        if not batch:
            break
        texts = corpus.texts.take([same[0][0] for _, same in batch])
        found = scorer.pair_scores(
            [(asked[place], text) for (place, _), text in zip(batch, texts, strict=True)], listener
        )
        scored += len(batch)
        for (place, same), score in zip(batch, found.tolist(), strict=True):
            if score > (1 - margin) * worst[place]:
                dropped += 1
                avoided[place].update(row for row, _ in same)
            else:
                kept[place].append(same[0])
    return Confirmed(tuple(kept), tuple(avoided), scored, dropped)


def _worst(
    scorer: PairScorer,
    asked: Sequence[str],
    facts: Sequence[Known],
    corpus: TextTable,
    listener: Listener,
) -> list[float]:
    """The lowest score among each query's positives; every query has one at least."""
    texts = iter(corpus.texts.take([row for fact in facts for row in fact.scored]))
    given = [
        (query, text)
        for query, fact in zip(asked, facts, strict=True)
        for text in (*(next(texts) for _ in fact.scored), *fact.absent)
    ]
    scores = iter(scorer.pair_scores(given, listener).tolist())
    return [min(next(scores) for _ in (*fact.scored, *fact.absent)) for fact in facts]


def _by_text(
    sought: Sequence[tuple[int, int]], keys: NDArray[np.uint64]
) -> list[list[tuple[int, int]]]:
    """The candidates, those of equal text together, in the order of the first of each."""
    found: dict[int, list[tuple[int, int]]] = {}
    for row, number in sought:
        found.setdefault(int(keys[row]), []).append((row, number))
    return list(found.values())
