"""Tokens per word, and the terms that are split most."""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
import pytest

from benchharness.judge.vocabulary import GENERAL_ENGLISH, SplitTerm, token_evidence


class ByLength:
    """A tokenizer that makes one token of every four letters begun."""

    spec = "by-length"

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def encode(self, *_):
        raise AssertionError("counting tokens needs no vectors")

    def tokens_per_word(self, words: Sequence[str]):
        self.asked.append(list(words))
        return np.array([-(-len(word) // 4) for word in words], dtype=np.int64)


class Ranker:
    spec = "bm25"


def test_tokens_per_word_counts_every_occurrence():
    """Two cats and an elephant are 1 + 1 + 2 tokens in 3 words."""
    found = token_evidence(["cat cat elephant"], ByLength())

    assert found is not None
    assert found.corpus == pytest.approx(4 / 3)
    assert found.documents == 1


def test_general_english_is_the_measure():
    """The same tokenizer on general prose: a text without rare words is near it."""
    found = token_evidence([GENERAL_ENGLISH], ByLength())

    assert found is not None
    assert found.corpus == found.general
    assert 290 <= len(GENERAL_ENGLISH.split()) <= 400


def test_most_split_terms_are_frequent_and_ordered():
    """At least 5 documents; most tokens first, then most documents, then the term."""
    texts = ["is_commutative symbols ab"] * 5 + ["symbols rare_beyond_all_measure"] * 4
    texts += ["abcdefg"] * 5 + ["zbcdefg"] * 5

    found = token_evidence(texts, ByLength())

    assert found is not None
    assert found.most_split == (
        SplitTerm("is_commutative", 4, 5),
        SplitTerm("symbols", 2, 9),
        SplitTerm("abcdefg", 2, 5),
        SplitTerm("zbcdefg", 2, 5),
    )


def test_upper_and_lower_case_are_one_term_in_its_usual_spelling():
    """Case alone makes no other term; the more frequent spelling is shown."""
    found = token_evidence(["Matrix_Symbol matrix_symbol"] + ["Matrix_Symbol"] * 4, ByLength())

    assert found is not None
    assert found.most_split == (SplitTerm("Matrix_Symbol", 4, 5),)


def test_at_most_ten_terms_are_shown():
    """The list is evidence, not a dictionary."""
    found = token_evidence([" ".join(f"longword{x}" for x in "abcdefghijklmno")] * 5, ByLength())

    assert found is not None
    assert len(found.most_split) == 10


def test_large_corpus_is_sampled_the_same_way_every_time():
    """2,000 documents by a fixed seed, and the sample is spread over the corpus."""
    texts = [f"word{number:05}x" for number in range(10_000)]
    one, two = ByLength(), ByLength()

    found = token_evidence(texts, one)
    again = token_evidence(texts, two)

    assert found is not None
    assert found == again
    assert found.documents == 2_000
    assert one.asked == two.asked
    thousands = {word[4:6] for word in one.asked[0] if word.startswith("word0")}
    assert thousands == {f"0{digit}" for digit in range(10)}


def test_long_documents_are_read_to_a_bound():
    """One megabyte document must not outweigh the others."""
    found = token_evidence(["ab " * 10_000 + "elephantine " * 10_000], ByLength())

    assert found is not None
    assert found.corpus == 1.0


def test_ranker_has_no_tokenizer():
    """BM25 knows words, not subwords: no evidence."""
    assert token_evidence(["some text"], Ranker()) is None


def test_estimates_are_no_evidence():
    """Rule: an encoder that only guesses at tokens says nothing of how words are split."""
    guessing = ByLength()
    guessing.counts_are_exact = False

    assert token_evidence(["cat cat elephant"], guessing) is None


@pytest.mark.parametrize("texts", [[], [""], ["12 345 +"], ["東京都に住んでいます"]])
def test_corpus_without_words_gives_no_evidence(texts):
    """Numbers are no words, and scripts without spaces have none that a pattern finds."""
    assert token_evidence(texts, ByLength()) is None


def test_evidence_becomes_json():
    """`dataclasses.asdict` is what the decision hands on."""
    found = token_evidence(["is_commutative"] * 5, ByLength())

    assert found is not None
    read = json.loads(json.dumps(dataclasses.asdict(found)))
    assert read["most_split"] == [{"term": "is_commutative", "tokens": 4, "documents": 5}]
