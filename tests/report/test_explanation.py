"""One query under two models: ranks, where each stands with the other, and what is below."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.errors import DataError
from benchharness.evaluation.result import QueryFacts, Run
from benchharness.judge.exhibit import Exhibit, ShownDocument, ShownQuery
from benchharness.report.explanation import (
    Explanation,
    Placed,
    Side,
    Source,
    explain,
    measured_source,
    stored_source,
)
from benchharness.report.explanation_text import explanation_lines

RANKED = {"a": ("d1", "d2", "d3", "d4"), "b": ("d3", "d5", "d1")}
TEXTS = {f"d{row}": f"text {row}" for row in range(1, 6)}


@pytest.fixture
def sides(assess):
    """Two sources that rank other documents for q1; d2, d4 and d9 are relevant."""

    def make(name, **fields):
        result = assess("faq", name, hits=[1.0, 0.5]).result
        ranked = RANKED[name]
        scores = tuple(np.linspace(0.9, 0.5, len(ranked), dtype=np.float32).tolist())
        run = Run(("q1", "q2"), (ranked, ()), (scores, ()), 100)
        known = {"grades": {"d2": 1, "d4": 2, "d9": 1}, "positives": 3, "texts": TEXTS,
                 "query": "what is it"}  # fmt: skip
        return Source(name, replace(result, run=run), **(known | fields))

    return make


def test_each_side_has_its_ranks_and_those_of_the_other(sides):
    """Known by hand."""
    found = explain("q1", [sides("a"), sides("b")], depth=2)

    first, second = found.sides
    assert (found.suite, found.text, found.positives) == ("faq", "what is it", 3)
    assert [(one.doc_id, one.rank, one.other, one.relevance) for one in first.ranked] == [
        ("d1", 1, 3, 0), ("d2", 2, None, 1),
    ]  # fmt: skip
    assert [(one.doc_id, one.rank, one.other, one.relevance) for one in second.ranked] == [
        ("d3", 1, 3, 0), ("d5", 2, None, 0),
    ]  # fmt: skip
    assert first.ranked[0].score == pytest.approx(0.9)
    assert first.ranked[0].text == "text 1"
    assert dict(first.values) == {"recall@10": 1.0, "ndcg@10": 0.8}


def test_relevant_documents_below_follow_by_rank(sides):
    """Those without a rank come last, by id; what is shown above is not repeated."""
    first, second = explain("q1", [sides("a"), sides("b")], depth=2).sides

    assert [(one.doc_id, one.rank) for one in first.below] == [("d4", 4), ("d9", None)]
    assert [(one.doc_id, one.rank, one.score, one.other) for one in second.below] == [
        ("d2", None, None, 2), ("d4", None, None, 4), ("d9", None, None, None),
    ]  # fmt: skip
    assert second.below[2].text is None


def test_one_model_alone_has_no_other_side(sides):
    (side,) = explain("q1", [sides("a")]).sides

    assert [one.other for one in side.ranked] == [None] * 4


def test_what_one_side_knows_is_shown_on_both(sides):
    """A stored run may know fewer grades and texts, and cut ones; the fuller is taken."""
    poor = sides("b", grades={"d4": 1}, positives=None, texts={"d1": "te…"}, query=None)

    found = explain("q1", [poor, sides("a")], depth=3)
    turned = explain("q1", [sides("a"), poor], depth=3)

    assert (found.text, found.positives) == ("what is it", 3)
    assert [one.text for one in found.sides[0].ranked] == ["text 3", "text 5", "text 1"]
    assert {one.doc_id: one.relevance for one in found.sides[0].below}["d4"] == 2
    assert turned == replace(found, sides=found.sides[::-1])


def replaced(source, *query_ids):
    """The source with other names of its queries."""
    run = replace(source.result.run, query_ids=query_ids)
    return replace(source, result=replace(source.result, run=run))


def test_an_unknown_query_is_answered_with_what_was_meant(sides):
    with pytest.raises(DataError, match="no judged query 'q3'") as refused:
        explain("q3", [sides("a")])

    assert refused.value.remedy == "known: q1, q2"
    with pytest.raises(DataError) as refused:
        explain("query:q1", [replaced(sides("a"), "query:q01", "other")])
    assert refused.value.remedy == "did you mean query:q01?"


def test_among_many_queries_a_few_are_named(assess):
    source = Source("a", assess(hits=[1.0] * 100).result, {}, 0)

    with pytest.raises(DataError) as refused:
        explain("nothing like it", [source])

    assert refused.value.remedy.startswith("known: q00000, ")
    assert refused.value.remedy.endswith("q00004 and 95 more")


def test_a_query_that_nothing_was_retrieved_for_is_explained_too(sides):
    (side,) = explain("q2", [sides("a")]).sides

    assert side.ranked == ()
    assert [one.doc_id for one in side.below] == ["d2", "d4", "d9"]


def test_the_data_at_hand_give_grades_and_whole_texts(sides):
    """Judged as not relevant is no relevance; a dangling positive has no text."""
    long = "x" * 500
    rows = [("q1", "d2", 2, 0), ("q1", "d1", 0, 0), ("q1", "gone", 1, 0), ("q2", "d5", 1, 0)]
    corpus = {**TEXTS, "d2": long}
    data = Dataset("faq", TextTable.of(corpus.items()), {"q1": "asked"}, Qrels.of(rows))

    source = measured_source(data, sides("a").result, "q1", 2)

    assert (source.query, source.positives) == ("asked", 2)
    assert dict(source.grades) == {"d2": 2, "gone": 1}
    assert dict(source.texts) == {"d1": "text 1", "d2": long}


def test_a_stored_run_gives_what_it_keeps(assess):
    """Ranks of what was found from the run, the rest from what the report shows."""
    one = assess("faq", hits=[1.0, 0.0])
    facts = (QueryFacts("x", {"d2": 2}), QueryFacts("y", {"d3": 3}))
    relevant = (ShownDocument("d2", 3, 2), ShownDocument("d9", 1, None))
    shown = ShownQuery("q00000", "asked", {}, relevant, 5, (ShownDocument("d1", 0, 1),))
    exhibit = Exhibit((shown,), {"d1": "text"})
    one = replace(one, result=replace(one.result, facts=facts), exhibit=exhibit)

    seen = stored_source(one, "q00000", "runs/a")
    unseen = stored_source(one, "q00001", "runs/a")

    assert (seen.name, seen.query, seen.positives) == ("minilm (runs/a)", "asked", 5)
    assert dict(seen.grades) == {"d2": 3, "d9": 1}
    assert (unseen.query, unseen.positives, dict(unseen.grades)) == (None, None, {"d3": 1})
    assert explain("q00001", [unseen]).text is None


# What the terminal shows.


def shown(found, width=100, **options):
    return list(explanation_lines(found, width, **options))


def test_both_sides_stand_beside_one_another(sides):
    text = shown(explain("q1", [sides("a"), sides("b")], depth=2))

    assert text[0] == "faq: query q1, 3 relevant"
    assert text[1] == "what is it"
    assert text[3].split() == ["a", "b"]
    row = next(line for line in text if "d1" in line and "d3" in line)
    assert row.split() == ["1", "0.9000", "3", "d1", "1", "0.9000", "3", "d3"]
    assert "text 1" in text[text.index(row) + 1]
    relevant = next(line for line in text if "d2" in line)
    assert relevant.split()[:5] == ["2", "*", "0.7667", "-", "d2"]
    below = next(line for line in text if "d4" in line)
    assert below.split()[:5] == ["4", "*2", "0.5000", "-", "d4"]
    assert any(">100 *" in line for line in text)


def test_where_it_is_narrow_they_stand_below_one_another(sides):
    """Nothing is lost: the same documents, one side after the other."""
    found = explain("q1", [sides("a"), sides("b")], depth=4)

    wide, narrow = shown(found, 100), shown(found, 50)

    words = lambda lines: sorted(word for line in lines for word in line.split())  # noqa: E731
    assert len(narrow) > len(wide)
    assert words(line for line in narrow) == words(line for line in wide)


def test_it_is_plain_unless_colour_is_asked_for(sides):
    """The mark says what the colour says; the columns are where they were."""
    found = explain("q1", [sides("a"), sides("b")], depth=2)

    plain, coloured = shown(found), shown(found, color=True)

    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[32m" in line for line in coloured)
    bare = [line.replace("\x1b[32m", "").replace("\x1b[0m", "") for line in coloured]
    assert bare == plain


def test_what_is_not_known_is_said(assess):
    """Texts, the query, and relevant documents that a stored run does not keep."""
    one = assess("faq", hits=[1.0])

    text = "\n".join(shown(explain("q00000", [stored_source(one, "q00000", "runs/a")])))

    assert "the query's text is not kept" in text
    assert "3 of 3 texts not known" in text
    assert "relevant documents that no run found are not kept" in text


def test_a_long_id_shows_both_ends(sides):
    """Where ids of modules and paths differ."""
    long = "networkx.algorithms." + "very." * 20 + "degree_mixing_dict"
    placed = Placed(long, 1, 0.5, 0, None, None)
    side = Side("a", "a", {}, (placed,), (), 100)

    (line,) = [x for x in shown(Explanation("faq", "q", "t", 1, (side, side)), 80) if "0.5000" in x]

    assert "netwo" in line
    assert line.endswith("ixing_dict")


def test_ids_that_would_be_cut_until_they_look_alike_get_the_whole_width(sides):
    """Rule: side by side only where every id of a side can be told from the others."""
    ids = [f"networkx.generators.{middle}.random_connected_graph" for middle in ("one", "two")]
    ranked = tuple(Placed(one, rank, 0.5, 0, None, None) for rank, one in enumerate(ids, start=1))
    side = Side("a", "a", {}, ranked, (), 100)
    found = Explanation("faq", "q", "t", 1, (side, side))

    narrow, wide = shown(found, 80), shown(found, 160)

    assert all(sum(one in line for line in narrow) == 2 for one in ids)
    assert any(line.count(ids[0]) == 2 for line in wide)


NASTY = st.text(st.characters(exclude_categories=("Cs",)), max_size=90)


@given(NASTY, NASTY, st.integers(20, 200))
def test_no_line_is_wider_than_the_terminal_or_steers_it(doc_id, text, width):
    """Rule: whatever a corpus holds: wide letters, control characters, line breaks, long words."""
    placed = Placed(doc_id, 1, 0.5, 1, 2, text)
    below = Placed(doc_id, None, None, 3, None, text)
    side = Side(text, "m", {"recall@10": 0.5}, (placed,), (below,), 100)
    found = Explanation("faq", doc_id, text, 2, (side, side))

    for line in shown(found, width):
        assert cell_len(line) <= width
        assert all(letter.isprintable() for letter in line)


def test_an_explanation_is_plain_data(sides):
    """For --json."""
    content = asdict(explain("q1", [sides("a")], depth=1))

    assert content["sides"][0]["ranked"][0] == {
        "doc_id": "d1", "rank": 1, "score": pytest.approx(0.9), "relevance": 0, "other": None,
        "text": "text 1",
    }  # fmt: skip
