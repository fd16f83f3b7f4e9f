"""Workflow commands of GitHub: few, worst first, and nothing in a text that the runner obeys."""

from dataclasses import replace

import pytest

from benchharness.gate import Gate, Waiver
from benchharness.report.annotations import MOST, annotations
from benchharness.report.model import Failure, Report

PLACES = {"faq": ("suites/suite_faq.py", 7)}
FAILS, WARNS = Gate.floor("ndcg@10", 0.9), Gate.floor("recall@10", 0.9, severity="warn")


def test_a_failed_gate_points_at_the_line_of_its_suite(assess):
    """File, line, title, and the verdict's own sentence with what to do next."""
    one = assess(gates=[FAILS])

    (command,) = annotations(Report.of([one]), PLACES)

    assert command == (
        "::error file=suites/suite_faq.py,line=7,title=faq / minilm / floor-ndcg@10::"
        "fail: ndcg@10 0.5600 [0.486, 0.634] is below the floor 0.90 by 0.3400 → look at the "
        "lost queries in per_query.jsonl; if this level is meant, lower the floor"
    )


def test_errors_stand_before_warnings_and_failures_before_gates(assess):
    """Whatever the order in which the suites ran."""
    broken = assess("c", hits=[float("nan"), 1.0], gates=[Gate.floor("recall@10", 0.1)])
    failure = Failure("d", "", "data-error", "line 214 is not JSON", "q.jsonl:214", "mend it")
    report = Report.of([assess("a", gates=[WARNS]), assess("b", gates=[FAILS]), broken], [failure])

    found = annotations(report, {})

    assert [command.partition("::")[2].partition("::")[0] for command in found] == [
        "error title=d / data-error",
        "error title=c / minilm / floor-recall@10",
        "error title=b / minilm / floor-ndcg@10",
        "warning title=a / minilm / floor-recall@10-warn",
    ]
    assert found[0].endswith("::q.jsonl:214: line 214 is not JSON → mend it")


def test_what_is_met_waived_updated_or_only_told_is_not_annotated(assess, change):
    """Nobody has to look there now."""
    met = assess("a", gates=[Gate.floor("recall@10", 0.1)])
    gate = Gate.regression("recall@10", margin=0.01)
    waiver = Waiver("regression-recall@10", "minilm", "ticket 12", "2999-01-31")
    waived = change([gate], suite="b", waivers=[waiver])
    updated = change([gate], suite="c", update="all", reason="meant")
    told = change([Gate.regression("recall@10", margin=0.025)], suite="d", inconclusive="pass")
    outcomes = [one.verdicts[0].outcome for one in (met, waived, updated, told)]

    assert outcomes == ["pass", "regressed", "regressed", "inconclusive"]
    assert annotations(Report.of([met, waived, updated, told]), PLACES) == []


def test_an_inconclusive_comparison_warns(change):
    one = change([Gate.regression("recall@10", margin=0.025)])

    (command,) = annotations(Report.of([one]), PLACES)

    assert command.startswith("::warning file=suites/suite_faq.py,line=7,")
    assert "::inconclusive: recall@10 0.7000 → 0.6790" in command


def test_a_limited_run_warns_and_fails_nothing(assess):
    """Its items are skipped, so a red mark would say more than the session does."""
    (command,) = annotations(Report.of([assess(gates=[FAILS], limit=10)]), PLACES)

    assert command.startswith("::warning ")
    assert "::incomplete: " in command


@pytest.mark.parametrize(("number", "told"), [(MOST, 0), (MOST + 1, 2), (40, 31)])
def test_of_many_the_tenth_counts_the_rest(assess, number, told):
    """GitHub shows ten and hides the others without a word."""
    report = Report.of([assess(f"s{n}", gates=[FAILS]) for n in range(number)])

    found = annotations(report, {})

    assert len(found) == MOST
    last = f"::error title=benchharness::… and {told} more, see the summary"
    assert (found[-1] == last) is bool(told)


def test_the_tenth_is_an_error_while_an_error_is_left_out(assess):
    """Nine errors shown and warnings left: a warning; ten errors: an error."""
    few = [assess(f"s{n}", gates=[FAILS]) for n in range(9)]
    warned = [assess(f"w{n}", gates=[WARNS]) for n in range(9)]

    assert annotations(Report.of([*warned, *few]), {})[-1].startswith("::warning title=bench")
    ten = [*warned, *few, assess("x", gates=[FAILS])]
    assert annotations(Report.of(ten), {})[-1].startswith("::error title=benchharness::")


@pytest.mark.parametrize(
    ("text", "in_message", "in_property"),
    [
        ("100% of a:b, c", "100%25 of a:b, c", "100%25 of a%3Ab%2C c"),
        ("a\nb\rc", "a%0Ab%0Dc", "a%0Ab%0Dc"),
        ("%0A", "%250A", "%250A"),
        ("x\n::error::y", "x%0A::error::y", "x%0A%3A%3Aerror%3A%3Ay"),
        ("\x1b[31m\x00", r"\x1b[31m\x00", r"\x1b[31m\x00"),
    ],
    ids=["signs", "line-breaks", "coded", "command", "control"],
)
def test_texts_are_escaped_as_the_runner_decodes_them(text, in_message, in_property):
    """A corpus, a model or a path can add neither a line nor a property."""
    failure = Failure("faq", text, "data-error", text)

    (command,) = annotations(Report.of([], [failure]), {"faq": (text, 3)})

    assert command == (
        f"::error file={in_property},line=3,title=faq / {in_property} / data-error::{in_message}"
    )


def test_long_texts_are_cut(assess):
    """An annotation is a pointer; the summary has the whole."""
    verdict = replace(assess(gates=[FAILS]).verdicts[0], line="x" * 9_000, model="m" * 900)
    one = replace(assess(), verdicts=(verdict,))

    (command,) = annotations(Report.of([one]), {})

    assert len(command) < 2_300
    assert command.endswith("x…")
