"""Floors: point estimate or lower end, what never passes, and what the sentence says."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchharness.errors import SuiteError
from benchharness.gate import Gate
from benchharness.judge.gates import judge
from benchharness.judge.statistics import estimate
from benchharness.judge.verdict import Estimate


def _estimates(value, ci95=(0.638, 0.696), n=1000, **fields):
    return {"recall@10": Estimate(value, ci95, n, "wilson", **fields)}


@pytest.mark.parametrize(
    ("value", "minimum", "bound", "outcome", "line"),
    [
        (0.6672, 0.55, "value", "pass", "recall@10 0.6672 [0.638, 0.696] is above the floor 0.55"),
        (
            0.6287, 0.65, "value", "fail",
            "recall@10 0.6287 [0.638, 0.696] is below the floor 0.65 by 0.0213",
        ),
        (
            0.6672, 0.65, "value", "pass",
            "recall@10 0.6672 [0.638, 0.696] is above the floor 0.65, but its interval reaches "
            "below it",
        ),
        (
            0.65, 0.65, "value", "pass",
            "recall@10 0.6500 [0.638, 0.696] is at the floor 0.65, but its interval reaches "
            "below it",
        ),
        (
            0.6672, 0.65, "lower", "fail",
            "recall@10 0.6672 [0.638, 0.696]: its lower end is below the floor 0.65 by 0.0120",
        ),
        (
            0.6672, 0.55, "lower", "pass",
            "recall@10 0.6672 [0.638, 0.696]: its lower end is above the floor 0.55",
        ),
        (
            0.64996, 0.65, "value", "fail",
            "recall@10 0.64996 [0.638, 0.696] is below the floor 0.65 by 0.00004",
        ),
    ],
)  # fmt: skip
def test_floor_says_its_verdict_in_one_sentence(
    make_result, make_case, value, minimum, bound, outcome, line
):
    """Value, interval, floor and distance, in numbers that agree with the verdict."""
    gate = Gate.floor("recall@10", minimum, bound=bound)

    verdict = judge(gate, make_case(make_result([1.0]), _estimates(value)))

    assert (verdict.outcome, verdict.line) == (outcome, line)
    assert bool(verdict.advice) == (outcome == "fail")


@pytest.mark.parametrize(
    ("off", "outcome"), [(-1e-13, "pass"), (-1e-11, "fail"), (0, "pass"), (1e-13, "pass")]
)
def test_last_bits_of_a_sum_do_not_breach_a_floor(make_result, make_case, off, outcome):
    """A value within 1e-12 of the floor reaches it."""
    case = make_case(make_result([1.0]), _estimates(0.65 + off))

    verdict = judge(Gate.floor("recall@10", 0.65), case)

    assert verdict.outcome == outcome


def test_limited_result_never_passes(make_result, make_case):
    """A limit measured some queries: a floor for all of them is not judged on these."""
    result = make_result([1.0] * 100, limit=100)

    verdict = judge(Gate.floor("recall@10", 0.1), make_case(result))

    assert verdict.outcome == "incomplete"
    assert verdict.breached
    assert "100 queries only" in verdict.line


def test_value_that_is_not_a_number_is_an_error(make_result, make_case):
    """NaN compares false with everything; it must not slip through as "not below"."""
    estimates = {"recall@10": estimate([math.nan, 1.0])}

    verdict = judge(Gate.floor("recall@10", 0.0), make_case(make_result([1.0]), estimates))

    assert verdict.outcome == "error"
    assert verdict.line.startswith("recall@10 is not a number")


def test_measure_that_is_missing_is_an_error(make_result, make_case):
    """A floor on what was not measured does not pass."""
    verdict = judge(Gate.floor("mrr@10", 0.5), make_case(make_result([1.0])))

    assert verdict.outcome == "error"
    assert "mrr@10 was not measured" in verdict.line


def test_verdict_carries_what_reports_need(make_result, make_case):
    """Name, suite, model, severity and both numbers."""
    gate = Gate.floor("recall@10", 0.7, severity="warn")

    verdict = judge(gate, make_case(make_result([1.0]), _estimates(0.6672)))

    assert verdict.gate == "floor-recall@10-warn"
    assert (verdict.suite, verdict.model) == ("faq", "minilm")
    assert (verdict.severity, verdict.outcome) == ("warn", "fail")
    assert (verdict.value, verdict.minimum) == (0.6672, 0.7)


def test_ceiling_is_named_where_it_explains_a_breach(make_result, make_case):
    """A reader of a failed floor learns that no ranker gets beyond the ceiling."""
    estimates = _estimates(0.5, (0.45, 0.55), ceiling=0.6146)

    verdict = judge(Gate.floor("recall@10", 0.6), make_case(make_result([1.0]), estimates))

    assert "no ranker gets beyond 0.6146" in verdict.advice


def test_kind_of_gate_without_a_judge_is_a_suite_error(make_result, make_case):
    """A gate that nothing judges is never a pass."""
    with pytest.raises(SuiteError, match="nothing judges gates of the kind Gate"):
        judge(Gate("recall@10"), make_case(make_result([1.0])))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=50),
    st.integers(0, 100).map(lambda number: number / 100),
    st.sampled_from(["value", "lower"]),
)
def test_floor_is_the_comparison_that_it_says(make_result, make_case, values, minimum, bound):
    """Passes exactly where the judged number reaches the floor, and the words agree."""
    found = estimate(values)
    gate = Gate.floor("recall@10", minimum, bound=bound)

    verdict = judge(gate, make_case(make_result(values)))

    judged = found.value if bound == "value" else found.ci95[0]
    assert verdict.outcome == ("pass" if judged >= minimum - 1e-12 else "fail")
    assert ("is below the floor" in verdict.line) == (verdict.outcome == "fail")
    assert np.isclose(verdict.value, np.mean(values))
