"""The status of a session is the worst of what happened."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.errors import DataError
from benchharness.gate import Gate
from benchharness.report.model import Failure, Report, status_of, tally, word_of

LOW, HIGH = Gate.floor("recall@10", 0.5), Gate.floor("recall@10", 0.9)
WARNS = Gate.floor("recall@10", 0.9, severity="warn")
FAILURE = Failure("faq", "minilm", "data-error", "line 214 is not JSON")


@pytest.mark.parametrize(
    ("gates", "limit", "status"),
    [
        ((), None, "pass"),
        ((LOW,), None, "pass"),
        ((LOW, HIGH), None, "fail"),
        ((LOW, WARNS), None, "pass"),
        ((), 10, "incomplete"),
        ((LOW,), 10, "incomplete"),
        ((WARNS,), 10, "incomplete"),
    ],
)
def test_gates_set_the_status(assess, gates, limit, status):
    """Severity error fails, a warning does not, a limited result is never a pass."""
    assert status_of([assess(gates=gates, limit=limit)]) == status


def test_empty_report_is_not_a_pass():
    """Nothing measured, nothing passed."""
    assert Report.of([]).status == "no-suites"
    assert Report().status == "no-suites"
    assert not Report.of([]).complete


@pytest.mark.parametrize(
    ("failures", "ended", "status"),
    [
        ((FAILURE,), "", "data-error"),
        ((FAILURE, Failure("a", "b", "model-error", "m")), "", "data-error"),
        ((FAILURE, Failure("a", "b", "internal-error", "m")), "", "internal-error"),
        ((FAILURE,), "interrupted", "interrupted"),
        ((FAILURE, Failure("a", "b", "internal-error", "m")), "interrupted", "internal-error"),
        ((), "interrupted", "interrupted"),
    ],
)
def test_failures_are_worse_than_gates(assess, failures, ended, status):
    """internal-error, interrupted, the first failure's status, then the gates."""
    assert status_of([assess(gates=[HIGH])], failures, ended=ended) == status


def test_gate_without_a_number_is_an_error(assess):
    """NaN is neither a pass nor a plain fail."""
    broken = assess(hits=[float("nan"), 1.0], gates=[LOW, HIGH])

    assert status_of([broken]) == "error"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["pass", "fail", "warn", "limited"]), min_size=1, max_size=6))
def test_status_passes_only_where_all_pass(assess, kinds):
    """A pass means that nothing failed and nothing was limited, in any order."""
    made = {
        "pass": {"gates": [LOW]},
        "fail": {"gates": [HIGH]},
        "warn": {"gates": [WARNS]},
        "limited": {"limit": 10},
    }
    status = status_of([assess(**made[kind]) for kind in kinds])

    if "fail" in kinds:
        assert status == "fail"
    else:
        assert status == ("incomplete" if "limited" in kinds else "pass")


@pytest.mark.parametrize(
    ("fields", "complete"),
    [
        ({}, True),
        ({"selection": {"collected": 5, "selected": 5, "deselected": 0}}, True),
        ({"selection": {"deselected": 1}}, False),
        ({"selection": {"not run": 2}}, False),
        ({"failures": [FAILURE]}, False),
        ({"ended": "interrupted"}, False),
    ],
)
def test_complete_means_that_nothing_was_left_out(assess, fields, complete):
    """Deselected or unrun items, failures and interrupts leave a report incomplete."""
    assert Report.of([assess()], **fields).complete is complete


def test_limited_report_is_not_complete(assess):
    """Some queries are not the suite."""
    assert not Report.of([assess(limit=5)]).complete


def test_failure_keeps_where_and_remedy():
    """Everything that a user needs to mend it."""
    error = DataError("line 214 is not JSON", where="corpus.jsonl:214", remedy="mend it")

    failure = Failure.of("faq", "", error)

    assert failure == Failure(
        "faq", "", "data-error", "line 214 is not JSON", "corpus.jsonl:214", "mend it"
    )


@pytest.mark.parametrize(
    ("gates", "limit", "words"),
    [
        ((), None, "no gate"),
        ((LOW,), None, "pass"),
        ((HIGH,), None, "FAIL"),
        ((WARNS,), None, "warn"),
        ((LOW, WARNS), None, "1 warn, 1 pass"),
        ((HIGH, WARNS, Gate.floor("ndcg@10", 0.1)), None, "1 FAIL, 1 warn, 1 pass"),
        ((LOW,), 10, "INCOMPLETE"),
    ],
)
def test_tally_names_the_worst_first(assess, gates, limit, words):
    """A warned gate never prints as a pass."""
    assert tally(assess(gates=gates, limit=limit).verdicts) == words


def test_only_a_pass_is_printed_as_one(assess):
    """Every other outcome has another word, in capitals where it fails the test."""
    verdict = assess(gates=[WARNS], limit=10).verdicts[0]

    assert word_of(verdict) == "incomplete"
    assert word_of(replace(verdict, severity="error")) == "INCOMPLETE"
