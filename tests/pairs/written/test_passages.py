"""The passages of a corpus, and which of them are asked about."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from benchharness.errors import DataError
from benchharness.pairs.written import passages as passages_module
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.passages import Passages, choose, index_lines
from benchharness.pairs.written.setting import Setting


def words(count: int, name: str) -> str:
    return " ".join(f"{name}{number}" for number in range(count))


def test_a_short_document_is_one_passage(passages_of: Callable[..., Passages]) -> None:
    """Rule: a passage knows its document, where it begins, its text and the text's hash."""
    text = words(16, "a")

    passages = passages_of({"d": text})

    found = passages.take(np.array([0]))[0]
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert (found.doc_id, found.start, found.text, found.hash) == ("d", 0, text, digest)
    assert len(passages) == 1
    assert passages.is_whole.tolist() == [True]
    assert passages.name(0) == "d"


def test_long_documents_are_split_in_order_of_their_ids(
    passages_of: Callable[..., Passages],
) -> None:
    """Rule: rows are in order of (doc_id, start), also beyond nine passages of a document."""
    long = "\n\n".join(words(12, f"p{part}x") for part in range(12))

    passages = passages_of({"b": words(9, "b"), "a": long})

    found = passages.take(np.arange(len(passages)))
    assert [one.doc_id for one in found] == ["a"] * 12 + ["b"]
    assert [one.start for one in found[:12]] == sorted(one.start for one in found[:12])
    assert all(long[one.start : one.start + len(one.text)] == one.text for one in found[:12])
    assert passages.name(1) == f"a#{found[1].start}"
    assert passages.is_whole.tolist() == [False] * 12 + [True]


def test_documents_without_text_are_counted(passages_of: Callable[..., Passages]) -> None:
    passages = passages_of({"a": "  \n ", "b": words(9, "b")})

    assert (len(passages), passages.blank) == (1, 1)


def test_a_corpus_without_text_is_refused(passages_of: Callable[..., Passages]) -> None:
    with pytest.raises(DataError, match="no document of the corpus holds text"):
        passages_of({"a": " "})


def test_passages_of_few_words_are_not_asked_about(
    passages_of: Callable[..., Passages], corpus_of: Callable[..., Corpus]
) -> None:
    documents = {"a": words(7, "a"), "b": words(8, "b")}

    chosen = choose(passages_of(documents), corpus_of(documents), Setting())

    assert (chosen.rows.tolist(), chosen.short) == ([1], 1)


def test_equal_texts_are_asked_about_once(
    passages_of: Callable[..., Passages], corpus_of: Callable[..., Corpus]
) -> None:
    documents = {
        "a": words(9, "x"), "b": words(9, "x"), "c": words(9, "y"), "d": words(9, "Y"),
    }  # fmt: skip

    chosen = choose(passages_of(documents), corpus_of(documents), Setting())

    assert (chosen.rows.tolist(), chosen.repeated) == ([0, 2], 2)


def test_what_is_relevant_to_a_test_query_is_left_out_with_its_copies(
    passages_of: Callable[..., Passages], corpus_of: Callable[..., Corpus]
) -> None:
    """Rule: what is made must not leak into the evaluation; a copy in other case is a copy."""
    documents = {"a": words(9, "x"), "b": words(9, "X"), "c": words(9, "y"), "d": "too short"}
    corpus = corpus_of(documents, test_documents=frozenset({"a", "d", "absent"}))
    passages = passages_of(documents)

    chosen = choose(passages, corpus, Setting())
    kept = choose(passages, corpus, Setting(with_test_documents=True))

    assert (chosen.rows.tolist(), chosen.of_tests, chosen.short) == ([2], 2, 1)
    assert (kept.rows.tolist(), kept.of_tests, kept.repeated) == ([0, 2], 0, 1)


def test_what_is_nearly_a_text_of_the_test_is_left_out(
    passages_of: Callable[..., Passages],
    corpus_of: Callable[..., Corpus],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rule: 40 words have 38 triples; with another last word 37 of 39 are shared, 94.9 %."""
    documents = {
        "a": words(40, "x"), "b": f"{words(39, 'x')} other", "c": words(40, "y"),
        "d": f"{words(39, 'y')} other", "e": words(40, "z"), "f": f"{words(39, 'z')} other",
    }  # fmt: skip
    corpus = corpus_of(documents, test_documents=frozenset({"a", "f"}))
    passages = passages_of(documents, tokens=64)

    whole = choose(passages, corpus, Setting())
    monkeypatch.setattr(passages_module, "_COMPARED", 1)
    in_blocks = choose(passages, corpus, Setting())

    assert (whole.rows.tolist(), whole.of_tests) == ([2, 3], 4)
    assert (in_blocks.rows.tolist(), in_blocks.of_tests) == ([2, 3], 4)


@pytest.fixture
def uneven(passages_of: Callable[..., Passages]) -> Passages:
    """One document of 20 passages, and five of one."""
    long = "\n\n".join(words(12, f"p{part}x") for part in range(20))
    return passages_of({"long": long, **{f"s{n}": words(9, f"s{n}x") for n in range(5)}})


def test_a_sample_is_spread_over_the_documents(
    uneven: Passages, corpus_of: Callable[..., Corpus]
) -> None:
    """Rule: every document gives a passage before any gives a second."""
    corpus = corpus_of()

    chosen = choose(uneven, corpus, Setting(passages=8))

    per_document = Counter(uneven.doc_rows[chosen.rows].tolist())
    assert sorted(per_document.values()) == [1, 1, 1, 1, 1, 3]
    assert chosen.unsampled == 17


def test_a_larger_sample_holds_the_smaller_one(
    uneven: Passages, corpus_of: Callable[..., Corpus]
) -> None:
    """Rule: who asks for more later pays for the rest alone."""
    corpus = corpus_of()
    samples = [set(choose(uneven, corpus, Setting(passages=n)).rows.tolist()) for n in range(1, 26)]

    assert all(one < other for one, other in itertools.pairwise(samples))
    assert samples[2] != set(choose(uneven, corpus, Setting(passages=3, seed=1)).rows.tolist())


def test_the_index_says_where_the_text_of_a_hash_stands(
    passages_of: Callable[..., Passages],
) -> None:
    passages = passages_of({"a": "\n\n".join((words(12, "x"), words(11, "y")))})

    rows = [json.loads(line) for line in index_lines(passages, np.array([1]))]

    second = passages.take(np.array([1]))[0]
    assert rows == [
        {"hash": second.hash, "doc_id": "a", "start": 39, "characters": len(words(11, "y"))}
    ]


def test_many_passages_stay_in_order_across_blocks(passages_of: Callable[..., Passages]) -> None:
    passages = passages_of({f"d{n:05}": words(9, f"n{n}x") for n in range(1500)})

    walked = list(passages.walk(np.arange(len(passages))))

    assert [row for row, _ in walked] == list(range(1500))
    assert all(one.text == words(9, f"n{row}x") for row, one in walked)
