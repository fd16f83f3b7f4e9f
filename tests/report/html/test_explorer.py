"""The queries' data: what is shown of each, safe in its block, within its budget."""

import json
import math
from dataclasses import replace

import pytest

from benchharness.judge.exhibit import ShownDocument, ShownQuery
from benchharness.judge.verdict import Moved
from benchharness.report.html.explorer import explorer_of
from benchharness.report.model import Report
from benchharness.report.wording import one_line


def parsed(explorer):
    return json.loads(explorer.data)


def texts(entries):
    """id -> text of those that have one."""
    return {entry[0]: entry[1] for entry in entries if len(entry) == 2}


def row_of(suite, table, query_id):
    """The row of a query, its numbers read as ids."""
    row = next(one for one in table["rows"] if suite["queries"][one["query"]][0] == query_id)
    return row | {
        "relevant": [[suite["documents"][n][0], ranks] for n, ranks in row["relevant"]],
        "instead": [suite["documents"][number][0] for number in row["instead"]],
    }


def with_exhibit(assessment, **fields):
    return replace(assessment, exhibit=replace(assessment.exhibit, **fields))


def test_a_comparison_shows_the_queries_that_changed(whole):
    """Rule: value, ranks and what stands there, as in the other renderers."""
    suite = parsed(explorer_of(whole))[0]

    (table,) = suite["tables"]
    assert (table["gate"], table["failed"], table["changed"]) == ("regression-recall@10", True, 45)
    row = row_of(suite, table, "q:sympy.0000")
    assert row["value"] == "1.0000 → 0.0000"
    assert row["by"] == -1
    assert row["relevant"] == [["q:relevant.0000", "4 → below 100"]]
    assert row["instead"] == ["q:new.add", "q:new.mul"]
    assert row["more"] == 0
    assert texts(suite["queries"])["q:sympy.0000"] == "text of q:sympy.0000"
    assert texts(suite["documents"])["q:new.add"] == "text of q:new.add"


def test_without_a_comparison_the_worst_queries_are_shown(whole):
    suite = parsed(explorer_of(whole))[1]

    gates = {(table["model"], table["gate"]) for table in suite["tables"]}
    assert gates == {("bm25", ""), ("minilm", "")}
    row = row_of(suite, suite["tables"][0], "q00000")
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
    assert any(
        text.startswith("<script>") for text in texts(parsed(explorer)[0]["queries"]).values()
    )


@pytest.mark.parametrize("name", ["constructor", "__proto__", "a\x00b", "\udc80", "\u202eabc"])
def test_an_id_is_only_shown(assess, name):
    """Rule: rows name it by number; what cannot be seen of it is made visible."""
    found = shown_by(assess(), {name: "its text"}, name)

    suite = parsed(explorer_of(Report.of([found])))[0]

    (entry,) = suite["documents"]
    assert entry == [one_line(name), "its text"]
    assert suite["tables"][0]["rows"][0]["relevant"] == [[0, "rank 27"]]


def test_a_document_that_the_corpus_lacks_has_no_text(assess):
    suite = parsed(explorer_of(Report.of([shown_by(assess(), {}, "constructor")])))[0]

    assert suite["documents"] == [["constructor"]]


def test_of_many_relevant_documents_the_rest_is_counted(assess):
    """Rule: three are named where a query has more."""
    found = shown_by(assess(), {}, "d1")
    queries = (replace(found.exhibit.queries[0], positives=1_200),)

    suite = parsed(explorer_of(Report.of([with_exhibit(found, queries=queries)])))[0]

    assert suite["tables"][0]["rows"][0]["more"] == 1_199


def test_of_many_moved_documents_the_rest_is_counted(change):
    """Rule: five are named of a query that lost more."""
    found = change(lost=1, won=0)
    (verdict,) = found.verdicts
    (one,) = verdict.comparison.changes
    moved = tuple(Moved(f"d{n}", n + 1, None) for n in range(8))
    comparison = replace(verdict.comparison, changes=(replace(one, moved=moved),))
    found = replace(found, verdicts=(replace(verdict, comparison=comparison),))
    query = ShownQuery(one.query_id, "query", {"recall@10": 0.0}, (), 8, ())

    suite = parsed(explorer_of(Report.of([with_exhibit(found, queries=(query,))])))[0]

    row = row_of(suite, suite["tables"][0], one.query_id)
    assert [name for name, _ in row["relevant"]] == ["d0", "d1", "d2", "d3", "d4"]
    assert row["more"] == 3


def test_what_stands_first_instead_is_not_relevant(assess):
    """Rule: of the worst queries, documents of their ranking that no one judged relevant."""
    retrieved = (ShownDocument("good", 2, 1), ShownDocument("bad", 0, 2))
    query = ShownQuery(
        "q", "query", {"recall@10": 0.5}, (ShownDocument("good", 2, 1),), 2, retrieved
    )

    suite = parsed(explorer_of(Report.of([with_exhibit(assess(), queries=(query,))])))[0]

    assert row_of(suite, suite["tables"][0], "q")["instead"] == ["bad"]


def test_control_characters_of_a_text_are_made_visible(assess):
    suite = parsed(explorer_of(Report.of([shown_by(assess(), {"d1": "a\x00b\nc"}, "d1")])))[0]

    assert texts(suite["documents"]) == {"d1": "a\\x00b\nc"}


def test_a_document_counts_as_the_most_changed_query_that_names_it(assess):
    """Rule: the order of models does not decide whose text is left out."""

    def shown(model, names):
        queries = tuple(
            ShownQuery(f"{model}.q{n}", "", {"recall@10": 0.0}, (ShownDocument(name, 1, 3),), 1, ())
            for n, name in enumerate(names)
        )
        return with_exhibit(
            assess(model=model), queries=queries, documents=dict.fromkeys(names, "x" * 900)
        )

    report = Report.of([shown("first", ["a", "b", "shared"]), shown("second", ["shared"])])
    free = explorer_of(report)

    explorer = explorer_of(report, len(free.data) - 100)

    assert set(texts(parsed(explorer)[0]["documents"])) == {"a", "shared"}
    assert explorer.dropped == 2  # b, and the query after it


def test_a_value_that_is_not_finite_is_data_too(assess):
    """Rule: JSON has no nan; the word is shown, and nothing sorts by it."""
    found = shown_by(assess(), {}, "d1")
    queries = (replace(found.exhibit.queries[0], values={"recall@10": math.nan}),)

    suite = parsed(explorer_of(Report.of([with_exhibit(found, queries=queries)])))[0]

    row = suite["tables"][0]["rows"][0]
    assert (row["by"], row["value"]) == (None, "nan")


@pytest.mark.parametrize("letters", ["x", "漢", "<&>", "\x00", '"'])
@pytest.mark.parametrize("budget", [35_000, 45_000])
def test_the_budget_holds_for_any_text(whole, budget, letters):
    """Rule: in bytes as they stand in the page, of letters that need one or many; rows stay."""
    long = [
        with_exhibit(one, documents=dict.fromkeys(one.exhibit.documents, letters * 300))
        for one in whole.assessments
    ]  # fmt: skip
    report = Report.of(long)

    explorer, free = explorer_of(report, budget), explorer_of(report)

    assert len(explorer.data.encode()) <= budget
    assert explorer.queries == free.queries
    assert free.dropped == 0
    assert explorer.dropped > 0


def test_texts_of_the_least_changed_queries_are_left_out_first(assess):
    """Rule: of every model and suite alike: no text stays where a more changed query lost one."""
    found = []
    for model in ("first", "second"):
        queries = tuple(
            ShownQuery(f"{model}.q{n}", "query", {"recall@10": 0.0},
                       (ShownDocument(f"{model}.d{n}", 1, None),), 1, ())
            for n in range(10)
        )  # fmt: skip
        documents = {f"{model}.d{n}": "x" * 300 for n in range(10)}
        found.append(with_exhibit(assess(model=model), queries=queries, documents=documents))
    report = Report.of(found)
    free = explorer_of(report)

    explorer = explorer_of(report, len(free.data) - 2_000)

    kept = sorted(int(name.rpartition("d")[2]) for name in texts(parsed(explorer)[0]["documents"]))
    assert kept == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6][: len(kept)]
    assert 10 <= len(kept) <= 14
    assert explorer.dropped == 40 - len(kept) - len(texts(parsed(explorer)[0]["queries"]))


def test_a_report_without_exhibits_has_no_data(assess):
    assert explorer_of(Report.of([assess()])).queries == 0


def shown_by(assessment, documents, doc_id):
    """The assessment with one shown query, whose relevant document has that id."""
    one = ShownQuery("q", "query", {"recall@10": 0.0}, (ShownDocument(doc_id, 1, 27),), 1, ())
    return with_exhibit(assessment, queries=(one,), documents=documents)
