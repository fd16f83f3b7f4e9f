"""Who judges a gate, what stands in its way, and what a waiver does."""

import math
from dataclasses import dataclass, field, replace

import pytest

from benchharness.errors import DataError, ModelError, SuiteError
from benchharness.gate import Gate, Waiver
from benchharness.judge.gates import judge
from benchharness.testing import StoredReferences

REGRESSION = Gate.regression("recall@10", margin=0.02)


@dataclass(frozen=True)
class Broken(StoredReferences):
    """References of which none can be had."""

    error: Exception = field(default_factory=Exception)

    def _fail(self, *_):
        raise self.error

    baseline = measured = guarded = speed = _fail


DAMAGED = DataError("the baseline cannot be used", where="b.json", remedy="restore it")
UNKNOWN = ModelError("there is no model 'champ'", remedy="did you mean champion?")


@pytest.mark.parametrize(
    ("gate", "error", "line"),
    [
        (REGRESSION, DAMAGED, "b.json: the baseline cannot be used"),
        (
            Gate.slice("recall@10", "lang", margin=0.1),
            DAMAGED,
            "b.json: the baseline cannot be used",
        ),
        (Gate.beats("champ", "recall@10"), UNKNOWN, "there is no model 'champ'"),
        (Gate.guard("old", "recall@10", margin=0.1), UNKNOWN, "there is no model 'champ'"),
        (
            Gate.cost("throughput", at_least=0.8, against="champ"),
            UNKNOWN,
            "there is no model 'champ'",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_what_cannot_be_compared_is_an_error_with_its_message_and_remedy(
    make_case, make_result, gate, error, line
):
    """A damaged baseline, a champion that cannot be opened: never an exception, never a pass."""
    case = make_case(make_result([1.0] * 50), references=Broken(error=error))

    verdict = judge(gate, case)

    assert (verdict.outcome, verdict.severity, verdict.failed) == ("error", "error", True)
    assert (verdict.line, verdict.advice) == (line, error.remedy)
    assert math.isnan(verdict.value)


def test_a_defect_of_a_reference_is_not_hidden(make_case, make_result):
    """Only what a user can mend is a verdict; anything else keeps its traceback."""
    case = make_case(make_result([1.0] * 50), references=Broken(error=ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        judge(REGRESSION, case)


def test_a_kind_of_gate_without_a_judge_is_a_suite_error(make_case, make_result):
    """A gate that nothing judges is never a pass."""
    with pytest.raises(SuiteError, match="nothing judges gates of the kind Gate"):
        judge(Gate("recall@10"), make_case(make_result([1.0])))


@pytest.mark.parametrize(
    "gate",
    [
        REGRESSION,
        Gate.beats("champ", "recall@10"),
        Gate.guard("old", "recall@10", margin=0.1),
        Gate.slice("recall@10", "lang", minimum=0.1),
        Gate.cost("dimension", at_most=512),
        Gate.floor("recall@10", 0.1),
    ],
    ids=lambda gate: gate.kind,
)
def test_no_gate_is_judged_on_a_limited_result(verdict_on, make_result, make_baseline, moved, gate):
    """A limit keeps queries away; the gate holds for all of them."""
    before, after = moved(0, 5)
    result = make_result(after, limit=1000, costs={"dimension": 1})

    verdict = verdict_on(gate, result, make_baseline(before))

    assert (verdict.outcome, verdict.failed) == ("incomplete", True)


@pytest.mark.parametrize(
    "gate",
    [REGRESSION, Gate.beats("champ", "recall@10"), Gate.slice("recall@10", "lang", margin=0.1)],
    ids=lambda gate: gate.kind,
)
def test_a_value_that_is_not_a_number_is_an_error_on_either_side(
    verdict_on, make_result, make_baseline, gate
):
    """Also where it is the champion's or the baseline's: nothing may slip through as unsettled."""
    sound, broken = [1.0] * 50, [math.nan] + [1.0] * 49
    langs = ["de"] * 50
    for before, after in ((sound, broken), (broken, sound)):
        champion = make_result(before, model="champ", weights="old", langs=langs)

        verdict = verdict_on(
            gate,
            make_result(after, langs=langs),
            make_baseline(before, langs=langs),
            results=[champion],
        )

        assert (verdict.outcome, verdict.failed) == ("error", True)
        assert "is not a number" in verdict.line


# Waivers.


def waiver(until, gate="regression-recall@10"):
    return Waiver(gate, "minilm", "re-chunked corpus", until)


@pytest.fixture
def regressed(make_baseline, make_result, moved):
    """A result that lost 40 of 1,000 queries, and its baseline."""
    before, after = moved(40, 0)
    return make_result(after), make_baseline(before)


@pytest.mark.parametrize("until", ["2026-11-23", "2026-11-24", "2027-11-23"])
def test_a_waiver_holds_up_to_and_on_its_last_day(verdict_on, regressed, until):
    """Today is the 23rd. The outcome stays what it is; nothing fails."""
    verdict = verdict_on(REGRESSION, *regressed, waivers=[waiver(until)])

    assert (verdict.outcome, verdict.breached, verdict.failed) == ("regressed", True, False)
    assert verdict.waived == f"re-chunked corpus (until {until})"


def test_a_waiver_that_has_ended_is_told_and_waives_nothing(verdict_on, regressed):
    verdict = verdict_on(REGRESSION, *regressed, waivers=[waiver("2026-11-22")])

    assert (verdict.waived, verdict.failed) == ("", True)
    assert verdict.line.endswith("; its waiver ended on 2026-11-22")


def test_of_several_waivers_the_one_that_ends_last_counts(verdict_on, regressed):
    both = [waiver("2026-12-31"), waiver("2026-01-31")]

    assert verdict_on(REGRESSION, *regressed, waivers=both).waived.endswith("2026-12-31)")


def test_a_gate_that_is_met_needs_no_waiver(verdict_on, make_result, make_baseline):
    result, known = make_result([1.0] * 500), make_baseline([1.0] * 500)
    for until in ("2026-12-31", "2026-01-31"):
        verdict = verdict_on(REGRESSION, result, known, waivers=[waiver(until)])

        assert (verdict.outcome, verdict.waived) == ("pass", "")
        assert "waiver" not in verdict.line


def test_a_waiver_is_for_one_gate(verdict_on, regressed):
    """`regression-recall@10-warn` is another gate."""
    gate = replace(REGRESSION, severity="warn")

    verdict = verdict_on(gate, *regressed, waivers=[waiver("2027-01-01", gate.name)])

    assert verdict.waived
    with pytest.raises(SuiteError, match="which is not in gates"):
        verdict_on(gate, *regressed, waivers=[waiver("2027-01-01")])


def test_a_release_knows_no_waivers(verdict_on, regressed):
    verdict = verdict_on(REGRESSION, *regressed, waivers=[waiver("2027-01-01")], release=True)

    assert (verdict.waived, verdict.failed) == ("", True)


def test_errors_and_limited_results_cannot_be_waived(verdict_on, make_result, make_baseline):
    """Nobody knows what would be accepted."""
    known = make_baseline([1.0] * 50)
    broken, limited = make_result([math.nan] * 50), make_result([1.0] * 50, limit=50)

    for result, outcome in ((broken, "error"), (limited, "incomplete")):
        verdict = verdict_on(REGRESSION, result, known, waivers=[waiver("2027-01-01")])

        assert (verdict.outcome, verdict.waived, verdict.failed) == (outcome, "", True)


@pytest.mark.parametrize("change", [{}, {"corpus": "another"}], ids=["no-baseline", "stale"])
def test_what_has_nothing_to_be_compared_with_may_be_waived(
    verdict_on, make_result, make_baseline, change
):
    known = make_baseline([1.0] * 50) if change else None
    result = make_result([1.0] * 50, **change)

    verdict = verdict_on(REGRESSION, result, known, waivers=[waiver("2027-01-01")])

    assert verdict.outcome == ("stale" if change else "no-baseline")
    assert (bool(verdict.waived), verdict.failed) == (True, False)
