"""Hard negatives: documents that rank high for a query and do not answer it.

sentence-transformers has `mine_hard_negatives`, which is not used here. It keeps vectors under
the model's name, so that mining again with trained weights gives the negatives of the old ones.
It knows positives by their exact text alone: the same passage in other case or with other blanks
becomes a negative. It cannot mine with BM25. And its rows of several negatives leave out every
query that lacks one: with a weak miner 55 of 540 were left, and those that vanish are the hardest.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchharness.data.similarity import BLANK, text_key
from benchharness.data.texts import TextTable
from benchharness.errors import DataError, UsageError, shortened
from benchharness.judge.numbers import format_count
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, Ranker
from benchharness.pairs.candidates import Candidates, MinerCount, MiningRule, candidates_of, draw
from benchharness.pairs.confirmation import Confirmed, PairScorer, confirmed
from benchharness.pairs.miners import ranking_of
from benchharness.pairs.pair import Pair
from benchharness.pairs.positives import Known, known_of
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLED = 20  # mined negatives that a person can judge in a few minutes


@dataclass(frozen=True)
class Mined:
    """Pairs in their given order, each with `per_query` negatives, hardest first.

    kept:     share of the negatives wanted beyond given ones that were mined; 1 if none was.
    with_any: share of pairs with at least one negative that is not random.
    removed_by_id, removed_by_text, removed_by_margin: documents at the ranks searched that are
              positives by id, have the text of a positive or of the query, or score too near a
              positive with any miner; each is counted once for each distinct query, in that order.
    filled:   negatives that are random documents.
    sample:   20 mined ones by a seeded choice: (query, positive, negative, its best rank).
    without_margin: distinct queries none of whose positives has a score with any miner.
    given_left_out: given negatives with a positive's text, repeated, or beyond `per_query`.
    miners:   what each miner found and removed, in their order.
    scored, dropped: candidates that the cross-encoder scored, and those that it dropped.
    """

    pairs: tuple[Pair, ...]
    kept: float
    with_any: float
    removed_by_id: int
    removed_by_text: int
    removed_by_margin: int
    filled: int
    sample: tuple[tuple[str, str, str, int], ...]
    without_margin: int = 0
    given_left_out: int = 0
    miners: tuple[MinerCount, ...] = ()
    scored: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class _Choice:
    """The negatives of a pair in order: given texts, mined (row, rank), random (row, 0)."""

    given: tuple[str, ...]
    mined: tuple[tuple[int, int], ...]
    filled: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> Iterator[int]:
        return (row for row, _ in (*self.mined, *self.filled))


def mine(
    pairs: Sequence[Pair],
    corpus: TextTable,
    systems: Sequence[Encoder | Ranker],
    rule: MiningRule,
    *,
    cache: EmbeddingCache,
    relevant: Mapping[str, Collection[str]] | None = None,
    relevant_by_text: Mapping[int, Collection[str]] | None = None,
    scorer: PairScorer | None = None,
    seed: int = 0,
    listener: Listener = silent,
) -> Mined:
    """The pairs with negatives from the corpus, as the systems rank it; no pair is lost.

    systems:  one miner or more. Candidates are what any of them ranks from `first` to `last`, in
              order of the best rank, then of doc_id. What any of them ranks before `first`, or
              within `last` but too near the query's worst positive on its own scale, is none: one
              miner that takes a document for an answer is enough. Their order changes nothing.
    relevant: query_id -> doc ids judged relevant; none of them is a negative of the query.
    relevant_by_text: likewise by `text_key` of the query, for queries that have no id.
    scorer:   a cross-encoder that candidates must pass too; see `confirmed`.

    Queries of equal normalised text are one: a positive of any is no negative of the others.
    Given negatives come first, and random documents fill up what is missing, those that rank
    before `first` or scored too near a positive last of all. The result depends on the texts and
    the scores alone; the order of the pairs is only that of the result.

    Raises DataError where the corpus has too few documents to fill a pair up, UsageError without
    a system, and what the systems raise.
    """
    import numpy as np

    if not systems:
        raise UsageError("mining needs a miner", remedy="name one, such as bm25 or minilm")
    if not pairs:
        return Mined((), 1.0, 1.0, 0, 0, 0, 0, ())
    asked = sorted({pair.query for pair in pairs})
    keys = np.fromiter(map(text_key, corpus.texts), dtype=np.uint64, count=len(corpus))
    known = known_of(pairs, corpus, keys, relevant or {}, relevant_by_text or {})
    facts = [known[text_key(query)] for query in asked]
    rankings = [
        ranking_of(system, asked, facts, corpus, rule.last, cache, heard)
        for system, heard in _heard(systems, listener)
    ]
    found = candidates_of(rankings, asked, facts, rule, keys, seed)
    if scorer is not None:
        second = confirmed(
            scorer, asked, facts, found.sought, corpus, keys, per_query=rule.per_query,
            margin=rule.margin, listener=listener,
        )  # fmt: skip
        found = _agreed(found, second)
    place_of = {query: place for place, query in enumerate(asked)}
    places = [place_of[pair.query] for pair in pairs]
    choices = [
        _chosen(pair, facts[place], found.sought[place], found.avoided[place], rule, keys, seed)
        for pair, place in zip(pairs, places, strict=True)
    ]
    return _mined(pairs, choices, corpus, rule.per_query, seed, found)


def _agreed(found: Candidates, second: Confirmed) -> Candidates:
    """The candidates that are left after the second opinion, with its counts."""
    both = zip(found.avoided, second.avoided, strict=True)
    counts = Counter(scored=second.scored, dropped=second.dropped)
    return replace(
        found,
        sought=second.sought,
        avoided=tuple(one | other for one, other in both),
        removed=found.removed + counts,
    )


def _heard(
    systems: Sequence[Encoder | Ranker], listener: Listener
) -> Iterator[tuple[Encoder | Ranker, Listener]]:
    """Yields each miner with a listener that hears which one it is, where there are several."""
    for system in systems:
        spec = system.spec

        def named(step: Step, spec: str = spec) -> None:
            listener(replace(step, stage=f"{spec} · {step.stage}"))

        yield system, (named if len(systems) > 1 else listener)


# --- choice -------------------------------------------------------------------------------------


def _chosen(
    pair: Pair,
    known: Known,
    sought: Sequence[tuple[int, int]],
    avoided: Collection[int],
    rule: MiningRule,
    keys: NDArray[np.uint64],
    seed: int,
) -> _Choice:
    fitting: dict[int, str] = {}
    for text in pair.negatives:
        if (key := text_key(text)) not in known.keys:
            fitting.setdefault(key, text)
    given = tuple(fitting.values())[: rule.per_query]
    taken = {BLANK, *map(text_key, given)}
    wanted = rule.per_query - len(given)
    mined = sorted(_take(sought, keys, taken, wanted), key=lambda one: (one[1], one[0]))
    filled: list[tuple[int, int]] = []
    # What ranked before `first` or scored too near a positive may answer: only where all else is
    # used up.
    for is_last in (False, True):
        walk = (
            (row, 0)
            for row in _walk(len(keys), pair, seed)
            if (row in avoided) is is_last and row not in known.by_id and row not in known.by_text
        )
        filled += _take(walk, keys, taken, wanted - len(mined) - len(filled))
    found = len(given) + len(mined) + len(filled)
    if found < rule.per_query:
        raise DataError(
            f"{format_count(rule.per_query, 'negative')} are wanted of each query, and "
            f"{format_count(len(keys), 'document')} hold {found} for {shortened(pair.query)}",
            where=pair.query_id,
            remedy=f"mine {found} or fewer" if found else "train without mined negatives",
        )
    return _Choice(given, tuple(mined), tuple(filled))


def _take(
    candidates: Iterable[tuple[int, int]], keys: NDArray[np.uint64], taken: set[int], most: int
) -> list[tuple[int, int]]:
    """The first `most` whose texts are not `taken`, to which they are added."""
    found: list[tuple[int, int]] = []
    if most <= 0:
        return found
    for row, number in candidates:
        key = int(keys[row])
        if key not in taken:
            taken.add(key)
            found.append((row, number))
            if len(found) == most:
                break
    return found


def _walk(rows: int, pair: Pair, seed: int) -> Iterator[int]:
    """Yields every row once, from a start and in steps that the seed and the pair's texts give."""
    if not rows:
        return
    drawn = draw(seed, pair.query, pair.positive)
    start = int.from_bytes(drawn[:8], "little") % rows
    step = 1 + int.from_bytes(drawn[8:16], "little") % rows
    while math.gcd(step, rows) > 1:
        step += 1
    for number in range(rows):
        yield (start + number * step) % rows


def _mined(
    pairs: Sequence[Pair],
    choices: Sequence[_Choice],
    corpus: TextTable,
    per_query: int,
    seed: int,
    found: Candidates,
) -> Mined:
    rows = sorted({row for one in choices for row in one.rows})
    text_of = dict(zip(rows, corpus.texts.take(rows), strict=True))
    both = list(zip(pairs, choices, strict=True))
    told = (
        (pair.query, pair.positive, text_of[row], number)
        for pair, one in both
        for row, number in one.mined
    )
    mined = sum(len(one.mined) for one in choices)
    wanted = sum(per_query - len(one.given) for one in choices)
    return Mined(
        pairs=tuple(
            replace(pair, negatives=(*one.given, *map(text_of.__getitem__, one.rows)))
            for pair, one in both
        ),
        kept=mined / wanted if wanted else 1.0,
        with_any=sum(bool(one.given or one.mined) for one in choices) / len(pairs),
        removed_by_id=found.removed["by_id"],
        removed_by_text=found.removed["by_text"],
        removed_by_margin=found.removed["by_margin"],
        filled=sum(len(one.filled) for one in choices),
        sample=tuple(heapq.nsmallest(SAMPLED, told, key=lambda one: (draw(seed, *one), one))),
        without_margin=found.removed["without_margin"],
        given_left_out=sum(len(pair.negatives) - len(one.given) for pair, one in both),
        miners=found.miners,
        scored=found.removed["scored"],
        dropped=found.removed["dropped"],
    )
