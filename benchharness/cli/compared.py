"""Pairs of results that are compared, and what the gates say of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from benchharness.gate import Gate, RegressionGate
from benchharness.judge.ranking import MARGIN

if TYPE_CHECKING:
    from benchharness.baseline.record import Baseline
    from benchharness.evaluation.result import Result
    from benchharness.judge.policy import Policy
    from benchharness.judge.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Pair:
    """A result and what it is compared with, on one suite."""

    before: Baseline
    after: Result

    @property
    def names(self) -> str:
        """`faq: minilm → minilm@dim=32`; a model's name once where both sides have it."""
        before, after = self.before.model_spec, self.after.model
        return f"{self.after.suite}: " + (after if before == after else f"{before} → {after}")


@dataclass(frozen=True, eq=False)
class Judged:
    """A pair with a verdict for each gate."""

    pair: Pair
    verdicts: tuple[Verdict, ...]


def judged_by(
    pairs: Sequence[Pair], gates: Sequence[RegressionGate], margin: float, policy: Policy
) -> list[Judged]:
    """Each pair with the verdicts of the gates; without gates, of `default_gates`."""
    return [
        Judged(
            pair,
            tuple(verdict_of(gate, pair, policy) for gate in gates or default_gates(pair, margin)),
        )
        for pair in pairs
    ]


def paired(
    before: Sequence[Baseline], after: Sequence[Result]
) -> tuple[list[Pair], list[tuple[str, str]], list[tuple[str, str]]]:
    """The pairs, and (suite, model) of what has no partner, on either side.

    Those of one suite and model are a pair, and so are the only model that each side has on a
    suite, whatever their names.
    """
    models = {(one.suite, one.model_spec): one for one in before}
    pairs: list[Pair] = []
    for result in after:
        own = [one for one in before if one.suite == result.suite]
        is_only = len(own) == 1 and sum(one.suite == result.suite for one in after) == 1
        partner = models.get((result.suite, result.model), own[0] if is_only else None)
        if partner is not None:
            pairs.append(Pair(partner, result))
    used_before = {id(pair.before) for pair in pairs}
    used_after = {id(pair.after) for pair in pairs}
    return (
        pairs,
        [(one.suite, one.model_spec) for one in before if id(one) not in used_before],
        [(one.suite, one.model) for one in after if id(one) not in used_after],
    )


def default_gates(pair: Pair, margin: float = MARGIN) -> tuple[RegressionGate, ...]:
    """The margin on every measure that both sides have; on all where they share none."""
    common = [name for name in pair.after.values if name in pair.before.values]
    return tuple(Gate.regression(name, margin=margin) for name in common or pair.after.values)


def verdict_of(gate: RegressionGate, pair: Pair, policy: Policy) -> Verdict:
    """What the gate says of the pair; "no-baseline" where a side lacks the measure."""
    from benchharness.judge.comparison import compare as compare_results
    from benchharness.judge.noise import below_noise
    from benchharness.judge.regression import line_of
    from benchharness.judge.verdict import Verdict

    before, after, measure = pair.before, pair.after, gate.measure
    margin = gate.margin or 0.0

    def verdict(outcome: str, line: str) -> Verdict:
        return Verdict(
            gate=gate.name,
            suite=after.suite,
            model=after.model,
            outcome=outcome,
            severity=policy.severity(outcome, gate.severity, gate.inconclusive),
            value=_mean(after, measure),
            line=line,
            measure=measure,
            margin=margin,
        )

    for place, has in ((before.place, before.values), (after.model, after.values)):
        if measure not in has:
            line = f"{place} does not know {measure}; it has {', '.join(sorted(has))}"
            return verdict("no-baseline", line)
    drowned = below_noise(margin, before.noise.get(measure, 0.0))
    if drowned:
        return verdict("error", drowned)
    compared = compare_results(before, after, measure, margin=margin, alpha=gate.alpha)
    found = compared.found
    if found is not None and not math.isfinite(found.delta):
        return verdict("error", f"{measure} is not a number on one of the sides")
    return replace(
        verdict(compared.outcome, line_of(measure, compared, margin)),
        delta=found.delta if found is not None else None,
        ci90=compared.ci90,
        mde=compared.mde,
        comparison=compared.comparison,
    )


def content_of(judged: Sequence[Judged]) -> list[dict[str, object]]:
    """All that is known of each pair; the fields of a gate are those of verdict.json."""
    return [
        {
            "suite": one.pair.after.suite,
            "before": {"model": one.pair.before.model_spec, "place": one.pair.before.place},
            "after": {"model": one.pair.after.model},
            "gates": [asdict(verdict) for verdict in one.verdicts],
        }
        for one in judged
    ]


def _mean(result: Result, measure: str) -> float:
    values = result.values.get(measure)
    if values is None or not len(values):
        return math.nan
    return math.fsum(values.tolist()) / len(values)
