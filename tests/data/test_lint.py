"""The lint: every finding, with its numbers and places."""

import time

import numpy as np
import pytest

from benchharness.data import beir, lint
from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable

CORPUS = [("d1", "cats sleep all day"), ("d2", "bees make honey"), ("d3", "rain falls")]
QUERIES = {"q1": "who sleeps", "q2": "who makes honey"}
QRELS = [("q1", "d1", 1, 2), ("q2", "d2", 1, 3)]


def findings(corpus=CORPUS, queries=QUERIES, qrels=QRELS, drop_same_id=False, left_out=()):
    """code -> finding, of a dataset that is sound but for what is given."""
    dataset = Dataset(
        name="set",
        corpus=TextTable.of(corpus, source="corpus.jsonl"),
        queries=queries,
        qrels=Qrels.of(qrels, source="test.tsv"),
        left_out=left_out,
    )
    found = lint.lint(dataset, drop_same_id=drop_same_id)
    return {finding.code: finding for finding in found}


def test_a_sound_dataset_has_its_size_as_the_only_finding():
    """Rule: nothing is warned about without cause."""
    found = findings()

    assert list(found) == ["size"]
    assert found["size"].message == "3 documents, 2 judged queries, 2 judgments"


ERRORS = [
    ({"corpus": []}, "empty-corpus", "corpus.jsonl", "no document"),
    ({"qrels": []}, "no-judged-query", "test.tsv", "of 0 judged queries none"),
    ({"qrels": [("q1", "d1", 0, 2)]}, "no-judged-query", "test.tsv", "of 1 judged query none has"),
    ({"queries": {}}, "no-judged-query", "test.tsv", "no query with a relevant document has text"),
    (
        {"qrels": [("q1", "x", 1, 2), ("q2", "y", 1, 3), ("q2", "d1", 0, 4)]},
        "all-qrels-dangling",
        "test.tsv:2, test.tsv:3",
        "every positive judgment (2)",
    ),
]


@pytest.mark.parametrize(("parts", "code", "where", "words"), ERRORS)
def test_what_leaves_nothing_to_measure_is_an_error(parts, code, where, words):
    """Rule: it stops before a model is loaded, and says where to look."""
    finding = findings(**parts)[code]

    assert finding.severity == "error"
    assert finding.where == where
    assert words in finding.message
    assert finding.remedy


WARNINGS = [
    (
        {"qrels": [*QRELS, ("q2", "x", 1, 9), ("q1", "y", 0, 7)]},
        "dangling-qrels",
        "test.tsv:7, test.tsv:9",
        "2 judgments of 4 without a document in the corpus; 1 of them positive",
    ),
    (
        {"qrels": [*QRELS, ("q9", "d1", 1, 4), ("q9", "d2", 1, 5)]},
        "queries-without-text",
        "test.tsv:4, test.tsv:5",
        "1 judged query without text",
    ),
    (
        {
            "queries": {**QUERIES, "q8": "x", "q9": "y"},
            "qrels": [*QRELS, ("q8", "d1", 0, 4), ("q9", "d1", -1, 5)],
        },
        "queries-without-positive",
        "q8, q9",
        "2 judged queries without a relevant document",
    ),
    (
        {"corpus": [*CORPUS, ("d4", ""), ("d5", " \n")]},
        "empty-documents",
        "corpus.jsonl:4 (d4), corpus.jsonl:5 (d5)",
        "2 documents of 5 without text",
    ),
    (
        {"corpus": [*CORPUS, ("d4", "Rain  FALLS"), ("d5", "rain falls")]},
        "duplicate-texts",
        "corpus.jsonl:3 (d3), corpus.jsonl:4 (d4), corpus.jsonl:5 (d5)",
        "3 documents share their text with another (1 distinct text)",
    ),
    (
        {"corpus": [*CORPUS, ("n1", "a b c d e f"), ("n2", "A b c, d e f!")]},
        "near-duplicate-texts",
        "n1 ~ n2",
        "2 documents share at least 90 % of their word triples with another, in 1 group",
    ),
    (
        {"corpus": [*CORPUS, ("d2", "bees make honey")]},
        "repeated-documents",
        "corpus.jsonl:4",
        "1 document given again",
    ),
    (
        {"corpus": [*CORPUS, ("q1", "something else")]},
        "same-ids",
        "q1",
        "1 query with the id of a document, which is kept",
    ),
    (
        {"queries": {"q1": "Bees  make honey", "q2": "who", "unjudged": "rain falls"}},
        "query-is-document",
        "q1",
        "1 query with the text of a document",
    ),
]


@pytest.mark.parametrize(("parts", "code", "where", "words"), WARNINGS)
def test_what_is_odd_is_a_warning_with_numbers_and_places(parts, code, where, words):
    """Rule: it is counted, the first few are named, and nothing else is warned about."""
    found = findings(**parts)

    assert [f.code for f in found.values() if f.severity == "warning"] == [code]
    assert found[code].where == where
    assert words in found[code].message
    assert found[code].remedy


def test_dropping_same_ids_warns_only_where_a_hit_is_lost():
    """Rule: with drop_same_id a shared id is a note, unless that document is judged relevant."""
    corpus = [*CORPUS, ("q1", "something else")]

    harmless = findings(corpus=corpus, drop_same_id=True)["same-ids"]
    harmful = findings(corpus=corpus, qrels=[*QRELS, ("q1", "q1", 1, 4)], drop_same_id=True)

    assert harmless.severity == "note"
    assert harmful["same-ids"].severity == "warning"
    assert "for 1 of them it is judged relevant" in harmful["same-ids"].message


def test_grades_are_a_note_where_there_is_more_than_one():
    """Rule: 0 and 1 are not graded; which grades there are is a fact for the report."""
    plain = findings(qrels=[*QRELS, ("q1", "d3", 0, 4)])
    graded = findings(qrels=[*QRELS, ("q1", "d3", 2, 4), ("q2", "d3", 0, 5)])

    assert "graded" not in plain
    assert graded["graded"].message == "judgments are graded: 0 (1), 1 (2), 2 (1)"


def test_what_the_reader_left_out_is_a_note():
    """Rule: counts of the reader reach the report."""
    found = findings(left_out=(("test files", 1234),))

    assert found["left-out"].message == "left out: test files (1,234)"


def test_errors_come_first_and_notes_last():
    """Rule: the order of severity."""
    corpus = [("d4", ""), ("d1", "a")]

    severities = [f.severity for f in findings(corpus=corpus, qrels=[("q1", "x", 1, 1)]).values()]

    assert severities == ["error", "warning", "warning", "note"]


def test_a_folder_of_beir_is_linted_with_its_files(make_beir):
    """Rule: places are files and lines as an editor counts them, header included."""
    folder = make_beir(qrels="query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\tnone\t1\n")

    found = {finding.code: finding for finding in lint.lint(beir.read(folder, "test"))}

    assert found["dangling-qrels"].where == f"{folder}/qrels/test.tsv:3"


def test_large_corpora_are_sampled_for_near_duplicates_and_say_so(monkeypatch):
    """Rule: beyond the bound a seeded sample is searched, the same one every time."""
    monkeypatch.setattr(lint, "NEAR_DUPLICATE_SAMPLE", 50)
    corpus = [(f"d{n:03}", f"one two three four {'!' * n}") for n in range(200)]

    first, second = findings(corpus=corpus), findings(corpus=corpus)

    message = first["near-duplicate-texts"].message
    assert "50 documents in a seeded sample of 50 of 200 share" in message
    assert first == second


def test_five_thousand_documents_are_linted_in_three_seconds():
    """Rule: the lint is quick enough to run before every measurement."""
    words = np.array([f"word{n}" for n in range(5000)])
    rng = np.random.default_rng(0)
    corpus = [(f"d{n}", " ".join(rng.choice(words, 150))) for n in range(5400)]
    queries = {f"q{n}": f"query {n}" for n in range(1000)}
    qrels = Qrels.of((f"q{n}", f"d{n}", 1, n) for n in range(1000))
    dataset = Dataset("set", TextTable.of(corpus), queries, qrels)
    started = time.process_time()

    lint.lint(dataset)

    assert time.process_time() - started < 3
