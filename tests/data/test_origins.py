"""Queries that a language model wrote: known by their metadata, counted, told."""

import json

import pytest

from benchharness.data import beir, lint
from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.origins import mean_overlap, origin_of, word_overlap, written_queries
from benchharness.data.texts import TextTable
from benchharness.testing import write_beir

CORPUS = {"d1": "the red fox sleeps", "d2": "bees make honey"}
WRITTEN = {"origin": "llm"}


def dataset(groups, query_origin="llm", queries=None):
    return Dataset(
        name="set",
        corpus=TextTable.of(CORPUS.items()),
        queries=queries or {"q1": "where does the red fox sleep", "q2": "who makes honey"},
        qrels=Qrels.of([("q1", "d1", 1, 0), ("q2", "d2", 1, 0)]),
        query_origin=query_origin,
        groups=groups,
    )


@pytest.mark.parametrize(
    ("groups", "origin"),
    [
        ({"q1": WRITTEN}, "llm"),
        ({"q1": {"origin": "clicks"}}, "people"),
        ({"q1": {"lang": "llm"}}, "people"),
        ({"other": WRITTEN}, "people"),
        ({}, "people"),
    ],
    ids=["one", "clicks", "another-field", "another-query", "none"],
)
def test_a_judged_query_that_was_written_labels_the_data(groups, origin):
    """Rule: one is enough, and only those that are judged count."""
    assert origin_of(groups, ["q1", "q2"]) == origin


def test_the_origin_stands_in_the_metadata_of_queries_jsonl(tmp_path):
    write_beir(tmp_path, CORPUS, {"q1": "fox", "q2": "honey"}, {"q1": {"d1": 1}, "q2": {"d2": 1}})
    rows = [{"_id": "q1", "text": "fox", "metadata": WRITTEN}, {"_id": "q2", "text": "honey"}]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    found = beir.read(tmp_path, "test")

    assert found.query_origin == "llm"
    assert written_queries(found) == {"q1"}


@pytest.mark.parametrize(
    ("groups", "origin", "written"),
    [({"q1": WRITTEN}, "llm", {"q1"}), ({}, "llm", {"q1", "q2"}), ({"q1": WRITTEN}, "people", ())],
    ids=["named", "all", "not-labelled"],
)
def test_written_queries_are_those_that_say_so_or_all(groups, origin, written):
    assert written_queries(dataset(groups, origin)) == set(written)


@pytest.mark.parametrize(
    ("query", "text", "share"),
    [
        ("red fox", "The RED fox sleeps", 1.0),
        ("red red cat", "red", 0.5),
        ("fo", "fox", 0.0),
        ("?!", "fox", 0.0),
        ("größe", "Die GRÖSSE", 1.0),
    ],
)
def test_overlap_is_the_share_of_distinct_words(query, text, share):
    """Rule: whole words, without regard to case."""
    assert word_overlap(query, text) == share


def test_a_query_overlaps_as_much_as_its_best_document():
    """Rule: by hand, 3 of the 6 words of q1 (the, red, fox) and 1 of the 3 of q2."""
    found = dataset({"q1": WRITTEN})

    assert mean_overlap(found, {"q1"}) == 0.5
    assert mean_overlap(found, {"q2"}) == pytest.approx(1 / 3)
    assert mean_overlap(found, set()) is None


def test_the_lint_says_how_many_and_how_near_they_are():
    """Rule: a warning, beside what the queries of users share with their documents."""
    found = {one.code: one for one in lint.lint(dataset({"q1": WRITTEN}))}

    finding = found["synthetic-queries"]

    assert finding.severity == "warning"
    assert finding.message == (
        "1 of 2 judged queries written by an LLM: 50% of their words stand in a relevant "
        "document, of the other queries 33%"
    )
    assert "users asked" in finding.remedy
