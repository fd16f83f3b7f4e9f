"""The judge of slices: no group of queries may fall behind, however good the mean is."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from benchharness.judge.comparison import Compared, compare
from benchharness.judge.numbers import (
    format_count,
    format_interval,
    format_threshold,
    format_value,
    order,
)
from benchharness.judge.regression import (
    as_updated,
    missing,
    reference_of,
    too_noisy,
    unknown_measure,
    update_advice,
    verdict_on,
)
from benchharness.judge.statistics import estimate
from benchharness.judge.verdict import MET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchharness.baseline.record import Baseline
    from benchharness.gate import SliceGate
    from benchharness.judge.case import Case
    from benchharness.judge.verdict import Verdict

# From the worst; of several slices the worst outcome is the gate's.
_RANK = ("error", "regressed", "stale", "inconclusive", "pass", "improved", "identical")


def judge_slices(gate: SliceGate, case: Case) -> Verdict:
    """The verdict on the worst slice of the queries.

    With a margin, slices are those of the baseline, and each is compared at alpha divided by
    their number, so that many slices raise no more false alarms than one. With a minimum, each
    slice's mean is held against it.
    """
    unfit = case.unfit(gate)
    if unfit is not None:
        return unfit
    return _floors(gate, case) if gate.minimum is not None else _drops(gate, case)


def _floors(gate: SliceGate, case: Case) -> Verdict:
    minimum = gate.minimum or 0.0
    sizes = _sizes(gate.by, (fact.groups for fact in case.result.facts))
    judged = [name for name, size in sizes.items() if size >= gate.at_least]
    if not judged:
        return _no_slice(gate, case, sizes)
    values = case.result.values[gate.measure]
    means = {}
    for name in judged:
        rows = [
            row for row, fact in enumerate(case.result.facts) if fact.groups.get(gate.by) == name
        ]
        means[name] = estimate(values[rows])
    worst = min(judged, key=lambda name: (means[name].value, name))
    found = means[worst]
    below = sum(order(one.value, minimum) < 0 for one in means.values())
    shown = (
        f"{gate.measure} {format_value(found.value, (minimum,))} "
        f"{format_interval(found.ci95, (minimum,))}"
    )
    place = "below" if below else "not below"
    line = (
        f"the worst of {format_count(len(judged), 'slice')}, {gate.by} {worst!r} with "
        f"{format_count(found.n, 'query', 'queries')}: {shown} is {place} "
        f"{format_threshold(minimum)}"
        + (f"; {format_count(below, 'slice')} are" if below > 1 else "")
        + _small(sizes, gate)
    )
    verdict = case.verdict(gate, "fail" if below else "pass", line, value=found.value)
    return replace(verdict, minimum=minimum)


def _drops(gate: SliceGate, case: Case) -> Verdict:
    value = case.estimates[gate.measure].value
    before = reference_of(gate, case, case.result)
    if before is None:
        return missing(gate, case, case.result, value)
    if gate.measure not in before.values:
        return unknown_measure(gate, case, case.result, before, value)
    noisy = too_noisy(gate, case, before, value)
    if noisy is not None:
        return noisy
    sizes = _sizes(gate.by, (kept.groups for kept in before.queries.values()))
    judged = [name for name, size in sizes.items() if size >= gate.at_least]
    if not judged:
        return _no_slice_before(gate, case, sizes, before)
    margin = gate.margin or 0.0
    found = {name: _compared(gate, case, before, name, len(judged), margin) for name in judged}
    worst = min(judged, key=lambda name: _badness(found[name], name))
    alike = sum(one.outcome == found[worst].outcome for one in found.values())
    about = f"the worst of {format_count(len(judged), 'slice')}, {gate.by} {worst!r}: "
    verdict = verdict_on(gate, case, case.result, found[worst], value, margin, about)
    more = f"; {alike} slices are {found[worst].outcome}" if _is_many(found[worst], alike) else ""
    return replace(verdict, line=f"{verdict.line}{more}{_small(sizes, gate)}")


def _compared(
    gate: SliceGate, case: Case, before: Baseline, name: str, slices: int, margin: float
) -> Compared:
    return compare(
        before,
        case.result,
        gate.measure,
        margin=margin,
        alpha=gate.alpha / slices,
        within=(gate.by, name),
    )


def _badness(one: Compared, name: str) -> tuple[int, float, str]:
    delta = one.found.delta if one.found is not None else -math.inf
    return (_RANK.index(one.outcome), delta, name)


def _is_many(worst: Compared, alike: int) -> bool:
    return alike > 1 and worst.outcome not in MET


def _sizes(by: str, groups: Iterable[Mapping[str, str]]) -> dict[str, int]:
    """Number of queries by value of the field, in order of the value."""
    counted = Counter(group[by] for group in groups if by in group)
    return dict(sorted(counted.items()))


def _no_slice(gate: SliceGate, case: Case, sizes: Mapping[str, int]) -> Verdict:
    if sizes:
        most = max(sizes.values())
        line = f"no slice by {gate.by} has {gate.at_least} queries; the largest has {most}"
        advice = "lower at_least, or judge more queries"
    else:
        line = f"no query has the metadata {gate.by!r}"
        advice = 'queries.jsonl holds it: {"_id": …, "text": …, "metadata": {"lang": "de"}}'
    return case.verdict(
        gate, "error", line, value=case.estimates[gate.measure].value, advice=advice
    )


def _no_slice_before(
    gate: SliceGate, case: Case, sizes: Mapping[str, int], before: Baseline
) -> Verdict:
    """As `_no_slice`; where only the baseline lacks the metadata, an update brings it in."""
    verdict = _no_slice(gate, case, sizes)
    if sizes or not _sizes(gate.by, (fact.groups for fact in case.result.facts)):
        return verdict
    line = f"no query of {before.place} has the metadata {gate.by!r}; the queries have it by now"
    found = replace(verdict, line=line, advice=update_advice(case, case.result))
    return as_updated(gate, case, case.result, found)


def _small(sizes: Mapping[str, int], gate: SliceGate) -> str:
    small = sum(size < gate.at_least for size in sizes.values())
    return f"; {format_count(small, 'slice')} of under {gate.at_least} not judged" if small else ""
