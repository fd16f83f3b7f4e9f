"""The judge of costs: dimension and size as they are, throughput beside another model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_interval, format_threshold, format_value, order

if TYPE_CHECKING:
    from benchharness.gate import CostGate
    from benchharness.judge.case import Case
    from benchharness.judge.verdict import Verdict


def judge_cost(gate: CostGate, case: Case) -> Verdict:
    """Whether the cost stays within its limit; "inconclusive" where a timing settles nothing."""
    if case.result.limit is not None:
        return case.verdict(gate, "incomplete", "costs are judged without a limit", value=math.nan)
    return _throughput(gate, case) if gate.measure == "throughput" else _size(gate, case)


def _size(gate: CostGate, case: Case) -> Verdict:
    limit = gate.at_most or 0.0
    own = case.result.costs.get(gate.measure, math.nan)
    if not _is_known(own):
        return _unknown(gate, case, case.result.model)
    if gate.against is None:
        value, shown = own, f"{gate.measure} {own:,.15g}"
        allowed = f"{limit:,.15g}"
    else:
        other = case.references.measured(gate.against).costs.get(gate.measure, math.nan)
        if not _is_known(other):
            return _unknown(gate, case, gate.against)
        value = own / other
        shown = (
            f"{gate.measure} {own:,.15g} is {format_value(value, (limit,), 2)} times the "
            f"{other:,.15g} of {gate.against}"
        )
        allowed = f"{format_threshold(limit)} times"
    side = order(value, limit)
    place = "within" if side <= 0 else "above"
    outcome = "pass" if side <= 0 else "fail"
    return case.verdict(gate, outcome, f"{shown}: {place} the limit {allowed}", value=value)


def _throughput(gate: CostGate, case: Case) -> Verdict:
    limit, against = gate.at_least or 0.0, gate.against or ""
    speed = case.references.speed(case.result.model, against, limit)
    low, high = speed.interval
    is_below = order(high, limit) < 0
    outcome = "pass" if order(low, limit) >= 0 else "fail" if is_below else "inconclusive"
    places = {
        "pass": "not below",
        "fail": "below",
        "inconclusive": "and the timings do not settle whether that is below",
    }
    line = (
        f"{format_value(speed.ratio, (limit,), 2)} times the throughput of {against} "
        f"{format_interval(speed.interval, (limit,))}, {places[outcome]} "
        f"{format_threshold(limit)} (the same {speed.texts} documents, {speed.rounds} rounds each)"
    )
    advice = "run it on a quieter machine" if outcome == "inconclusive" else ""
    return case.verdict(gate, outcome, line, value=speed.ratio, advice=advice)


def _is_known(cost: float) -> bool:
    """Whether it is a number that a system can have; weights of 0 bytes were not found."""
    return math.isfinite(cost) and cost > 0


def _unknown(gate: CostGate, case: Case, model: str) -> Verdict:
    return case.verdict(
        gate,
        "error",
        f"{model} does not say its {gate.measure}",
        value=math.nan,
        advice="a model says it by a property `costs`; systems without vectors have none",
    )
