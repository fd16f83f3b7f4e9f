"""Whether a query finds its passage again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from benchharness.data.texts import TextColumn, TextTable
from benchharness.errors import ModelError
from benchharness.models.cache import EmbeddingCache
from benchharness.pairs.written import round_trip
from benchharness.pairs.written.passages import Passages
from benchharness.pairs.written.round_trip import RankCount, rank_counts, ranks_of
from benchharness.testing import HashEncoder


def texts_of(queries: Sequence[str]) -> TextColumn:
    return TextTable.of((f"{n:06}", text) for n, text in enumerate(queries)).texts


def ranks(
    passages: Passages, queries: Sequence[str], sources: Sequence[int], k: int = 20
) -> list[int]:
    found = ranks_of(
        texts_of(queries), np.arange(len(queries)), np.array(sources), passages,
        HashEncoder(dim=512), k, EmbeddingCache.none(),
    )  # fmt: skip
    return found.tolist()


DOCUMENTS = {f"d{n}": f"common{n // 3} own{n} more{n} words{n} here{n}" for n in range(9)}


def test_the_rank_is_that_of_the_source_among_all_passages(
    passages_of: Callable[..., Passages],
) -> None:
    """Rule: "common0" is in d0, d1 and d2 alike; equal scores are in order of doc_id."""
    passages = passages_of(DOCUMENTS)

    assert ranks(passages, ["own4 more4", "common0", "common0"], [4, 0, 2]) == [1, 1, 3]


def test_a_source_beyond_twenty_has_no_rank(passages_of: Callable[..., Passages]) -> None:
    """Rule: 20 ranks are looked at, so that the report can tell them; k looks further."""
    passages = passages_of({f"d{n:02}": f"same words own{n}" for n in range(30)})

    assert ranks(passages, ["same words"] * 3, [19, 20, 29], k=5) == [20, 0, 0]
    assert ranks(passages, ["same words"] * 3, [19, 20, 29], k=25) == [20, 21, 0]


def test_a_passage_of_the_same_document_or_of_equal_text_counts(
    passages_of: Callable[..., Passages],
) -> None:
    first = " ".join(f"a{n}" for n in range(12))
    second = " ".join(f"b{n}" for n in range(12))
    passages = passages_of(
        {"doc": f"{first}\n\n{second}", "copy": "c0 c1 c2 c3", "other": "C0 c1  c2 c3"}
    )

    assert [passages.name(row) for row in range(4)] == ["copy", "doc#0", "doc#39", "other"]
    # The query is of the second passage's words, its source is the first.
    assert ranks(passages, ["b1 b2 b3"], [1]) == [1]
    assert ranks(passages, ["c1 c2"], [3]) == [1]
    assert ranks(passages, ["c1 c2"], [2]) != [1]


def test_a_query_without_tokens_finds_nothing(passages_of: Callable[..., Passages]) -> None:
    assert ranks(passages_of(DOCUMENTS), ["!!!", "!!!"], [0, 8]) == [0, 0]


def test_blocks_change_no_rank(
    passages_of: Callable[..., Passages], monkeypatch: pytest.MonkeyPatch
) -> None:
    passages = passages_of(DOCUMENTS)
    queries = [f"own{n} common{n // 3}" for n in range(9)]
    whole = ranks(passages, queries, range(9))

    monkeypatch.setattr(round_trip, "_AT_ONCE", 2)

    assert ranks(passages, queries, range(9)) == whole


def test_only_the_drafts_that_are_named_are_looked_at(
    passages_of: Callable[..., Passages],
) -> None:
    found = ranks_of(
        texts_of(["own8", "own4", "own2"]), np.array([1]), np.array([4]), passages_of(DOCUMENTS),
        HashEncoder(dim=512), 20, EmbeddingCache.none(),
    )  # fmt: skip

    assert found.tolist() == [1]


def test_a_passage_with_a_broken_vector_is_named(passages_of: Callable[..., Passages]) -> None:
    class Broken(HashEncoder):
        def encode(self, texts, role):  # type: ignore[no-untyped-def]
            for positions, vectors in super().encode(texts, role):
                vectors[:] = np.nan
                yield positions, vectors

    with pytest.raises(ModelError, match="NaN") as caught:
        ranks_of(
            texts_of(["own1"]), np.array([0]), np.array([1]), passages_of(DOCUMENTS), Broken(), 20,
            EmbeddingCache.none(),
        )  # fmt: skip

    assert caught.value.where.startswith("d0, d1")


def test_ranks_are_counted_with_what_k_removes() -> None:
    found = np.array([1, 1, 2, 5, 6, 20, 21, 0])

    assert rank_counts(found, 4) == (
        RankCount("1", 2, 0), RankCount("2-5", 2, 1), RankCount("6-20", 2, 2),
        RankCount("beyond", 2, 2),
    )  # fmt: skip
    assert [one.removed for one in rank_counts(found, 30)] == [0, 0, 0, 1]
