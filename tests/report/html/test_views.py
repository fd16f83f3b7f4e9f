"""What the sections say: words with their tones, gates in order, tables that agree."""

from dataclasses import replace

import pytest

from benchharness.data.lint import Finding
from benchharness.gate import Gate
from benchharness.judge.exhibit import Exhibit, SliceMean
from benchharness.report.html import views
from benchharness.report.model import Report


@pytest.mark.parametrize(("text", "tone"), [
    ("pass", "good"), ("2 pass", "good"), ("1 improved, 1 pass", "good"), ("identical", "good"),
    ("FAIL", "bad"), ("1 FAIL, 2 pass", "bad"), ("NO-BASELINE", "bad"), ("STALE", "bad"),
    ("warn", "warn"), ("tune", "warn"), ("skip", "good"),
    ("waived", "calm"), ("no gate", "calm"), ("undecided", "calm"), ("inconclusive", "calm"),
    ("", "calm"),
])  # fmt: skip
def test_a_word_has_the_tone_of_the_worst_in_it(text, tone):
    """Rule: what is not known to be met is never green."""
    assert views.word(text) == views.Word(text, tone)


def test_gates_that_fail_stand_before_those_that_only_warn(assess, change):
    warned = assess("a", gates=[Gate.floor("recall@10", 0.9, severity="warn")])
    failed = change(suite="b")

    shown, more = views.breaches(Report.of([warned, failed]))

    assert [(one.suite, one.word.text) for one in shown] == [("b", "REGRESSED"), ("a", "warn")]
    assert more == 0


def test_a_gate_that_is_met_is_no_breach(assess):
    met = assess(gates=[Gate.floor("recall@10", 0.5)])

    assert views.breaches(Report.of([met])) == ([], 0)
    (gate,) = views.gates(Report.of([met]))
    assert (gate.word.text, gate.advice, gate.details) == ("pass", "", ())


def test_a_gate_tells_what_changed(change):
    """Rule: the worst lost queries, how many more, by metadata, and the environment."""
    (gate,) = views.gates(Report.of([change()]))

    assert len(gate.details) == 8
    assert gate.details[0].startswith("q:sympy.0000 1.0000 → 0.0000")
    assert gate.details[-1] == "environment: torch 2.6.0 → 2.13.0"


def test_a_comparison_is_a_row(change):
    (row,) = views.comparisons(Report.of([change()]))

    assert row[:3] == ("faq / minilm", "recall@10", "0.7000 → 0.6790")
    assert row[4:] == ("REGRESSED", "12 / 33 / 955")


def test_ceilings_below_one_are_a_row_of_their_suite(assess):
    bounded, free = assess("a", ceiling=0.95), assess("b")

    first, second = views.suites(Report.of([bounded, free]))

    assert dict(zip(first.measures, first.ceilings, strict=True))["recall@10"] == "0.9500"
    assert second.ceilings == ()


def test_a_model_without_a_measure_has_an_empty_cell(assess):
    """Rule: columns are those of the suite."""
    whole = assess(model="a")
    less = replace(
        assess(model="b"), estimates={"ndcg@10": whole.estimates["ndcg@10"]}, verdicts=()
    )

    (suite,) = views.suites(Report.of([whole, less]))

    assert suite.measures == ("recall@10", "ndcg@10")
    assert suite.rows[1].cells[0] == ("", "")
    assert suite.rows[1].cells[1] == suite.rows[0].cells[1]


def test_one_suite_needs_no_matrix(assess):
    assert views.matrix(Report.of([assess(model="a"), assess(model="b")])) == ([], [])


def test_slices_are_a_table_for_each_field(assess):
    means = {"recall@10": 0.5}
    found = replace(assess(), exhibit=Exhibit(slices=(
        SliceMean("lang", "de", 1_200, means), SliceMean("lang", "en", 8, means),
        SliceMean("year", "2026", 3, means),
    )))  # fmt: skip

    tables = list(views.slices(Report.of([found])))

    assert [(one.field, len(one.rows)) for one in tables] == [("lang", 2), ("year", 1)]
    assert tables[0].rows[0] == ("de", "1,200", "0.5000")


def test_a_finding_of_all_models_is_told_once(assess):
    """Rule: errors, warnings, notes; in order of the suites."""
    note, warning = Finding("n", "note", "note"), Finding("w", "warning", "odd")
    found = [assess(model=name, findings=[note, warning]) for name in ("a", "b")]

    told = views.findings(Report.of(found))

    assert told == [("faq", warning), ("faq", note)]


def test_provenance_names_what_the_numbers_rest_on(assess):
    ((name, facts),) = views.provenance(Report.of([assess()]))

    assert name == "faq / minilm"
    told = dict(facts)
    assert told["corpus sha256"] == "ab" * 32
    assert told["query prompt"] == "query: "
    assert told["python"] == "3.11.9"
