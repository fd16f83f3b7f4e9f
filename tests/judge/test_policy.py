"""What an outcome does that is not met: fail, warn, or nothing."""

import datetime

import pytest

from benchharness.judge.policy import Policy


@pytest.mark.parametrize("outcome", ["fail", "regressed", "stale", "incomplete", "error"])
def test_a_breach_fails_unless_its_gate_only_warns(outcome):
    """No option of the session makes these less."""
    lenient = Policy(inconclusive="pass", missing="warn")

    assert lenient.severity(outcome, "error", "pass") == "error"
    assert lenient.severity(outcome, "warn", "pass") == "warn"


@pytest.mark.parametrize(
    ("session", "gate", "severity"),
    [
        (None, None, "warn"),
        (None, "fail", "error"),
        (None, "pass", "note"),
        ("fail", None, "error"),
        ("fail", "pass", "error"),
        ("pass", "fail", "note"),
        ("warn", "fail", "warn"),
    ],
)
def test_inconclusive_does_what_the_session_says_else_the_gate_else_it_warns(
    session, gate, severity
):
    policy = Policy(inconclusive=session)

    assert policy.severity("inconclusive", "error", gate) == severity


@pytest.mark.parametrize(("missing", "severity"), [("fail", "error"), ("warn", "warn")])
def test_a_missing_baseline_does_what_the_session_says(missing, severity):
    assert Policy(missing=missing).severity("no-baseline", "error", "pass") == severity


@pytest.mark.parametrize("outcome", ["inconclusive", "no-baseline"])
def test_a_gate_that_only_warns_never_fails(outcome):
    policy = Policy(inconclusive="fail", missing="fail")

    assert policy.severity(outcome, "warn", "fail") == "warn"


@pytest.mark.parametrize("outcome", ["fail", "stale", "inconclusive", "no-baseline", "incomplete"])
def test_a_release_fails_whatever_is_not_met(outcome):
    policy = Policy(inconclusive="pass", missing="warn", release=True)

    assert policy.severity(outcome, "warn", "pass") == "error"


def test_missing_fails_and_nothing_is_updated_by_default():
    policy = Policy()

    assert (policy.missing, policy.update, policy.release) == ("fail", None, False)
    assert policy.today == datetime.date.today()


def test_the_update_command_is_what_was_typed_with_the_mode_and_a_place_for_the_reason():
    policy = Policy(command="pytest suites/suite_faq.py -k minilm")

    assert policy.update_command("missing", reason=False) == (
        "pytest suites/suite_faq.py -k minilm --bench-update=missing"
    )
    assert policy.update_command("changed", reason=True) == (
        'pytest suites/suite_faq.py -k minilm --bench-update=changed --bench-reason "WHY"'
    )
