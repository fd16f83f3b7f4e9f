"""Which of the queries stay. The rules in their order:

    empty · short · long · phrase · copied · duplicate · near-duplicate · test-query ·
    near-test-query · round-trip

A query is removed, and counted, by the first that it breaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.similarity import near_duplicates, text_key
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.drafts import Drafts
from benchharness.pairs.written.filters import Wording, flaw_of
from benchharness.pairs.written.passages import Passages
from benchharness.pairs.written.round_trip import RankCount, rank_counts, ranks_of
from benchharness.pairs.written.setting import Setting
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REASONS = (
    "empty", "short", "long", "phrase", "copied", "duplicate", "near-duplicate", "test-query",
    "near-test-query", "round-trip",
)  # fmt: skip
KEPT = 0  # in `Sieved.removed`; other numbers are places in REASONS, counted from 1
EXAMPLES = 3
_AT_ONCE = 2048  # queries that are Python strings, with their passages, at the same time


@dataclass(frozen=True)
class Example:
    """A removed query, and where it is from."""

    query: str
    type: str
    passage: str


@dataclass(frozen=True)
class Removed:
    """What one rule removed: in all, by type of query, and the first of them."""

    queries: int
    by_type: Mapping[str, int]
    examples: tuple[Example, ...]


@dataclass(frozen=True, eq=False)
class Sieved:
    """Why each draft was removed, KEPT where it was not; [n]. ranks: of the round trip, if any."""

    removed: NDArray[np.int8]
    ranks: tuple[RankCount, ...] = ()

    @property
    def kept(self) -> NDArray[np.int64]:
        """Places of the drafts that stay, in order."""
        import numpy as np

        return np.flatnonzero(self.removed == KEPT)

    def account(
        self, drafts: Drafts, passages: Passages, setting: Setting
    ) -> Mapping[str, Removed]:
        """Reason -> what it removed, in the order of the rules."""
        import numpy as np

        found = {}
        for code, reason in enumerate(REASONS, start=1):
            places = np.flatnonzero(self.removed == code)
            shown = places[:EXAMPLES]
            examples = zip(
                drafts.texts.take(shown), drafts.types[shown].tolist(), drafts.rows[shown].tolist(),
                strict=True,
            )  # fmt: skip
            found[reason] = Removed(
                len(places), by_type(drafts.types[places], setting),
                tuple(Example(query, setting.types[kind], passages.name(row))
                      for query, kind, row in examples),
            )  # fmt: skip
        return found


def by_type(types: NDArray[np.int8], setting: Setting) -> dict[str, int]:
    """Type -> how many, in the setting's order."""
    import numpy as np

    counts = np.bincount(types, minlength=len(setting.types)).tolist()
    return dict(zip(setting.types, counts, strict=True))


def sieve(
    drafts: Drafts,
    passages: Passages,
    corpus: Corpus,
    encoder: Encoder,
    setting: Setting,
    cache: EmbeddingCache,
    listener: Listener = silent,
) -> Sieved:
    """The drafts that keep all rules. Of equal or nearly equal queries, the first stays.

    Raises what the encoder raises in the round trip.
    """
    import numpy as np

    removed = np.zeros(len(drafts), dtype=np.int8)
    keys = np.zeros(len(drafts), dtype=np.uint64)
    for place, query, kind, wording in _with_passages(drafts, passages, setting, listener):
        flaw = flaw_of(query, kind, wording)
        removed[place] = REASONS.index(flaw) + 1 if flaw else KEPT
        keys[place] = text_key(query)
    listener(Step("find duplicates", 0, 0))
    _mark_duplicates(removed, keys)
    _mark_near(removed, keys, drafts, corpus)
    if not setting.round_trip:
        return Sieved(removed)
    left = np.flatnonzero(removed == KEPT)
    ranks = ranks_of(
        drafts.texts, left, drafts.rows[left], passages, encoder, setting.round_trip, cache,
        listener,
    )  # fmt: skip
    removed[left[(ranks == 0) | (ranks > setting.round_trip)]] = _code("round-trip")
    return Sieved(removed, rank_counts(ranks, setting.round_trip))


def _with_passages(
    drafts: Drafts, passages: Passages, setting: Setting, listener: Listener
) -> Iterator[tuple[int, str, str, Wording]]:
    """Yields (place, query, type, its passage's words)."""
    import numpy as np

    for first in range(0, len(drafts), _AT_ONCE):
        listener(Step("look at queries", first, len(drafts), "queries"))
        block = slice(first, first + _AT_ONCE)
        rows, inverse = np.unique(drafts.rows[block], return_inverse=True)
        texts = passages.texts.take(rows)
        known: tuple[int, Wording] = (-1, Wording(""))
        queries = zip(
            drafts.texts[block], drafts.types[block].tolist(), inverse.tolist(), strict=True
        )
        for place, (query, kind, at) in enumerate(queries, start=first):
            if at != known[0]:  # the queries of a passage follow one another
                known = (at, Wording(texts[at]))
            yield place, query, setting.types[kind], known[1]
    listener(Step("look at queries", len(drafts), len(drafts), "queries"))


def _mark_duplicates(removed: NDArray[np.int8], keys: NDArray[np.uint64]) -> None:
    import numpy as np

    left = np.flatnonzero(removed == KEPT)
    _, first = np.unique(keys[left], return_index=True)
    removed[np.setdiff1d(left, left[first])] = _code("duplicate")


def _mark_near(
    removed: NDArray[np.int8], keys: NDArray[np.uint64], drafts: Drafts, corpus: Corpus
) -> None:
    """Marks near duplicates of one another, and what is equal or near to a test query."""
    import numpy as np

    tests = list(corpus.test_queries)
    left = np.flatnonzero(removed == KEPT)
    # Test queries come first: a group that begins with one is near to the test.
    for group in near_duplicates([*tests, *drafts.texts.take(left)]):
        members = left[[place - len(tests) for place in group if place >= len(tests)]]
        removed[members[1:]] = _code("near-duplicate")
        if len(members) and group[0] < len(tests):
            removed[members[0]] = _code("near-test-query")
    still = np.flatnonzero((removed == KEPT) | (removed == _code("near-test-query")))
    asked = np.array(sorted(map(text_key, tests)), dtype=np.uint64)
    removed[still[np.isin(keys[still], asked)]] = _code("test-query")


def _code(reason: str) -> int:
    return REASONS.index(reason) + 1
