"""Gates held against a result: `judge` finds the judge of each kind of gate.

A further kind of gate registers its judge with `@judge.register(KindOfGate)`.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING

from benchharness.errors import SuiteError
from benchharness.judge.numbers import (
    format_count,
    format_gap,
    format_interval,
    format_threshold,
    format_value,
    order,
)
from benchharness.judge.verdict import Estimate, Verdict
from benchharness.measures import parse_measure
from benchharness.suite import FloorGate, Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchharness.evaluation.result import Result


# In the line of a floor that the value clears and its interval does not.
NARROW = "but its interval reaches below it"


@singledispatch
def judge(
    gate: Gate,
    result: Result,  # noqa: ARG001  # what the judges of each kind are given
    estimates: Mapping[str, Estimate],  # noqa: ARG001
) -> Verdict:
    """The verdict of the gate on the result, by the judge of its kind.

    estimates: measure (spelled `recall@10`) -> Estimate of the same result.
    Raises SuiteError for a kind of gate that has no judge.
    """
    raise SuiteError(
        f"gate {gate.name}: nothing judges gates of the kind {type(gate).__name__}",
        remedy="make gates with the methods of Gate, such as Gate.floor('recall@10', 0.65)",
    )


@judge.register(FloorGate)
def judge_floor(gate: FloorGate, result: Result, estimates: Mapping[str, Estimate]) -> Verdict:
    """Whether the measure reaches the floor, by its value or by the lower end of its interval.

    A value within 1e-12 of the floor reaches it. A limited result is "incomplete" and a value
    that is not finite is "error": neither ever passes.
    """
    measure = str(parse_measure(gate.measure))
    found = estimates.get(measure)
    if found is None or not math.isfinite(found.value):
        what = "was not measured" if found is None else "is not a number"
        return _verdict(
            gate,
            result,
            value=math.nan,
            outcome="error",
            line=f"{measure} {what}: nothing to hold against the floor "
            f"{format_threshold(gate.minimum)}",
            advice="look for a query whose value is not finite in per_query.jsonl",
        )
    if result.limit is not None:
        queries = format_count(found.n, "query", "queries")
        line = (
            f"{_shown(measure, found, gate.minimum)} on {queries} only: the floor "
            f"{format_threshold(gate.minimum)} holds for the whole suite"
        )
        advice = "measure all queries, without a limit"
        return _verdict(
            gate, result, value=found.value, outcome="incomplete", line=line, advice=advice
        )
    judged = found.value if gate.bound == "value" else found.ci95[0]
    side = order(judged, gate.minimum)
    return _verdict(
        gate,
        result,
        value=found.value,
        outcome="pass" if side >= 0 else "fail",
        line=_line(gate, measure, found, side),
        advice="" if side >= 0 else _advice(gate, found),
    )


def _line(gate: FloorGate, measure: str, found: Estimate, side: int) -> str:
    floor = format_threshold(gate.minimum)
    shown = _shown(measure, found, gate.minimum)
    subject = "" if gate.bound == "value" else ": its lower end"
    if side == 0:
        place = f"is at the floor {floor}"
    elif side > 0:
        place = f"is above the floor {floor}"
    else:
        low = found.value if gate.bound == "value" else found.ci95[0]
        gap = format_gap(format_value(low, (gate.minimum,)), floor)
        place = f"is below the floor {floor} by {gap}"
    reaches_below = order(found.ci95[0], gate.minimum) < 0
    caveat = f", {NARROW}" if side >= 0 and reaches_below else ""
    return f"{shown}{subject} {place}{caveat}"


def _shown(measure: str, found: Estimate, minimum: float) -> str:
    against = (minimum,)
    return f"{measure} {format_value(found.value, against)} {format_interval(found.ci95, against)}"


def _advice(gate: FloorGate, found: Estimate) -> str:
    if gate.bound == "lower" and order(found.value, gate.minimum) >= 0:
        return "the value itself reaches the floor: more judged queries would narrow the interval"
    if found.ceiling is not None and found.ceiling < 1:
        ceiling = format_value(found.ceiling, (gate.minimum, 1.0))
        return f"no ranker gets beyond {ceiling} here: check the floor, then the lost queries"
    return "look at the lost queries in per_query.jsonl; if this level is meant, lower the floor"


def _verdict(
    gate: FloorGate, result: Result, *, value: float, outcome: str, line: str, advice: str
) -> Verdict:
    return Verdict(
        gate=gate.name,
        suite=result.suite,
        model=result.model,
        outcome=outcome,
        severity=gate.severity,
        value=value,
        line=line,
        advice=advice,
        minimum=gate.minimum,
    )
