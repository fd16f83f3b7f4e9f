"""The judge of floors: whether a measure reaches its minimum."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchharness.judge.numbers import (
    format_gap,
    format_interval,
    format_threshold,
    format_value,
    order,
)

if TYPE_CHECKING:
    from benchharness.gate import FloorGate
    from benchharness.judge.case import Case
    from benchharness.judge.verdict import Estimate, Verdict

# In the line of a floor that the value clears and its interval does not.
NARROW = "but its interval reaches below it"


def judge_floor(gate: FloorGate, case: Case) -> Verdict:
    """Whether the measure reaches the floor, by its value or by the lower end of its interval.

    A value within 1e-12 of the floor reaches it. A limited result is "incomplete" and a value
    that is not finite is "error": neither ever passes.
    """
    unfit = case.unfit(gate)
    if unfit is not None:
        return replace(unfit, minimum=gate.minimum)
    found = case.estimates[gate.measure]
    judged = found.value if gate.bound == "value" else found.ci95[0]
    side = order(judged, gate.minimum)
    verdict = case.verdict(
        gate,
        "pass" if side >= 0 else "fail",
        _line(gate, found, side),
        value=found.value,
        advice="" if side >= 0 else _advice(gate, found),
    )
    return replace(verdict, minimum=gate.minimum)


def _line(gate: FloorGate, found: Estimate, side: int) -> str:
    floor = format_threshold(gate.minimum)
    shown = _shown(gate.measure, found, gate.minimum)
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
