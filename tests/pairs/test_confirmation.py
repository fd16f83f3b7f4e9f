"""A cross-encoder's second opinion: what it drops, and how little it is asked."""

import numpy as np
import pytest

from benchharness.data.texts import TextTable
from benchharness.models.cache import EmbeddingCache
from benchharness.models.cross_encoder import open_cross_encoder
from benchharness.models.registry import open_model
from benchharness.pairs.candidates import MiningRule
from benchharness.pairs.negatives import mine
from benchharness.pairs.pair import Pair
from benchharness.testing import TINY_WORDS, tiny_cross_encoder

TEN = [f"text {n}" for n in range(10)]
CORPUS = TextTable.of((f"d{n}", text) for n, text in enumerate(TEN))
NOUNS, VERBS = TINY_WORDS[20:24], ("runs", "sleeps", "eats")
FIRST = Pair("q", "text 0", "q1", "d0")


class Falling:
    """A ranker that ranks text 0, text 1 … for every query."""

    spec = fingerprint = encode_path = "falling"
    trainable = False
    details: dict[str, str] = {}  # noqa: RUF012 -- never written

    def scores(self, documents, queries):
        for _ in queries:
            yield np.array([0.5**n for n in range(len(documents))], dtype=np.float32)


class Opinion:
    """Scores that are written down: text -> score, 0 for the rest; keeps what it was asked."""

    spec = fingerprint = "opinion"

    def __init__(self, scores):
        self.table = scores
        self.asked = []

    def pair_scores(self, pairs, listener):
        del listener
        self.asked += pairs
        return np.array([self.table.get(text, 0.0) for _, text in pairs], dtype=np.float32)


def mined(pairs, rule, scorer, corpus=CORPUS, **others):
    return mine(
        pairs, corpus, [Falling()], rule, cache=EmbeddingCache.none(), scorer=scorer, **others
    )


def test_a_candidate_that_scores_near_the_worst_positive_is_dropped():
    """Rule: at margin 0.2 beside a positive at 0.5 a negative scores 0.4 at most."""
    scores = {"text 0": 0.5, "text 1": 0.9, "text 2": 0.39, "text 3": 0.41}

    found = mined([FIRST], MiningRule(2, 2, 10, margin=0.2), Opinion(scores))

    assert found.pairs[0].negatives == ("text 2", "text 4")
    assert (found.scored, found.dropped) == (4, 2)


def test_a_candidate_may_score_just_what_the_margin_allows():
    """Rule: at most, so with margin 0 an equal score passes."""
    scores = {"text 0": 0.5, "text 1": 0.5, "text 2": 0.625}

    found = mined([FIRST], MiningRule(2, 2, 10, margin=0.0), Opinion(scores))

    assert found.pairs[0].negatives == ("text 1", "text 3")


def test_the_worst_of_several_positives_counts():
    """Rule: of all the query's positives, those that the corpus lacks too."""
    pairs = [FIRST, Pair("q", "elsewhere")]
    opinion = Opinion({"text 0": 0.9, "elsewhere": 0.3, "text 1": 0.5, "text 2": 0.3})

    found = mined(pairs, MiningRule(1, 2, 10, margin=0.0), opinion)

    assert [pair.negatives for pair in found.pairs] == [("text 2",)] * 2


def test_no_more_candidates_are_scored_than_are_needed():
    """Rule: two are wanted and pass at once; with all refused it is three times as many."""
    easy, hard = Opinion({"text 0": 1.0}), Opinion(dict.fromkeys(TEN, 1.0))

    few = mined([FIRST], MiningRule(2, 2, 10), easy)
    many = mined([FIRST], MiningRule(2, 2, 10), hard)

    assert (few.scored, few.dropped) == (2, 0)
    assert [text for _, text in easy.asked] == ["text 0", "text 1", "text 2"]
    assert (many.scored, many.dropped) == (6, 6)
    assert (many.kept, many.filled) == (0.0, 2)


def test_what_was_dropped_is_not_filled_in_while_there_is_anything_else():
    """Rule: it may answer; text 8 and 9 were not scored, and are what is left."""
    hard = Opinion(dict.fromkeys(TEN, 1.0))

    found = [mined([FIRST], MiningRule(2, 2, 7), hard, seed=n).pairs[0].negatives for n in range(9)]

    assert {text for texts in found for text in texts} == {"text 7", "text 8", "text 9"}


def test_copies_of_a_dropped_text_are_dropped_with_it():
    """Rule: each text is scored once, and is avoided under every id: the spare one is filled in."""
    texts = ["answer", "Same", "same", "other", "spare"]
    corpus = TextTable.of((f"d{n}", text) for n, text in enumerate(texts))
    pair = Pair("q", "answer", "q1", "d0")
    opinion = Opinion({"answer": 0.5, "Same": 0.9, "same": 0.9})

    found = [
        mined([pair], MiningRule(2, 2, 4, 0.0), opinion, corpus, seed=seed) for seed in range(9)
    ]

    assert {one.pairs[0].negatives for one in found} == {("other", "spare")}
    assert {(one.scored, one.dropped) for one in found} == {(2, 1)}


def test_without_a_second_opinion_nothing_is_scored():
    found = mined([FIRST], MiningRule(2, 2, 10), None)

    assert (found.scored, found.dropped) == (0, 0)


@pytest.fixture(scope="module")
def knows_red(tmp_path_factory):
    """A real cross-encoder that was taught that texts with "red" answer."""
    texts = [f"{colour} {noun} {verb}" for noun in NOUNS for colour in ("red", "green", "blue")
             for verb in VERBS]  # fmt: skip
    texts += [f"two red {noun} runs" for noun in NOUNS]
    taught = [(f"two {noun}", text, float("red" in text)) for noun in NOUNS for text in texts]
    return tiny_cross_encoder(tmp_path_factory.mktemp("red"), taught=taught)


def test_a_real_cross_encoder_keeps_answers_from_among_the_negatives(knows_red):
    """Rule: BM25 takes whatever shares the word; the cross-encoder knows which of it answers."""
    texts = [f"{colour} {noun} {verb}" for noun in NOUNS for colour in ("red", "green", "blue")
             for verb in VERBS]  # fmt: skip
    corpus = TextTable.of(
        [*((f"d{n:02}", text) for n, text in enumerate(texts)),
         *((f"p{noun}", f"two red {noun} runs") for noun in NOUNS)]
    )  # fmt: skip
    pairs = [Pair(f"two {noun}", f"two red {noun} runs", doc_id=f"p{noun}") for noun in NOUNS]
    rule, cache, miner = MiningRule(4, 1, 20), EmbeddingCache.none(), [open_model("bm25")]

    alone = mine(pairs, corpus, miner, rule, cache=cache)
    checked = mine(
        pairs, corpus, miner, rule, cache=cache, scorer=open_cross_encoder(str(knows_red))
    )

    assert any("red" in text for pair in alone.pairs for text in pair.negatives)
    assert not any("red" in text for pair in checked.pairs for text in pair.negatives)
    assert checked.dropped > 0
    assert (alone.kept, checked.kept) == (1.0, 1.0)
