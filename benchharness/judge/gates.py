"""Gates held against a result: `judge` finds the judge of each kind of gate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchharness.errors import BenchError, SuiteError
from benchharness.gate import (
    BeatsGate,
    CostGate,
    FloorGate,
    Gate,
    GuardGate,
    RegressionGate,
    SliceGate,
)
from benchharness.judge.costs import judge_cost
from benchharness.judge.floors import judge_floor
from benchharness.judge.regression import judge_beats, judge_guard, judge_regression
from benchharness.judge.slices import judge_slices

if TYPE_CHECKING:
    from benchharness.judge.case import Case
    from benchharness.judge.verdict import Verdict

# A further kind of gate: a subclass of Gate, its judge, and a line here.
_JUDGES: dict[type[Gate], Callable[[Any, Case], Verdict]] = {
    FloorGate: judge_floor,
    RegressionGate: judge_regression,
    BeatsGate: judge_beats,
    GuardGate: judge_guard,
    SliceGate: judge_slices,
    CostGate: judge_cost,
}


def judge(gate: Gate, case: Case) -> Verdict:
    """The verdict of the gate, by the judge of its kind, after the suite's waivers.

    What keeps a gate from being judged (a damaged baseline, a champion that cannot be opened) is
    the verdict "error", with the message. Raises SuiteError for a kind of gate without a judge.
    """
    judged = _judge_of(gate)
    try:
        verdict = judged(gate, case)
    except BenchError as error:
        line = f"{error.where}: {error.message}" if error.where else error.message
        verdict = case.verdict(gate, "error", line, value=math.nan, advice=error.remedy)
    return case.with_waiver(gate, verdict)


def _judge_of(gate: Gate) -> Callable[[Any, Case], Verdict]:
    """The judge of that kind of gate."""
    found = _JUDGES.get(type(gate))
    if found is None:
        raise SuiteError(
            f"gate {gate.name}: nothing judges gates of the kind {type(gate).__name__}",
            remedy="make gates with the methods of Gate, such as Gate.floor('recall@10', 0.65)",
        )
    return found
