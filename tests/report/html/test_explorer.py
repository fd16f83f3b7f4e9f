"""The queries' data: what is shown of each, safe in its block, within its budget."""

import json
from dataclasses import replace

import pytest

from benchharness.report.html.explorer import explorer_of
from benchharness.report.model import Report


def parsed(explorer):
    return json.loads(explorer.data)


def test_a_comparison_shows_the_queries_that_changed(whole):
    """Rule: value, ranks and what stands there, as in the other renderers."""
    suite = parsed(explorer_of(whole))[0]

    (table,) = suite["tables"]
    assert (table["gate"], table["failed"], table["changed"]) == ("regression-recall@10", True, 45)
    row = next(one for one in table["rows"] if one["id"] == "q:sympy.0000")
    assert row["value"] == "1.0000 → 0.0000"
    assert row["by"] == -1
    assert row["relevant"] == [["q:relevant.0000", "4 → below 100"]]
    assert row["instead"] == ["q:new.add", "q:new.mul"]
    assert suite["queries"]["q:sympy.0000"] == "text of q:sympy.0000"
    assert suite["documents"]["q:new.add"] == "text of q:new.add"


def test_without_a_comparison_the_worst_queries_are_shown(whole):
    suite = parsed(explorer_of(whole))[1]

    gates = {(table["model"], table["gate"]) for table in suite["tables"]}
    assert gates == {("bm25", ""), ("minilm", "")}
    row = suite["tables"][0]["rows"][0]
    assert row["relevant"] == [["q00000.d", "rank 27"]]
    assert row["instead"] == ["q00000.d first"]


def test_models_of_a_suite_share_their_texts(whole):
    """Rule: each query and document stands once a suite."""
    suite = parsed(explorer_of(whole))[1]

    assert len(suite["tables"]) == 2
    assert len(suite["queries"]) == 50


def test_the_data_cannot_end_its_block(hostile):
    """Rule: no sign of markup is in it, and it reads back as it was."""
    explorer = explorer_of(hostile)

    assert not {"<", ">", "&", "\u2028", "\u2029"} & set(explorer.data)
    assert "<script>" in parsed(explorer)[0]["queries"][next(iter(parsed(explorer)[0]["queries"]))]


@pytest.mark.parametrize("budget", [30_000, 60_000])
def test_the_budget_is_kept_by_leaving_out_texts_of_the_least_changed(whole, budget):
    """Rule: rows stay, documents of the most changed queries stay, the others are counted."""
    long = [
        replace(one, exhibit=replace(one.exhibit, documents={
            name: text * 20 for name, text in one.exhibit.documents.items()}))
        for one in whole.assessments
    ]  # fmt: skip
    report = Report.of(long)

    explorer, free = explorer_of(report, budget), explorer_of(report)

    assert len(explorer.data.encode()) <= budget + 2_000
    assert explorer.queries == free.queries
    assert free.dropped == 0
    assert explorer.dropped > 0
    kept = list(parsed(explorer)[1]["documents"])
    assert kept == list(parsed(free)[1]["documents"])[: len(kept)]


def test_a_report_without_exhibits_has_no_data(assess):
    assert explorer_of(Report.of([assess()])).queries == 0
