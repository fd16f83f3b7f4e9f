"""What training gives away of a test set: what stops, what is counted, and whom it touches."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness import beir
from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.load import load
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.pairs import leaks
from benchharness.pairs.leaks import Leaks, find_leaks
from benchharness.pairs.pair import Pair
from benchharness.testing import write_beir

LONG = "the card is blocked after three wrong attempts and has to be ordered anew at the counter "
CORPUS = {
    "d1": "To reset the PIN, open the settings.",
    "d2": "Cards are posted within five days.",
    "d3": LONG * 2,
    "d4": "Accounts are closed by letter.",
    "d5": "",
}
QUERIES = {
    "q1": "how do i reset my pin",
    "q2": "when does my new card arrive",
    "q3": "blocked card",
    "q4": "close account",
}
QRELS = {"q1": {"d1": 1}, "q2": {"d2": 2, "d4": 0}, "q3": {"d3": 1, "gone": 1}, "q4": {"d4": 1}}


def faq(corpus=CORPUS, queries=QUERIES, qrels=QRELS):
    """The test side."""
    rows = [(q, d, grade, 0) for q, judged in qrels.items() for d, grade in judged.items()]
    return Dataset("faq", TextTable.of(corpus.items()), queries, Qrels.of(rows))


def test_without_anything_in_common_nothing_is_said():
    """Rule: no lines, no query touched, and the number of test queries for the denominator."""
    found = find_leaks([Pair("something else", "somewhere else", "t1", "e1")], faq())

    assert found == Leaks(0, 0, 0, frozenset(), n=4)
    assert found.lines == ()


def test_queries_of_another_split_are_no_test_queries(tmp_path):
    """Rule: BEIR keeps the queries of all splits in one file; only judged ones are tested."""
    queries = QUERIES | {"t1": "train query"}
    folder = write_beir(tmp_path, CORPUS, queries, QRELS)

    found = find_leaks([Pair("train query", "x y z", "t1", "e1")], load(beir(str(folder)), Path()))

    assert found == Leaks(0, 0, 0, frozenset(), n=4)


def test_a_query_with_its_id_and_text_on_both_sides_stops():
    """Rule: case and blanks make no difference; the message has number, id and both texts."""
    train = [Pair("How do I  reset my PIN", "another answer", "q1", "e1")]

    with pytest.raises(DataError) as caught:
        find_leaks(train, faq())

    assert str(caught.value) == (
        "faq: 1 of 4 test queries are trained on (same id and text); what is measured would be "
        "memory\n"
        "  query q1: 'How do I reset my PIN' in training, 'how do i reset my pin' in the test\n"
        "  -> remove these from the training pairs; a suite without a training side of its own "
        "names one with training=beir(DIR, split='train')"
    )


@pytest.mark.parametrize(("query_id", "origin"), [("", "from clicks"), ("x7", "as query x7")])
def test_a_test_pair_that_is_trained_on_stops_without_an_id_too(query_id, origin):
    """Rule: the same texts leak, whatever they are called."""
    train = [Pair("CLOSE account", " accounts are closed by letter.", query_id, source="clicks")]

    with pytest.raises(DataError) as caught:
        find_leaks(train, faq())

    assert "1 of 5 test pairs of query and relevant document are training pairs" in str(
        caught.value
    )
    assert (
        f"query q4 with document d4: 'close account' with 'Accounts are closed by letter.', in "
        f"training {origin}"
    ) in str(caught.value)


def test_of_many_only_three_are_shown():
    """Rule: counts are of all, examples of three, long texts shortened."""
    queries = {f"q{n}": f"question {n} " + "word " * 30 for n in range(9)}
    qrels = {name: {"d1": 1} for name in queries}
    train = [Pair(text, "x", name) for name, text in queries.items()]

    with pytest.raises(DataError) as caught:
        find_leaks(train, faq(queries=queries, qrels=qrels))

    lines = str(caught.value).splitlines()
    assert lines[0].startswith("faq: 9 of 9 test queries are trained on")
    assert [line[:11] for line in lines[1:4]] == ["  query q0:", "  query q1:", "  query q2:"]
    assert lines[4] == "  and 6 more"
    assert max(map(len, lines[1:5])) < 180


def test_a_pair_judged_not_relevant_is_no_test_pair():
    """Rule: q2 with d4 has relevance 0; what is left is that d4 answers q4."""
    train = [Pair("when does my new card arrive", "Accounts are closed by letter.")]

    found = find_leaks(train, faq())

    assert (found.equal_queries, found.shared_documents) == (1, 1)
    assert found.test_queries_touched == {"q2", "q4"}


def test_an_id_with_another_text_is_another_query():
    """Rule: sources may number alike; it is said and does not stop, and touches nothing."""
    found = find_leaks([Pair("opening hours", "from nine to five", "q1", "e1")], faq())

    assert found.same_ids == 1
    assert found.test_queries_touched == frozenset()
    assert found.lines == (
        "on both sides with different texts, taken for different queries: 1 query id",
        "such as query id q1: 'how do i reset my pin', in training 'opening hours'",
    )


def test_equal_query_texts_with_other_answers_are_counted():
    """Rule: the query is known to the model, its document is not."""
    found = find_leaks([Pair("Blocked  card", "call the bank")], faq())

    assert (found.equal_queries, found.near_queries) == (1, 0)
    assert found.test_queries_touched == {"q3"}
    assert found.lines == (
        "with the text of a training query: 1 of 4 test queries",
        "touched in all: 1 of 4 test queries (25 %)",
        "such as query q3: 'blocked card', in training 'Blocked card'",
    )


def test_near_duplicate_queries_are_counted():
    """Rule: equal words with other marks are near, not equal."""
    found = find_leaks([Pair("How do I reset my PIN?", "ask at the counter", "t1")], faq())

    assert (found.equal_queries, found.near_queries) == (0, 1)
    assert found.test_queries_touched == {"q1"}
    assert "such as query q1: 'how do i reset my pin', in training 'How do I reset my PIN?'" in (
        found.lines
    )


def test_trained_documents_touch_every_query_that_they_answer():
    """Rule: by text or by id; a document that the corpus lacks is known by its id."""
    qrels = {**QRELS, "q4": {"d4": 1, "d1": 1}}
    train = [
        Pair("forgot code", "to reset the pin,  open the settings.", "t1", "other"),
        Pair("plastic", "an older text of this page", "t2", "d2"),
        Pair("lost", "a page that was removed", "t3", "gone"),
    ]

    found = find_leaks(train, faq(qrels=qrels))

    assert (found.shared_documents, found.by_id_only, found.near_documents) == (3, 1, 0)
    assert found.test_queries_touched == {"q1", "q2", "q3", "q4"}
    assert found.lines[0] == (
        "trained on with other queries: 3 relevant documents of the test (1 by id only, with "
        "another text)"
    )
    assert "such as document d1: in training it answers 'forgot code'" in found.lines


def test_near_duplicate_documents_are_counted():
    """Rule: one word of 34 is another; the query that the document answers is touched."""
    train = [Pair("stuck", LONG * 2 + "today", "t1", "e1")]

    found = find_leaks(train, faq())

    assert (found.shared_documents, found.near_documents) == (0, 1)
    assert found.test_queries_touched == {"q3"}
    assert found.lines[0] == (
        "with nearly the text of a training positive: 1 relevant document of the test"
    )


def test_empty_texts_are_not_equal():
    """Rule: a document without text is not the copy of another."""
    test = faq(queries={"q1": ""}, qrels={"q1": {"d5": 1}})

    found = find_leaks([Pair("", "", "t1", "e1"), Pair("", "x", "q1")], test)

    assert found == Leaks(0, 0, 0, frozenset(), n=1)


def test_a_query_trained_on_with_its_document_is_shown_once():
    """Rule: both counts, one example."""
    train = [Pair("close account", "Accounts are closed by letter.", "q4", "d4")]

    with pytest.raises(DataError) as caught:
        find_leaks(train, faq())

    said, *shown = caught.value.message.splitlines()
    assert said.startswith("1 of 4 test queries are trained on (same id and text) and 1 of 5 test")
    assert len(shown) == 1


def test_a_document_is_counted_once():
    """Rule: an id on both sides with nearly the same text is shared, not near as well."""
    found = find_leaks([Pair("stuck", LONG * 2 + "today", "t1", "d3")], faq())

    assert (found.shared_documents, found.by_id_only, found.near_documents) == (1, 1, 0)


def test_above_the_limit_a_sample_is_searched_and_that_is_said(monkeypatch):
    """Rule: all test texts stay, training texts are drawn; equal texts are found regardless."""
    monkeypatch.setattr(leaks, "NEAR_SAMPLE", 12)
    train = [Pair(f"training question number {n}", f"page {n} of a book") for n in range(30)]

    found = find_leaks([*train, Pair("blocked card", "call")], faq())

    assert found.equal_queries == 1
    assert found.unsearched == (
        "near duplicates of queries were sought in a sample: 3 of 3 test texts against 9 of 31 "
        "training texts",
        "near duplicates of documents were sought in a sample: 4 of 4 test texts against 8 of 31 "
        "training texts",
    )
    assert found.lines[-2:] == found.unsearched


TEXTS = st.sampled_from(
    ["reset the pin now", "Reset the PIN  now", "reset the pin, now", "a", "close it", "b c d e"]
)
TRAIN = st.lists(
    st.builds(
        Pair,
        TEXTS,
        TEXTS,
        st.sampled_from(["", "q1", "q2", "t1"]),
        st.sampled_from(["", "d1", "d2", "e1"]),
    ),
    max_size=8,
)
TEST = st.tuples(
    st.fixed_dictionaries({"d1": TEXTS, "d2": TEXTS}),
    st.fixed_dictionaries({"q1": TEXTS, "q2": TEXTS}),
)


def plain(text):
    return " ".join(text.lower().split())


def alike(one, other):
    """Equal, or of the same words where there are at least three."""
    words = [plain(text).replace(",", "").split() for text in (one, other)]
    return plain(one) == plain(other) or (words[0] == words[1] and len(words[0]) >= 3)


@given(TRAIN, TEST, st.randoms(use_true_random=False))
def test_what_stops_and_what_is_touched_agree_with_a_search_pair_by_pair(train, test, shuffler):
    """Rule: equal to comparing every pair with every test pair, in any order of the pairs."""
    corpus, queries = test
    qrels = {"q1": {"d1": 1}, "q2": {"d1": 1, "d2": 1}}
    judged = [(q, d) for q, documents in qrels.items() for d in documents]
    stops = any(
        plain(p.query) == plain(queries[q])
        and (p.query_id == q or plain(p.positive) == plain(corpus[d]))
        for p in train
        for q, d in judged
    )
    touched = {
        q
        for p in train
        for q, d in judged
        if p.doc_id == d or alike(p.query, queries[q]) or alike(p.positive, corpus[d])
    }

    def outcome():
        try:
            return find_leaks(train, faq(corpus, queries, qrels))
        except DataError as error:
            return str(error)

    found = outcome()
    shuffler.shuffle(train)

    assert outcome() == found
    assert isinstance(found, str) == stops
    if not stops:
        assert found.test_queries_touched == touched
        assert bool(touched) <= bool(found.lines)


def test_many_pairs_are_compared_in_seconds():
    """Rule: no loop over pairs of pairs; 10,000 against 2,000 would be 20 million comparisons."""
    draw = random.Random(0)

    def text():
        return " ".join(f"w{draw.randrange(5000)}" for _ in range(8))

    train = [Pair(text(), text(), f"t{n}", f"e{n}") for n in range(10_000)]
    queries = {f"q{n}": text() for n in range(2_000)}
    corpus = {f"d{n}": text() for n in range(2_000)}
    test = faq(corpus, queries, {f"q{n}": {f"d{n}": 1} for n in range(2_000)})
    start = time.perf_counter()

    found = find_leaks(train, test)

    assert found.n == 2_000
    assert time.perf_counter() - start < 20
