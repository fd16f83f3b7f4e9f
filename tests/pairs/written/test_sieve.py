"""Which of the queries stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.data.texts import TextTable
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.written import sieve as sieve_module
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.drafts import Drafts
from benchharness.pairs.written.passages import Passages
from benchharness.pairs.written.setting import TYPES, Setting
from benchharness.pairs.written.sieve import REASONS, Sieved, sieve
from benchharness.testing import HashEncoder

DOCUMENTS = {
    "d0": "red apples grow on old trees near the quiet river bank",
    "d1": "green pears fall early when summer storms shake the garden",
    "d2": "blue cars need new tyres after ten thousand miles of gravel",
}
Query = tuple[int, str, str]  # row of the passage, type, text


def drafts_of(queries: Sequence[Query]) -> Drafts:
    return Drafts(
        texts=TextTable.of((f"{n:06}", text) for n, (_, _, text) in enumerate(queries)).texts,
        rows=np.array([row for row, _, _ in queries], dtype=np.int64),
        types=np.array([TYPES.index(kind) for _, kind, _ in queries], dtype=np.int8),
        outcomes={}, wanted=0, short=0, long=0, beyond=0, other_types=0,
    )  # fmt: skip


@pytest.fixture
def sieved(
    passages_of: Callable[..., Passages], corpus_of: Callable[..., Corpus]
) -> Callable[..., Sieved]:
    def made(queries: Sequence[Query], tests: Sequence[str] = (), *, round_trip: int = 0) -> Sieved:
        corpus = corpus_of(DOCUMENTS, test_queries=tuple(tests))
        return sieve(
            drafts_of(queries), passages_of(DOCUMENTS), corpus, HashEncoder(dim=512),
            Setting(round_trip=round_trip), EmbeddingCache.none(),
        )  # fmt: skip

    return made


def reasons(found: Sieved) -> list[str]:
    return ["" if code == 0 else REASONS[code - 1] for code in found.removed.tolist()]


def test_each_rule_removes_what_breaks_it(sieved: Callable[..., Sieved]) -> None:
    found = sieved(
        [
            (0, "question", ""),
            (0, "question", "api"),
            (0, "keywords", "word " * 65),
            (0, "question", "what does this passage say about apples"),
            (0, "question", "apples grow on old trees"),
            (0, "question", "where does fruit ripen beside water"),
            (1, "how-to", "Where does fruit  ripen beside WATER"),
            (1, "how-to", "where does fruit ripen, beside water?"),
            (1, "question", "which fruit drops after heavy wind"),
            (1, "question", "which fruit drops after heavy wind!"),
            (2, "question", "when do I replace my wheels"),
        ],
        ["Which fruit drops after  heavy wind", "unrelated test question here"],
    )

    assert reasons(found) == [
        "empty", "short", "long", "phrase", "copied", "", "duplicate", "near-duplicate",
        "test-query", "near-duplicate", "",
    ]  # fmt: skip
    assert found.kept.tolist() == [5, 10]


def test_what_is_nearly_a_test_query_is_removed(sieved: Callable[..., Sieved]) -> None:
    """Rule: what is made must not give the test away; all of a group that is near to it goes."""
    found = sieved(
        [(0, "question", "which fruit drops, after heavy wind?"), (0, "keywords", "fruit storage")],
        ["which fruit drops after heavy wind"],
    )

    assert reasons(found) == ["near-test-query", ""]


def test_short_test_queries_are_known_by_their_text(sieved: Callable[..., Sieved]) -> None:
    """Rule: texts of two words are near to nothing, and still are not to be trained on."""
    assert reasons(sieved([(0, "keywords", "Red  Apples")], ["red apples"])) == ["test-query"]


def test_the_round_trip_removes_what_does_not_lead_back(sieved: Callable[..., Sieved]) -> None:
    queries: list[Query] = [
        (0, "keywords", "apples river"), (0, "keywords", "pears storms"), (2, "keywords", "tyres"),
    ]  # fmt: skip

    found = sieved(queries, round_trip=1)

    assert reasons(found) == ["", "round-trip", "short"]
    assert [(one.queries, one.removed) for one in found.ranks] == [(1, 0), (1, 1), (0, 0), (0, 0)]
    assert reasons(sieved(queries, round_trip=0)) == ["", "", "short"]


def test_what_is_beyond_all_ranks_that_are_told_is_removed(
    passages_of: Callable[..., Passages], corpus_of: Callable[..., Corpus]
) -> None:
    documents = {f"d{n:02}": f"same words own{n}" for n in range(30)}

    found = sieve(
        drafts_of([(0, "keywords", "same words"), (29, "keywords", "same  words too")]),
        passages_of(documents), corpus_of(documents), HashEncoder(dim=512), Setting(round_trip=20),
        EmbeddingCache.none(),
    )  # fmt: skip

    assert reasons(found) == ["", "round-trip"]


def test_the_account_counts_by_type_and_shows_the_first_three(
    sieved: Callable[..., Sieved], passages_of: Callable[..., Passages]
) -> None:
    queries: list[Query] = [
        (row, kind, f"this passage {row} {kind}") for row in range(3) for kind in TYPES[:2]
    ]

    account = sieved(queries).account(drafts_of(queries), passages_of(DOCUMENTS), Setting())

    phrase = account["phrase"]
    assert list(account) == list(REASONS)
    assert phrase.queries == 6
    assert phrase.by_type == {**dict.fromkeys(TYPES, 0), "question": 3, "keywords": 3}
    assert [(one.query, one.type, one.passage) for one in phrase.examples] == [
        ("this passage 0 question", "question", "d0"),
        ("this passage 0 keywords", "keywords", "d0"),
        ("this passage 1 question", "question", "d1"),
    ]
    assert account["copied"].queries == 0


def test_nothing_written_is_nothing_kept(sieved: Callable[..., Sieved]) -> None:
    assert sieved([], ["a test query of some words"], round_trip=20).kept.tolist() == []


def test_blocks_change_nothing(
    sieved: Callable[..., Sieved], monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[Query] = [
        (row, kind, text)
        for row in range(3)
        for kind, text in [
            ("question", f"number {row} asks for something else"),
            ("question", "apples grow on old trees"),
            ("keywords", "x"),
        ]
    ]
    whole = reasons(sieved(queries, round_trip=2))

    monkeypatch.setattr(sieve_module, "_AT_ONCE", 2)

    assert reasons(sieved(queries, round_trip=2)) == whole


WORDS = st.lists(st.sampled_from(["apples", "river", "pears", "this", "passage", "zebra", ""]),
                 max_size=6)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(TYPES), WORDS.map(" ".join))))
def test_no_two_queries_that_stay_are_equal_and_each_is_accounted_for_once(
    queries: list[Query],
) -> None:
    corpus = Corpus("c", TextTable.of(DOCUMENTS.items()))
    passages = _passages(corpus)
    drafts = drafts_of(queries)

    found = sieve(drafts, passages, corpus, HashEncoder(dim=512), Setting(round_trip=2),
                  EmbeddingCache.none())  # fmt: skip

    kept = [" ".join(queries[place][2].split()) for place in found.kept.tolist()]
    account: Mapping[str, Any] = found.account(drafts, passages, Setting())
    assert len(set(kept)) == len(kept)
    assert sum(one.queries for one in account.values()) + len(kept) == len(queries)
    assert all(sum(one.by_type.values()) == one.queries for one in account.values())


def _passages(corpus: Corpus) -> Passages:
    from benchharness.pairs.written.passages import collect
    from benchharness.pairs.written.splitting import Splitter

    return collect(corpus, Splitter(HashEncoder(), 64), Setting())
