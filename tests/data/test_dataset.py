"""The dataset's own arithmetic: order of qrels, positives, and fingerprints part by part."""

import pytest

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable


def dataset_of(qrels, corpus=(("a", "1"), ("b", "2")), queries=None):
    return Dataset("set", TextTable.of(corpus), queries or {}, Qrels.of(qrels))


def test_positives_are_rows_of_the_corpus_query_by_query():
    """Rule: queries in order of id; grade 0 is no positive; a dangling one is row -1."""
    dataset = dataset_of(
        [("q2", "b", 2, 0), ("q1", "zz", 1, 0), ("q1", "a", 1, 0), ("q0", "a", 0, 0)]
    )

    relevance = dataset.relevance

    assert relevance.query_ids == ("q1", "q2")
    assert relevance.starts.tolist() == [0, 2, 3]
    assert relevance.doc_rows.tolist() == [0, -1, 1]
    assert relevance.grades.tolist() == [1, 1, 2]
    assert dataset.queries_without_positive == 1


def test_no_positive_at_all_is_an_empty_relevance():
    """Rule: the lint judges that; nothing crashes before."""
    relevance = dataset_of([("q", "a", 0, 0)]).relevance

    assert len(relevance) == 0
    assert relevance.starts.tolist() == [0]


def test_unjudged_queries_are_not_in_the_fingerprint():
    """Rule: a query that is not judged in this split changes no number, and no identity."""
    qrels = [("q1", "a", 1, 0)]
    before = dataset_of(qrels, queries={"q1": "x"}).fingerprint

    assert dataset_of(qrels, queries={"q1": "x", "q2": "y"}).fingerprint == before
    assert dataset_of(qrels, queries={"q1": "z"}).fingerprint.queries != before.queries


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"corpus": (("a", "1"), ("b", "3"))}, "corpus"),
        ({"queries": {"q1": "other"}}, "queries"),
        ({"qrels": [("q1", "a", 2, 0)]}, "qrels"),
    ],
)
def test_a_change_shows_in_its_own_part_of_the_fingerprint(changed, part):
    """Rule 7 of the design: corpus, queries and qrels are hashed apart."""
    sound = {"qrels": [("q1", "a", 1, 0)], "queries": {"q1": "x"}}
    before = dataset_of(**sound).fingerprint

    after = dataset_of(**{**sound, **changed}).fingerprint

    differing = {name for name in vars(before) if getattr(before, name) != getattr(after, name)}
    assert differing == {part}
    assert before.whole != after.whole
