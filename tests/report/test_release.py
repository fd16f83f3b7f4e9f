"""RELEASE only where everything was measured and every gate is met; else every reason."""

from dataclasses import replace

import pytest

from benchharness.gate import Gate, Waiver
from benchharness.judge.verdict import Comparison, Verdict
from benchharness.report.model import Failure, Report
from benchharness.report.release import Release, release_of

MET, FAILS = Gate.floor("recall@10", 0.5), Gate.floor("recall@10", 0.9)
WARNS = Gate.floor("ndcg@10", 0.9, severity="warn")
REGRESSION = Gate.regression("recall@10", margin=0.01)
FAILURE = Failure("faq", "bm25", "data-error", "line 214 is not JSON")


def compared(p, outcome="pass", suite="faq", model="minilm"):
    one = Comparison("here", "recall@10", 0.7, 0.6, 100, p=p)
    return Verdict("g", suite, model, outcome, "error", 0.6, "line", comparison=one)


def with_verdicts(assessment, *verdicts):
    return replace(assessment, verdicts=verdicts)


def test_everything_met_and_complete_is_released(assess):
    """The sentence says how much was judged."""
    report = Report.of([assess(gates=[MET]), assess("other", gates=[MET, MET])])

    found = release_of(report)

    assert found.granted
    assert found.line == ("RELEASE: 3 gates met, 2 measurements on 2 suites, nothing left out")


@pytest.mark.parametrize("outcome", ["pass", "improved", "identical"])
def test_every_outcome_that_is_met_counts(assess, outcome):
    report = Report.of([with_verdicts(assess(), compared(0.5, outcome))])

    assert release_of(report).granted


@pytest.mark.parametrize(
    "outcome",
    ["fail", "regressed", "inconclusive", "stale", "no-baseline", "incomplete", "error"],
)
@pytest.mark.parametrize("severity", ["error", "warn", "note"])
def test_every_other_outcome_refuses_whatever_its_severity(assess, outcome, severity):
    """Also one that nobody would have thought of: only what is met is met."""
    verdict = replace(compared(None, outcome), severity=severity)

    found = release_of(Report.of([with_verdicts(assess(), verdict)]))

    assert not found.granted
    assert f"1 gate not met (faq / minilm g {outcome})" in found.why


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda *_: Report.of([]), "nothing was measured"),
        (
            lambda a, _: Report.of([a(gates=[MET, FAILS])]),
            "1 gate not met (faq / minilm floor-recall@10 fail)",
        ),
        (
            lambda a, _: Report.of([a(gates=[MET, WARNS])]),
            "1 gate not met (faq / minilm floor-ndcg@10-warn fail)",
        ),
        (lambda a, _: Report.of([a(gates=[MET])], [FAILURE]), "1 measurement failed"),
        (
            lambda *_: Report.of([], [FAILURE]),
            "1 measurement failed; no gate judged faq",
        ),
        (lambda a, _: Report.of([a(gates=[MET]), a("b"), a("c")]), "no gate judged b, c"),
        (
            lambda a, _: Report.of([a(gates=[MET])], selection={"deselected": 1200, "not run": 0}),
            "deselected: 1,200",
        ),
        (
            lambda a, _: Report.of([a(gates=[MET])], selection={"gates of other models": 2}),
            "gates of other models: 2",
        ),
        (lambda a, _: Report.of([a(gates=[MET])], ended="interrupted"), "not everything was"),
        (
            lambda a, _: replace(Report.of([a(gates=[MET])]), status="tests-failed"),
            "tests-failed",
        ),
        (
            lambda a, _: Report.of([a(gates=[MET], limit=10)]),
            "1 gate not met (faq / minilm floor-recall@10 incomplete)",
        ),
        (
            lambda _, c: Report.of([c([REGRESSION], waivers=[
                Waiver("regression-recall@10", "minilm", "ticket 12", "2999-01-31")])]),
            "1 gate not met (faq / minilm regression-recall@10 regressed)",
        ),
        (
            lambda _, c: Report.of([c([REGRESSION], update="all", reason="meant")]),
            "1 gate not met (faq / minilm regression-recall@10 regressed)",
        ),
    ],
    ids=[
        "nothing", "failed", "warned", "broken", "only-broken", "unjudged", "deselected",
        "unbound", "interrupted", "other-test", "limited", "waived", "updated",
    ],
)  # fmt: skip
def test_each_reason_refuses_and_is_named(assess, change, made, why):
    """One is enough."""
    found = release_of(made(assess, change))

    assert not found.granted
    assert found.line.startswith("DO NOT RELEASE: ")
    assert why in found.why


def test_reasons_are_told_together(assess):
    """A reader mends all of it at once; of many gates three are named."""
    gates = [Gate.floor("recall@10", 0.9), Gate.floor("ndcg@10", 0.9)]
    report = Report.of([assess(gates=gates), assess("b", gates=gates)], [FAILURE], {"not run": 3})

    assert release_of(report).why == (
        "4 gates not met (faq / minilm floor-recall@10 fail, faq / minilm floor-ndcg@10 fail, "
        "b / minilm floor-recall@10 fail and 1 more); 1 measurement failed; not run: 3"
    )


@pytest.mark.parametrize(
    ("ps", "held"),
    [
        ((0.01, 0.02), ["s0 / minilm", "s1 / minilm"]),
        ((0.01, 0.04), ["s0 / minilm", "s1 / minilm"]),
        ((0.02, 0.06), ["s0 / minilm"]),
        ((0.03, 0.04), []),
    ],
)
def test_holm_says_which_regressions_hold_together(assess, ps, held):
    """The smallest p times 2 below 0.05, then the next as it is; it changes no outcome."""
    found = [
        with_verdicts(assess(f"s{n}"), compared(p, "regressed", f"s{n}")) for n, p in enumerate(ps)
    ]

    why = release_of(Report.of(found)).why

    which = f": {', '.join(held)}" if held else ""
    assert f"{len(held)} of 2 regressions" in why
    assert why.endswith(f"after Holm over 2 comparisons{which}")


def test_holm_counts_every_comparison_but_names_only_regressions(assess):
    """A pass with a small p is one of the comparisons: 0.02 of three is no evidence."""
    passes = [compared(0.3, "pass", "a"), compared(0.4, "pass", "b")]
    one = with_verdicts(assess(), compared(0.02, "regressed"), *passes)

    why = release_of(Report.of([one])).why

    assert "0 of 1 regression" in why
    assert why.endswith("after Holm over 3 comparisons")


def test_one_comparison_needs_no_holm(assess):
    one = with_verdicts(assess(), compared(0.01, "regressed"))

    assert release_of(Report.of([one])).why == "1 gate not met (faq / minilm g regressed)"


def test_a_release_is_told_in_one_line():
    assert Release(granted=True, why="all met").line == "RELEASE: all met"
    assert Release(granted=False, why="a; b").line == "DO NOT RELEASE: a; b"
