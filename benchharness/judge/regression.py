"""The judges of gates that compare: regression, champion and challenger, guard."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from benchharness.baseline.record import Baseline
from benchharness.baseline.update import plan
from benchharness.errors import DataError
from benchharness.judge.comparison import Compared, compare
from benchharness.judge.noise import below_noise
from benchharness.judge.numbers import (
    format_count,
    format_delta,
    format_interval,
    format_move,
    format_threshold,
    format_value,
)
from benchharness.judge.power import OUT_OF_REACH, queries_to_settle

if TYPE_CHECKING:
    from benchharness.evaluation.result import Result
    from benchharness.gate import BeatsGate, ComparisonGate, GuardGate, RegressionGate
    from benchharness.judge.case import Case
    from benchharness.judge.verdict import Verdict


def judge_regression(gate: RegressionGate, case: Case) -> Verdict:
    """Whether the measure dropped by the margin since the baseline, or against a champion."""
    unfit = case.unfit(gate)
    if unfit is not None:
        return unfit
    return _judged(gate, case, case.result)


def judge_beats(gate: BeatsGate, case: Case) -> Verdict:
    """Whether the challenger is better than its champion: "improved", else not met."""
    unfit = case.unfit(gate)
    if unfit is not None:
        return unfit
    verdict = _judged(gate, case, case.result)
    if verdict.outcome != "identical":
        return verdict
    line = f"{gate.against} is the same model: it beats nothing"
    severity = case.policy.severity("fail", gate.severity, gate.inconclusive)
    return replace(verdict, outcome="fail", line=line, severity=severity)


def judge_guard(gate: GuardGate, case: Case) -> Verdict:
    """Whether the model lost on another suite, as a regression gate there would say."""
    if case.result.limit is not None:
        line = f"{gate.suite} was not measured: a limit keeps queries from being judged"
        return case.verdict(gate, "incomplete", line, value=math.nan)
    elsewhere = case.references.guarded(gate.suite, case.result.model)
    verdict = _judged(gate, case, elsewhere)
    return replace(verdict, line=f"on {gate.suite}: {verdict.line}")


def _judged(gate: ComparisonGate, case: Case, result: Result) -> Verdict:
    """The verdict on a result, compared with its baseline or with the gate's champion."""
    value = _value(result, gate.measure)
    if not math.isfinite(value):
        line = f"{gate.measure} was not measured, or is not a number"
        return case.verdict(gate, "error", line, value=value)
    before = reference_of(gate, case, result)
    if before is None:
        return missing(gate, case, result, value)
    if gate.measure not in before.values:
        return unknown_measure(gate, case, result, before, value)
    noisy = too_noisy(gate, case, before, value)
    if noisy is not None:
        return noisy
    margin = gate.margin or 0.0
    compared = compare(before, result, gate.measure, margin=margin, alpha=gate.alpha)
    return verdict_on(gate, case, result, compared, value, margin)


def too_noisy(gate: ComparisonGate, case: Case, before: Baseline, value: float) -> Verdict | None:
    """The verdict "error" where the margin is not above the noise of the baseline; else None."""
    line = below_noise(gate.margin or 0.0, before.noise.get(gate.measure, 0.0))
    if not line:
        return None
    advice = "raise the margin, or find what is unstable: benchharness noise"
    return case.verdict(gate, "error", line, value=value, advice=advice)


def verdict_on(
    gate: ComparisonGate,
    case: Case,
    result: Result,
    compared: Compared,
    value: float,
    margin: float,
    about: str = "",
) -> Verdict:
    """The verdict on a comparison; `about` names a slice in front of its line."""
    verdict = case.verdict(
        gate,
        compared.outcome,
        about + line_of(gate.measure, compared, margin),
        value=value,
        advice=_advice(gate, case, result, compared, margin),
    )
    found = compared.found
    verdict = replace(
        verdict,
        delta=found.delta if found else None,
        ci90=compared.ci90,
        margin=margin,
        mde=compared.mde,
        comparison=compared.comparison,
    )
    return as_updated(gate, case, result, verdict)


def reference_of(gate: ComparisonGate, case: Case, result: Result) -> Baseline | None:
    """What the gate compares the result with; None where there is no baseline."""
    references = case.references
    if gate.against is None:
        return _committed(case, result)
    if result is case.result:
        champion = references.measured(gate.against)
    else:
        champion = references.guarded(result.suite, gate.against)
    return Baseline.of(champion, f"{gate.against} in this session")


def _committed(case: Case, result: Result) -> Baseline | None:
    """The baseline; None where there is none, or a damaged one that this session writes anew."""
    try:
        return case.references.baseline(result.suite, result.model)
    except DataError:
        if case.policy.update == "all" and result is case.result:
            return None
        raise


def missing(gate: ComparisonGate, case: Case, result: Result, value: float) -> Verdict:
    """The verdict "no-baseline"."""
    place = case.references.baseline_place(result.suite, result.model)
    verdict = case.verdict(
        gate,
        "no-baseline",
        f"{gate.measure} {format_value(value)} has nothing to be compared with: "
        f"there is no {place}",
        value=value,
        advice=case.policy.update_command("missing", reason=False),
    )
    return as_updated(gate, case, result, replace(verdict, margin=gate.margin))


def unknown_measure(
    gate: ComparisonGate, case: Case, result: Result, before: Baseline, value: float
) -> Verdict:
    """The verdict "no-baseline" where there is one, but without the measure."""
    verdict = case.verdict(
        gate,
        "no-baseline",
        f"{before.place} does not know {gate.measure}; it has {', '.join(sorted(before.values))}",
        value=value,
        advice=update_advice(case, result),
    )
    return as_updated(gate, case, result, replace(verdict, margin=gate.margin))


def as_updated(gate: ComparisonGate, case: Case, result: Result, verdict: Verdict) -> Verdict:
    """The verdict of a session that writes the baseline anew: told, and judged by nobody."""
    policy = case.policy
    is_own = gate.against is None and result is case.result
    if policy.update is None or not is_own or not verdict.breached:
        return verdict
    before = _committed(case, result)
    found = plan(before, result, mode=policy.update, reason=policy.reason, today=policy.today)
    if found.action == "write":
        return replace(verdict, severity="note", updated=True, advice="the baseline is updated")
    if found.action == "refuse" and found.worse:
        return replace(verdict, advice='values got worse: say why with --bench-reason "WHY"')
    return verdict


def line_of(measure: str, compared: Compared, margin: float) -> str:
    """The comparison in one sentence, its numbers on the side where the outcome puts them."""
    found, comparison = compared.found, compared.comparison
    counts = _counts(compared)
    if found is None:
        return f"{compared.why}{counts}"
    against = (0.0, -margin) if margin else (0.0,)
    shown = (
        f"{measure} {format_move(comparison.before, comparison.after)}, "
        f"{format_delta(found.delta, against)} {format_interval(found.interval, against)}"
    )
    allowed = format_threshold(margin)
    says = {
        "identical": "the same model",
        "improved": "better",
        "pass": f"no loss of {allowed} or more",
        "regressed": f"worse, by at least the margin {allowed}" if margin else "worse",
        "inconclusive": _unsettled(compared, margin),
        "stale": compared.why,
        "error": compared.why,
    }
    return f"{shown}: {says[compared.outcome]}{counts}"


def _unsettled(compared: Compared, margin: float) -> str:
    found = compared.found
    assert found is not None  # noqa: S101 -- narrows the type
    needed = queries_to_settle(found.n, *found.interval, found.delta, margin)
    shows = f"{format_count(found.n, 'query', 'queries')} show differences of {compared.mde:.3f}"
    if needed is None or needed > OUT_OF_REACH * found.n:
        return f"not settled, and not with this suite; {shows}"
    return f"not settled; {shows}, about {format_count(needed)} queries would settle this one"


def _counts(compared: Compared) -> str:
    """`; won 12, lost 33, tied 955; 5 queries added`."""
    one = compared.comparison
    words = []
    if compared.found is not None:
        words.append(f"won {one.won}, lost {one.lost}, tied {one.tied}")
    edited = [("added", one.added), ("removed", one.removed), ("changed", one.changed)]
    words += [f"{format_count(n, 'query', 'queries')} {what}" for what, n in edited if n]
    return "".join(f"; {word}" for word in words)


def _advice(
    gate: ComparisonGate, case: Case, result: Result, compared: Compared, margin: float
) -> str:
    outcome = compared.outcome
    if outcome == "stale" and gate.against is None:
        return update_advice(case, result)
    if outcome == "regressed" or (outcome == "error" and compared.found is not None):
        look = "look at the lost queries in changes.jsonl"
        meant = f"; if this is meant: {update_advice(case, result)}" if not gate.against else ""
        return look + meant
    if outcome == "inconclusive":
        return "judge more queries, or allow a wider margin" if margin else "judge more queries"
    return ""


def update_advice(case: Case, result: Result) -> str:
    """The command that writes the baseline anew; with a reason where a mean would fall."""
    before = _committed(case, result)
    worse = plan(before, result, mode="all", reason="-", today=case.policy.today).worse
    return case.policy.update_command("changed", reason=bool(worse))


def _value(result: Result, measure: str) -> float:
    values = result.values.get(measure)
    if values is None or not len(values):
        return math.nan
    return math.fsum(values.tolist()) / len(values)
