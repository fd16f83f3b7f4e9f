"""A suite's gates, judged on the served model with the local one in place of its baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.baseline.record import Baseline
from benchharness.errors import UsageError
from benchharness.evaluation.result import Result
from benchharness.gate import CostGate, Gate, GuardGate, RegressionGate, SliceGate
from benchharness.judge.case import Case
from benchharness.judge.comparison import flips_allowed
from benchharness.judge.gates import judge
from benchharness.judge.numbers import TOLERANCE
from benchharness.judge.policy import Policy
from benchharness.judge.statistics import estimate
from benchharness.suite_file import find_suite

if TYPE_CHECKING:
    from benchharness.evaluation.throughput import RelativeSpeed
    from benchharness.judge.bench import Bench
    from benchharness.judge.verdict import Verdict
    from benchharness.suite import Suite

# Measures a model on a suite whose relative paths start at the folder.
Measured = Callable[["Suite", Path], Result]


@dataclass(frozen=True, eq=False)
class Gated:
    """The verdicts, in the suite's order, and the names of gates that are not judged here."""

    verdicts: tuple[Verdict, ...] = ()
    left_out: tuple[str, ...] = ()


def gated(
    suite: Suite, base: Path, local: Result, served: Result, bench: Bench, measured: Measured,
    *, policy: Policy, alike: bool,
) -> Gated:  # fmt: skip
    """The gates that bind the local model, judged on the result of the served one.

    Whatever a gate compares with (its baseline, a champion of a regression gate) is the local
    model; `Gate.beats` keeps its champion. Costs are not judged: those of a server are measured
    under load.

    measured: measures the served model, for guards.
    alike:    whether the vectors of both sides agree; then few flips are near-ties.
    """
    references = _Local(suite, base, local, bench, measured)
    estimates = {
        name: estimate(values, served.ceilings.get(name)) for name, values in served.values.items()
    }
    case = Case(suite, served, estimates, references, policy)
    verdicts, left_out = [], []
    for gate in suite.gates_of(local.model):
        if isinstance(gate, CostGate):
            left_out.append(gate.name)
        else:
            verdict = judge(_against(gate, local.model), case)
            # Of a guard's texts no vector was compared, and a champion is another model.
            is_local = isinstance(gate, RegressionGate | SliceGate)
            verdicts.append(as_identical(verdict) if alike and is_local else verdict)
    left_out += [
        f"{gate.name} (binds {', '.join(gate.models or ())})"
        for gate in suite.gates
        if not gate.binds(local.model)
    ]
    return Gated(tuple(verdicts), tuple(left_out))


def few_flips(won: int, lost: int, n: int, delta: float | None, margin: float) -> bool:
    """Whether so few queries changed, and by so little, that near-ties explain it."""
    return delta is not None and won + lost <= flips_allowed(n) and abs(delta) <= margin + TOLERANCE


def as_identical(verdict: Verdict) -> Verdict:
    """The verdict on vectors that agree: "identical" where only near-ties flipped.

    For gates that compare with the local model: what is no better than a champion stays so.
    """
    one = verdict.comparison
    if one is None or verdict.outcome not in ("pass", "improved", "inconclusive", "regressed"):
        return verdict
    if not few_flips(one.won, one.lost, one.n, verdict.delta, verdict.margin or 0.0):
        return verdict
    return replace(verdict, outcome="identical", advice="")


def _against(gate: Gate, model: str) -> Gate:
    """The gate with the local model in place of what it compares with."""
    if isinstance(gate, RegressionGate | GuardGate):
        return replace(gate, against=model, models=None)
    if isinstance(gate, SliceGate) and gate.margin is not None:
        return replace(gate, against=model, models=None)
    return replace(gate, models=None)


@dataclass(frozen=True, eq=False)
class _Local:
    """What the gates may ask for; see `judge.case.References`."""

    suite: Suite
    base: Path
    local: Result
    bench: Bench
    served: Measured

    def baseline(self, suite: str, model: str) -> Baseline | None:
        del suite, model
        return Baseline.of(self.local, f"{self.local.model}, measured here")

    def baseline_place(self, suite: str, model: str) -> str:
        del suite, model
        return self.local.model

    def measured(self, model: str) -> Result:
        if model == self.local.model:
            return self.local
        return self.bench.measure(self.suite, model, self.base)

    def guarded(self, suite: str, model: str) -> Result:
        found = find_suite(suite, self.base)[0]
        if model == self.local.model:
            return self.bench.measure(found.suite, model, found.path.parent)
        return self.served(found.suite, found.path.parent)

    def speed(self, model: str, against: str, limit: float) -> RelativeSpeed:
        del against, limit
        raise UsageError(f"the speed of {model} is measured under load, not here")
