"""Sentences and cells that every renderer shares."""

import dataclasses

import pytest

from benchharness.data.lint import Finding
from benchharness.gate import Gate
from benchharness.judge.verdict import Estimate
from benchharness.report import wording
from benchharness.report.model import Report


def _with(assessment, measure, value, ci95):
    estimates = {**assessment.estimates, measure: Estimate(value, ci95, 1000, "wilson")}
    return dataclasses.replace(assessment, estimates=estimates)


def test_cell_agrees_with_the_gate_beside_it(assess):
    """0.54996 fails a floor of 0.55, so its cell does not say 0.5500."""
    one = _with(assess(gates=[Gate.floor("ndcg@10", 0.55)]), "ndcg@10", 0.54996, (0.52, 0.58))

    assert wording.shown_estimate(one, "ndcg@10") == ("0.54996", "[0.520, 0.580]")


def test_cell_agrees_with_the_decision_beside_it(assess):
    """An interval that ends below 0.65 does not print its end as 0.650."""
    one = _with(assess(), "recall@10", 0.62, (0.59, 0.64996))

    assert wording.shown_estimate(one, "recall@10") == ("0.6200", "[0.59000, 0.64996]")


def test_cell_is_not_compared_with_other_measures_thresholds(assess):
    """A floor of recall@10 adds no digit to ndcg@10."""
    gates = [Gate.floor("recall@10", 0.55)]
    one = _with(assess(gates=gates), "ndcg@10", 0.54996, (0.52, 0.64996))

    assert wording.shown_estimate(one, "ndcg@10") == ("0.5500", "[0.520, 0.650]")


def test_bm25_is_told_apart_from_a_model_that_is_near(assess):
    """The suite's one line on BM25 gets digits until it differs from each model's value."""
    one = assess(evidence={"bm25": {"recall@10": 0.70001, "description": "stemmed"}})

    line = wording.bm25_line([assess(), one])

    assert line == "BM25 on the same queries: recall@10 0.70001 (stemmed)"


def test_bm25_is_only_described_where_it_is_a_row_of_the_table(assess):
    """Its values stand in the table already."""
    evidence = {"bm25": {"recall@10": 0.7, "description": "stemmed"}}

    line = wording.bm25_line([assess(evidence=evidence), assess(model="bm25")])

    assert line == "bm25: stemmed"


def test_bm25_with_the_model_s_own_value_is_printed_with_the_usual_digits(assess):
    line = wording.bm25_line([assess(evidence={"bm25": {"recall@10": 0.7}})])

    assert line == "BM25 on the same queries: recall@10 0.7000"


@pytest.mark.parametrize(
    ("origin", "label"),
    [("llm", "(written by an LLM)"), ("docstrings", "(first sentences of docstrings)")],
)
def test_queries_that_no_user_wrote_are_labelled(assess, origin, label):
    assert label in wording.size_line([assess(query_origin=origin).result])


def test_what_was_counted_is_not_added_to_the_seconds(assess):
    """`documents_encoded` stands among the timings and is no time."""
    timings = {"encode_documents_s": 2.0, "documents_encoded": 500.0}

    line = wording.timing_line(dataclasses.replace(assess().result, timings=timings))

    assert line == "took 2.00 s: encode documents 2.00 s"


def test_nothing_is_said_where_nothing_is_known(assess):
    """No evidence, no ties, no timings, no counts: no empty sentence."""
    one = assess()
    bare = dataclasses.replace(one.result, ties={10: 0}, timings={}, counts={}, details={})

    assert wording.bm25_line([one]) == ""
    assert wording.tokens_line(one) == ""
    assert wording.facts_line(bare) == ""
    assert wording.counted_line(bare) == ""
    assert wording.size_line([bare]) == "100 queries"


def test_short_stages_are_left_out_of_the_timing(assess):
    """A stage below 5 % of the time is noise; the total counts it."""
    timings = {"encode_documents_s": 60.0, "search_s": 40.0, "score_s": 0.5}

    line = wording.timing_line(dataclasses.replace(assess().result, timings=timings))

    assert line == "took 1 min 40 s: encode documents 1 min 00 s, search 40.0 s"


def test_finding_of_every_model_is_told_once(assess):
    """The lint of the data is the same for all models of a suite."""
    shared = Finding("dangling", "warning", "2 qrels")
    own = Finding("truncated", "warning", "minilm reads 256 tokens")

    found = wording.findings_of([assess(findings=[shared, own]), assess(findings=[shared])],
                                "warning")  # fmt: skip

    assert found == [shared, own]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\x1b[31m", r"\x1b[31m"), ("a\tb", "a b"), ("é東", "é東"), ("\u202eabc", r"\u202eabc")],
)
def test_control_characters_are_made_visible(text, shown):
    """Escapes and direction marks of a corpus are shown, not obeyed."""
    assert wording.plain(text) == shown


def test_one_line_stays_one_line():
    """A line break in an id is shown as what it is."""
    assert wording.one_line("a\nb\x1b") == r"a\nb\x1b"


def test_closing_sentence_counts_gates_and_measurements(assess):
    """Passed gates, warned ones, and what was left out."""
    gates = [Gate.floor("recall@10", 0.5), Gate.floor("ndcg@10", 0.9, severity="warn")]

    sentence = wording.closing_sentence(Report.of([assess(gates=gates), assess("other")]))

    assert sentence == "1 of 2 gates passed, 1 warned; 2 measurements on 2 suites"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pass", "improved", "identical"], "3 of 3 gates passed"),
        (["pass", "REGRESSED", "STALE"], "2 of 3 gates not passed"),
        (["identical", "waived"], "1 of 2 gates passed, 1 waived"),
        (["updated"], "0 of 1 gate passed, 1 updated"),
        (["inconclusive", "warn", "inconclusive"], "0 of 3 gates passed, 2 inconclusive, 1 warned"),
        (["FAIL", "inconclusive", "pass"], "1 of 3 gates not passed, 1 inconclusive"),
    ],
)
def test_only_what_is_met_is_counted_as_passed(assess, words, told):
    """Every other word is told by its name; what fails comes first."""
    one = assess(gates=[Gate.floor("recall@10", 0.9)])
    verdicts = tuple(_worded(one.verdicts[0], word) for word in words)

    sentence = wording.closing_sentence(Report.of([dataclasses.replace(one, verdicts=verdicts)]))

    assert sentence.startswith(f"{told}; 1 measurement")


def _worded(verdict, word):
    """The verdict whose word in a report that is."""
    if word in ("waived", "updated"):
        reason = {"waived": "ticket 12"} if word == "waived" else {"updated": True}
        return dataclasses.replace(verdict, outcome="regressed", severity="note", **reason)
    outcome = "fail" if word == "warn" else word.lower()
    severity = "error" if word.isupper() else "warn"
    return dataclasses.replace(verdict, outcome=outcome, severity=severity)


@pytest.mark.parametrize(
    ("gate", "depth"), [("regression-recall@10", 100), ("guard-b-ndcg@10", None)]
)
def test_the_depth_of_a_guard_is_another_suite_s(change, gate, depth):
    one = change()
    verdict = dataclasses.replace(one.verdicts[0], gate=gate)

    assert wording.depth_of(one, verdict) == depth
