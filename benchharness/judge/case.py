"""`Case`: everything that a gate may ask for while it is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from benchharness.judge.numbers import format_count, format_value
from benchharness.judge.policy import Policy
from benchharness.judge.verdict import Estimate, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchharness.baseline.record import Baseline
    from benchharness.evaluation.result import Result
    from benchharness.evaluation.throughput import RelativeSpeed
    from benchharness.gate import Gate
    from benchharness.suite import Suite


class References(Protocol):
    """What a result is held against; each is read or measured when it is first asked for.

    All raise the BenchError that stands in the way; the gate is then an error.
    """

    def baseline(self, suite: str, model: str) -> Baseline | None:
        """The committed result; None where there is none."""
        ...

    def baseline_place(self, suite: str, model: str) -> str:
        """Where it is, or would be."""
        ...

    def measured(self, model: str) -> Result:
        """Another model's result on the case's own suite."""
        ...

    def guarded(self, suite: str, model: str) -> Result:
        """A model's result on another suite, found by its name."""
        ...

    def speed(self, model: str, against: str, limit: float) -> RelativeSpeed:
        """The throughput of a model, relative to another's on the same documents."""
        ...


@dataclass(frozen=True, eq=False)
class Case:
    """A result before its gates.

    estimates: measure (spelled `recall@10`) -> Estimate of the result.
    """

    suite: Suite
    result: Result
    estimates: Mapping[str, Estimate]
    references: References
    policy: Policy = Policy()  # noqa: RUF009 -- frozen; tests give their own day

    def verdict(
        self, gate: Gate, outcome: str, line: str, *, value: float, advice: str = ""
    ) -> Verdict:
        """A verdict with the severity that the policy gives its outcome."""
        inconclusive = getattr(gate, "inconclusive", None)
        return Verdict(
            gate=gate.name,
            suite=self.result.suite,
            model=self.result.model,
            outcome=outcome,
            severity=self.policy.severity(outcome, gate.severity, inconclusive),
            value=value,
            line=line,
            advice=advice,
            measure=gate.measure,
        )

    def unfit(self, gate: Gate) -> Verdict | None:
        """The verdict on a measure that cannot be judged: "error" or "incomplete"; else None."""
        found = self.estimates.get(gate.measure)
        if found is None or not math.isfinite(found.value):
            what = "was not measured" if found is None else "is not a number"
            return self.verdict(
                gate,
                "error",
                f"{gate.measure} {what}: there is nothing to judge",
                value=math.nan,
                advice="look for a query whose value is not finite in per_query.jsonl",
            )
        if self.result.limit is None:
            return None
        queries = format_count(found.n, "query", "queries")
        return self.verdict(
            gate,
            "incomplete",
            f"{gate.measure} {format_value(found.value)} on {queries} only: "
            f"{gate.name} holds for the whole suite",
            value=found.value,
            advice="measure all queries, without a limit",
        )

    def with_waiver(self, gate: Gate, verdict: Verdict) -> Verdict:
        """The verdict as the suite's waiver leaves it; errors and updates are not waived."""
        waiver = self.suite.waiver_of(gate, self.result.model)
        is_fixed = verdict.outcome in ("error", "incomplete") or verdict.updated
        if waiver is None or not verdict.breached or is_fixed or self.policy.release:
            return verdict
        if waiver.holds(self.policy.today):
            return replace(verdict, waived=f"{waiver.reason} (until {waiver.until})")
        return replace(verdict, line=f"{verdict.line}; its waiver ended on {waiver.until}")
