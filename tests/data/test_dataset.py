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


JUDGED = [("q1", "a", 1, 0), ("q1", "b", 0, 0), ("q2", "b", 2, 0), ("q3", "a", 0, 0)]
ASKED = {"q1": "one", "q2": "two", "q3": "three", "q4": "not judged"}


def test_every_judged_query_has_a_digest_of_its_own():
    """Also one without a relevant document; one that is not judged has none."""
    digests = dataset_of(JUDGED, queries=ASKED).query_digests

    assert sorted(digests) == ["q1", "q2", "q3"]
    assert len(set(digests.values())) == 3
    assert {len(digest) for digest in digests.values()} == {16}


@pytest.mark.parametrize(
    "edit",
    [
        {"queries": ASKED | {"q1": "one?"}},
        {"queries": {name: text for name, text in ASKED.items() if name != "q1"}},
        {"qrels": [("q1", "a", 2, 0), *JUDGED[1:]]},
        {"qrels": [("q1", "c", 1, 0), *JUDGED[1:]]},
        {"qrels": [*JUDGED, ("q1", "c", 0, 0)]},
        {"qrels": [row for row in JUDGED if row[:2] != ("q1", "b")]},
    ],
    ids=["text", "no text", "grade", "document", "one more", "one less"],
)
def test_a_digest_changes_with_text_and_judgments_and_for_that_query_only(edit):
    """A judgment of 0 counts too: it may be the next one to be raised."""
    before = dataset_of(JUDGED, queries=ASKED).query_digests

    after = dataset_of(**{"qrels": JUDGED, "queries": ASKED} | edit).query_digests

    assert {name for name in before if before[name] != after[name]} == {"q1"}


def test_neither_the_order_nor_the_lines_of_judgments_are_in_a_digest():
    """Identity is content; the corpus is hashed apart."""
    before = dataset_of(JUDGED, queries=ASKED).query_digests
    moved = [(query, doc, grade, 99 - row) for row, (query, doc, grade, _) in enumerate(JUDGED)]

    after = dataset_of(moved[::-1], corpus=[("a", "new")], queries=dict(reversed(ASKED.items())))

    assert after.query_digests == before


def test_a_text_cannot_be_taken_for_a_judgment():
    """Lengths are hashed, so that no two splits of the same letters are one digest."""
    one = dataset_of([("q", "ab", 1, 0)], queries={"q": "x"}).query_digests
    other = dataset_of([("q", "b", 1, 0)], queries={"q": "xa"}).query_digests

    assert one != other


def test_groups_are_in_no_fingerprint_and_in_no_digest():
    """They change no number."""
    plain = dataset_of(JUDGED, queries=ASKED)
    grouped = Dataset(
        "set", plain.corpus, plain.queries, plain.qrels, groups={"q1": {"lang": "de"}}
    )

    assert grouped.fingerprint == plain.fingerprint
    assert grouped.query_digests == plain.query_digests


def test_restricted_keeps_those_queries_and_their_judgments_only():
    """Also judgments of 0, unjudged queries and the lines; the whole is as it was."""
    rows = [(*row[:3], number) for number, row in enumerate(JUDGED, start=5)]
    whole = dataset_of(rows, queries=ASKED)

    found = whole.restricted(["q1", "q4", "not there"])

    assert dict(found.queries) == {"q1": "one", "q4": "not judged"}
    assert found.qrels.query_ids == ("q1", "q1")
    assert found.qrels.doc_ids == ("a", "b")
    assert found.qrels.relevance.tolist() == [1, 0]
    assert found.qrels.lines.tolist() == [5, 6]
    assert len(whole.queries) == len(whole.qrels) == 4


def test_restricted_keeps_the_corpus_itself_and_every_label():
    """No copy of a million documents; a synthetic query stays labelled as one."""
    whole = Dataset(
        "set", TextTable.of([("a", "1")]), ASKED, Qrels.of(JUDGED, source="test.tsv"),
        query_origin="llm", details=(("version", "1"),), groups={"q1": {"lang": "de"}},
    )  # fmt: skip

    found = whole.restricted({"q1"})

    assert found.corpus is whole.corpus
    assert (found.name, found.query_origin, found.details) == ("set", "llm", whole.details)
    assert found.groups["q1"] == {"lang": "de"}
    assert found.qrels.source == "test.tsv"


@pytest.mark.parametrize("query_ids", [{"q2", "q1"}, {"q1"}, set()], ids=["two", "one", "none"])
def test_what_was_computed_of_the_whole_does_not_stick_to_a_part(query_ids):
    """Relevance and fingerprint are those of a data set that was read so."""
    whole = dataset_of(JUDGED, queries=ASKED)
    assert len(whole.relevance) == 2
    assert whole.fingerprint.whole
    assert len(whole.query_digests) == 3

    found = whole.restricted(query_ids)

    alone = dataset_of(
        [row for row in JUDGED if row[0] in query_ids],
        queries={name: text for name, text in ASKED.items() if name in query_ids},
    )
    assert found.fingerprint == alone.fingerprint
    assert found.query_digests == alone.query_digests
    assert found.relevance.query_ids == tuple(sorted(query_ids))


def test_restricted_to_all_is_the_same_data():
    whole = dataset_of(JUDGED, queries=ASKED)

    assert whole.restricted(ASKED).fingerprint == whole.fingerprint
