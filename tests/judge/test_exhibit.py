"""What is shown of a result: which queries, their documents and texts, the curve, the slices."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.evaluation.measure import measure_system
from benchharness.judge.exhibit import (
    LETTERS,
    QUERIES,
    Exhibit,
    ShownDocument,
    SliceMean,
    cut,
    exhibit_of,
)
from benchharness.judge.verdict import Change, Comparison, Moved, Verdict
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.testing import HashEncoder

MEASURES = [parse_measure(name) for name in ("recall@2", "mrr@10")]
CORPUS = {f"d{row}": f"word{row}" for row in range(12)}


def make(queries, qrels, corpus=CORPUS, groups=None):
    rows = [(q, d, grade, 0) for q, judged in qrels.items() for d, grade in judged.items()]
    return Dataset(
        "toy", TextTable.of(corpus.items()), queries, Qrels.of(rows), groups=groups or {}
    )


def measured(data, **options):
    return measure_system(
        data, HashEncoder(), MEASURES, name="toy", cache=EmbeddingCache.none(), **options
    )


def verdict_of(*changes):
    compared = Comparison("base", "recall@2", 0.5, 0.5, 4, changes=changes)
    return Verdict("g", "toy", "hash", "pass", "error", 0.5, "line", comparison=compared)


# q0 and q1 find their documents first, q2 asks for another word, q3 has no text.
QUERIES_OF_TOY = {"q0": "word0", "q1": "word1 word2", "q2": "nothing"}
TOY = make(
    QUERIES_OF_TOY,
    {
        "q0": {"d0": 2, "d3": 0, "gone": 1},
        "q1": {"d1": 1, "d2": 1, "d5": 1, "d6": 1},
        "q2": {"d9": 1},
        "q3": {"d4": 1},
        "q4": {"d4": 0},
    },
)


@pytest.fixture(scope="module")
def result():
    return measured(TOY)


def test_the_worst_queries_come_first_ties_by_id(result):
    """By the first measure of the suite; a query without positives is no query of the result."""
    shown = exhibit_of(TOY, result, ()).queries

    values = [one.values["recall@2"] for one in shown]
    assert values == sorted(values)
    assert sorted(one.query_id for one in shown) == ["q0", "q1", "q2", "q3"]
    same = [one.query_id for one in shown if one.values["recall@2"] == 0.5]
    assert same == sorted(same) == ["q0", "q1"]


def test_a_value_that_is_no_number_is_worse_than_0(result):
    values = {"recall@2": np.array([1.0, math.nan, 0.0, 0.5])}
    broken = replace(result, values=values)

    shown = exhibit_of(TOY, broken, ()).queries

    assert [one.query_id for one in shown] == ["q1", "q2", "q3", "q0"]


def test_what_changed_most_comes_before_the_worst(result):
    """In either direction, the largest change of any gate; then the worst that did not change."""
    first = verdict_of(Change("q0", 1.0, 0.5), Change("q1", 0.0, 0.25))
    second = verdict_of(Change("q1", 0.0, 0.75))

    shown = exhibit_of(TOY, result, (first, second)).queries

    assert [one.query_id for one in shown][:2] == ["q1", "q0"]


@pytest.mark.parametrize(
    ("lost", "won", "shown"),
    [(60, 20, (35, 15)), (60, 3, (47, 3)), (10, 60, (10, 40)), (5, 5, (5, 5))],
)
def test_what_was_lost_does_not_hide_what_was_won(lost, won, shown):
    """Rule: 15 of the 50 places are for queries that were won, and more where fewer were lost."""
    count = lost + won + 60
    queries = {f"q{row:03}": f"word{row}" for row in range(count)}
    data = make(queries, {name: {"d1": 1} for name in queries})
    names = sorted(queries)
    changes = [Change(name, 1.0, 0.0) for name in names[:lost]]
    changes += [Change(name, 0.2, 0.9) for name in names[lost : lost + won]]

    found = [
        one.query_id for one in exhibit_of(data, measured(data), [verdict_of(*changes)]).queries
    ]

    assert len(found) == QUERIES
    assert len(set(found) & set(names[:lost])) == shown[0]
    assert len(set(found) & set(names[lost : lost + won])) == shown[1]


def test_at_most_50_queries_are_shown():
    queries = {f"q{row:03}": "word0" for row in range(QUERIES + 7)}
    data = make(queries, {name: {"d0": 1} for name in queries})

    shown = exhibit_of(data, measured(data), ()).queries

    assert [one.query_id for one in shown] == sorted(queries)[:50]


def test_a_query_is_shown_with_its_values_text_and_documents(result):
    """Known by hand: `word0` is d0, which is first; `gone` is in no corpus and has no rank."""
    exhibit = exhibit_of(TOY, result, ())

    found = next(one for one in exhibit.queries if one.query_id == "q0")
    assert (found.text, found.positives) == ("word0", 2)
    assert dict(found.values) == {"recall@2": 0.5, "mrr@10": 1.0}
    assert found.relevant == (ShownDocument("d0", 2, 1), ShownDocument("gone", 1, None))
    assert found.retrieved[0] == ShownDocument("d0", 2, 1)
    assert [one.rank for one in found.retrieved] == [1, 2, 3]
    assert "gone" not in exhibit.documents
    assert exhibit.documents["d0"] == "word0"


def test_three_relevant_documents_are_named_the_best_rank_first(result):
    """Four are relevant; the count says so, and unjudged documents have grade 0."""
    found = next(one for one in exhibit_of(TOY, result, ()).queries if one.query_id == "q1")

    ranks = [one.rank for one in found.relevant]
    assert found.positives == 4
    assert len(ranks) == 3
    assert ranks == sorted(ranks)
    assert {one.doc_id for one in found.relevant[:2]} == {"d1", "d2"}
    others = [one for one in found.retrieved if one.doc_id not in ("d1", "d2", "d5", "d6")]
    assert all(one.relevance == 0 for one in others)


def test_a_query_without_text_is_shown_with_an_empty_one(result):
    found = next(one for one in exhibit_of(TOY, result, ()).queries if one.query_id == "q3")

    assert (found.text, found.retrieved) == ("", ())
    assert found.relevant == (ShownDocument("d4", 1, None),)


def test_every_named_document_that_there_is_has_its_text(result):
    """Also those of changes: what moved and what is new, three each, of shown queries alone."""
    moved = tuple(Moved(f"d{row}", 1, None) for row in range(4, 9))
    newcomers = ("d8", "d9", "d10", "d11")
    change = Change("q0", 1.0, 0.0, moved, newcomers)
    elsewhere = Change("another", 1.0, 0.0, (), ("d7",))

    exhibit = exhibit_of(TOY, result, (verdict_of(change, elsewhere),))

    named = {one.doc_id for query in exhibit.queries for one in (*query.relevant, *query.retrieved)}
    changed = {"d4", "d5", "d6", "d8", "d9", "d10"}
    assert set(exhibit.documents) == (named | changed) - {"gone"}
    assert list(exhibit.documents) == sorted(exhibit.documents)
    assert all(text == CORPUS[doc_id] for doc_id, text in exhibit.documents.items())


def test_texts_are_cut():
    """300 letters with the mark of omission; nothing that fits is touched."""
    long = "word0 " + "x" * 400
    data = make({"q": long}, {"q": {"d0": 1}}, {"d0": long})

    exhibit = exhibit_of(data, measured(data), ())

    assert exhibit.queries[0].text == exhibit.documents["d0"] == long[:299] + "…"
    assert cut("x" * LETTERS) == "x" * LETTERS
    assert len(cut("x" * 301)) == LETTERS


def test_the_curve_is_the_recall_that_the_measure_computes(result):
    """Rule: recall_at[k] is recall@k, dangling positives in the denominator; independent code."""
    cuts = [1, 2, 3, 5, 10]
    measures = [parse_measure(f"recall@{k}") for k in cuts]
    again = measure_system(
        TOY, HashEncoder(), measures, name="toy", cache=EmbeddingCache.none(), depth=10
    )

    found = exhibit_of(TOY, again, ()).recall_at

    assert list(found) == cuts
    for k in cuts:
        expected = math.fsum(again.values[f"recall@{k}"]) / len(again.query_ids)
        assert found[k] == pytest.approx(expected, abs=1e-15)
    assert list(found.values()) == sorted(found.values())


@pytest.mark.parametrize(("depth", "last"), [(10, 10), (19, 10), (20, 20), (100, 100)])
def test_the_curve_ends_at_the_depth_of_the_run(depth, last):
    """Beyond it nothing was kept: a value there would be too low."""
    found = exhibit_of(TOY, measured(TOY, depth=depth), ()).recall_at

    assert max(found) == last


def test_slices_are_means_by_value():
    """Checked by hand: two of three German queries are answered."""
    queries = {"q0": "word0", "q1": "word1", "q2": "nothing", "q3": "word3"}
    qrels = {f"q{row}": {f"d{row}": 1} for row in range(4)}
    langs = {"q0": "de", "q1": "de", "q2": "de", "q3": "en"}
    data = make(queries, qrels, groups={name: {"lang": lang} for name, lang in langs.items()})
    found = measured(data)
    recall = np.array([1.0, 1.0, 0.0, 1.0])
    found = replace(found, values={"recall@2": recall})

    slices = exhibit_of(data, found, ()).slices

    assert slices == (
        SliceMean("lang", "de", 3, {"recall@2": pytest.approx(2 / 3)}),
        SliceMean("lang", "en", 1, {"recall@2": 1.0}),
    )


def test_fields_that_cut_nothing_or_too_fine_have_no_slices():
    """One value, or more than 12; six fields at most, in order of name."""
    queries = {f"q{row:02}": "word0" for row in range(13)}
    groups = {
        name: {"all": "x", "own": name, "a12": f"{min(row, 11):02}"}
        | {f"f{field}": str(row % 2) for field in range(8)}
        for row, name in enumerate(queries)
    }
    data = make(queries, {name: {"d0": 1} for name in queries}, groups=groups)

    slices = exhibit_of(data, measured(data), ()).slices

    assert list(dict.fromkeys(one.field for one in slices)) == ["a12", "f0", "f1", "f2", "f3", "f4"]
    assert sum(one.field == "a12" for one in slices) == 12
    assert sum(one.n for one in slices if one.field == "f0") == 13


def test_a_result_that_knows_nothing_of_its_queries_has_no_curve_and_no_slices(result):
    found = exhibit_of(TOY, replace(result, facts=()), ())

    assert (found.recall_at, found.slices) == ({}, ())
    assert len(found.queries) == 4


def test_without_a_measure_no_query_is_shown(result):
    assert exhibit_of(TOY, replace(result, values={}), ()).queries == ()


def test_an_exhibit_of_nothing_is_empty():
    assert Exhibit() == Exhibit((), {}, {}, ())


@given(order=st.permutations(range(4)))
def test_the_order_of_gates_and_changes_is_of_no_matter(order):
    """Rule: the same result and changes give the same exhibit."""
    result = measured(TOY)
    changes = [Change(f"q{row}", 1.0, row / 4) for row in range(4)]

    plain = exhibit_of(TOY, result, (verdict_of(*changes),))
    mixed = exhibit_of(TOY, result, tuple(verdict_of(changes[row]) for row in order))

    assert plain == mixed
