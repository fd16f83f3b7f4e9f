"""Hard negatives: documents that rank high for a query and do not answer it.

sentence-transformers has `mine_hard_negatives`, which is not used here. It keeps vectors under
the model's name, so that mining again with trained weights gives the negatives of the old ones.
It knows positives by their exact text alone: the same passage in other case or with other blanks
becomes a negative. It cannot mine with BM25. And its rows of several negatives leave out every
query that lacks one: with a weak miner 55 of 540 were left, and those that vanish are the hardest.

Source of the margin: G. Moreira et al., NV-Retriever: improving text embedding models with
effective hard-negative mining, 2024 (TopK-PercPos).
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchharness.data.similarity import BLANK, text_key
from benchharness.data.texts import TextTable
from benchharness.errors import DataError, UsageError, shortened
from benchharness.evaluation.search import UNRANKED_SCORE, Hits, rank, search
from benchharness.judge.numbers import format_count
from benchharness.models.cache import EmbeddingCache
from benchharness.models.checks import check_vectors
from benchharness.models.encoder import Encoder, Ranker, is_encoder
from benchharness.pairs.pair import Pair
from benchharness.pairs.positives import Known, known_of
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLED = 20  # mined negatives that a person can judge in a few minutes
_SAMPLINGS = ("top", "random")
_PAIRS_AT_ONCE = 512  # whose vectors are in double precision together


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
class Mined:
    """Pairs in their given order, each with `per_query` negatives, hardest first.

    kept:     share of the negatives wanted beyond given ones that were mined; 1 if none was.
    with_any: share of pairs with at least one negative that is not random.
    removed_by_id, removed_by_text, removed_by_margin: documents at the ranks searched that are
              positives by id, have the text of a positive or of the query, or score too near a
              positive; each is counted once for each distinct query, in that order.
    filled:   negatives that are random documents.
    sample:   20 mined ones by a seeded choice: (query, positive, negative, its rank).
    without_margin: distinct queries none of whose positives has a score.
    given_left_out: given negatives with a positive's text, repeated, or beyond `per_query`.
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


@dataclass(frozen=True)
class _Choice:
    """The negatives of a pair in order: given texts, mined (row, rank), random (row, 0)."""

    given: tuple[str, ...]
    mined: tuple[tuple[int, int], ...]
    filled: tuple[tuple[int, int], ...]

    @property
    def rows(self) -> Iterator[int]:
        return (row for row, _ in (*self.mined, *self.filled))


# The ranking of each distinct query, and the score of its worst positive, NaN without one.
_Ranked = tuple[Hits, "NDArray[np.float64]"]


def mine(
    pairs: Sequence[Pair],
    corpus: TextTable,
    system: Encoder | Ranker,
    rule: MiningRule,
    *,
    cache: EmbeddingCache,
    relevant: Mapping[str, Collection[str]] | None = None,
    seed: int = 0,
    listener: Listener = silent,
) -> Mined:
    """The pairs with negatives from the corpus, as the system ranks it; no pair is lost.

    relevant: query_id -> doc ids judged relevant; none of them is a negative of the query.

    Queries of equal normalised text are one: a positive of any is no negative of the others.
    Given negatives come first, and random documents fill up what is missing, those that rank
    before `first` or scored too near a positive last of all. The result depends on the texts and
    the vectors alone; the order of the pairs is only that of the result.

    Raises DataError where the corpus has too few documents to fill a pair up, and what the
    system raises.
    """
    import numpy as np

    if not pairs:
        return Mined((), 1.0, 1.0, 0, 0, 0, 0, ())
    asked = sorted({pair.query for pair in pairs})
    keys = np.fromiter(map(text_key, corpus.texts), dtype=np.uint64, count=len(corpus))
    known = known_of(pairs, corpus, keys, relevant or {})
    facts = [known[text_key(query)] for query in asked]
    if is_encoder(system):
        ranked = _by_vectors(system, asked, facts, corpus, rule.last, cache, listener)
    else:
        ranked = _by_ranker(system, asked, facts, corpus, rule.last, listener)
    members: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        members.setdefault(pair.query, []).append(number)
    removed: Counter[str] = Counter(without_margin=int(np.isnan(ranked[1]).sum()))
    choices: dict[int, _Choice] = {}
    for place, (query, fact) in enumerate(zip(asked, facts, strict=True)):
        sought, avoided, reasons = _sift(ranked, place, fact, rule)
        removed += reasons
        for number in members[query]:
            choices[number] = _chosen(pairs[number], fact, sought, avoided, rule, keys, seed)
    in_order = [choices[number] for number in range(len(pairs))]
    return _mined(pairs, in_order, corpus, rule.per_query, seed, removed)


# --- rankings -----------------------------------------------------------------------------------


def _by_vectors(
    encoder: Encoder,
    asked: Sequence[str],
    facts: Sequence[Known],
    corpus: TextTable,
    depth: int,
    cache: EmbeddingCache,
    listener: Listener,
) -> _Ranked:
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
    return hits, worst


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
) -> _Ranked:
    import numpy as np

    worst = np.full(len(asked), np.nan)

    def watched() -> Iterator[NDArray[np.float32]]:
        for place, row in enumerate(ranker.scores(corpus.texts, asked)):
            listener(Step("search", place, len(asked), "queries"))
            if facts[place].scored:
                worst[place] = row[list(facts[place].scored)].min()
            yield row
        listener(Step("search", len(asked), len(asked), "queries"))

    return rank(watched(), depth), worst


# --- choice -------------------------------------------------------------------------------------


def _sift(
    ranked: _Ranked, place: int, known: Known, rule: MiningRule
) -> tuple[list[tuple[int, int]], set[int], Counter[str]]:
    """((row, rank) of what may be a negative, rows that ranked high and may not, why they not)."""
    hits, worst = ranked[0], float(ranked[1][place])
    # -inf times a margin of 0 is no number; nothing scores below it in any case.
    ceiling = worst - rule.margin * abs(worst) if math.isfinite(worst) else worst
    sought: list[tuple[int, int]] = []
    avoided: set[int] = set()
    removed: Counter[str] = Counter()
    rows, scores = hits.rows[place].tolist(), hits.scores[place].tolist()
    for number, (row, score) in enumerate(zip(rows, scores, strict=True), start=1):
        if row < 0 or score <= UNRANKED_SCORE:
            continue
        if number < rule.first:
            avoided.add(row)
        elif row in known.by_id:
            removed["id"] += 1
        elif row in known.by_text:
            removed["text"] += 1
        elif score > ceiling:  # false where there is no margin: NaN
            removed["margin"] += 1
            avoided.add(row)
        else:
            sought.append((row, number))
    return sought, avoided, removed


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
    if rule.sampling == "random":
        sought = sorted(sought, key=lambda one: _draw(seed, pair.query, int(keys[one[0]])))
    mined = sorted(_take(sought, keys, taken, wanted), key=lambda one: one[1])
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
    drawn = _draw(seed, pair.query, pair.positive)
    start = int.from_bytes(drawn[:8], "little") % rows
    step = 1 + int.from_bytes(drawn[8:16], "little") % rows
    while math.gcd(step, rows) > 1:
        step += 1
    for number in range(rows):
        yield (start + number * step) % rows


def _draw(seed: int, *texts: object) -> bytes:
    """A seeded hash, the same on every machine and in every version of a library."""
    joined = "\0".join(map(str, (seed, *texts)))
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).digest()


def _mined(
    pairs: Sequence[Pair],
    choices: Sequence[_Choice],
    corpus: TextTable,
    per_query: int,
    seed: int,
    removed: Counter[str],
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
        removed_by_id=removed["id"],
        removed_by_text=removed["text"],
        removed_by_margin=removed["margin"],
        filled=sum(len(one.filled) for one in choices),
        sample=tuple(heapq.nsmallest(SAMPLED, told, key=lambda one: (_draw(seed, *one), one))),
        without_margin=removed["without_margin"],
        given_left_out=sum(len(pair.negatives) - len(one.given) for pair, one in both),
    )


def _need(fits: bool, name: str, value: object, wanted: str) -> None:
    if not fits:
        raise UsageError(f"mining: {name}={value!r}", remedy=f"{name} is {wanted}")
