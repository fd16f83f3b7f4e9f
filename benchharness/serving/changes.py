"""What became of each measure between two results of the same queries, with margins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.gate import RegressionGate
from benchharness.judge.comparison import compare
from benchharness.judge.regression import line_of

if TYPE_CHECKING:
    from benchharness.evaluation.result import Result
    from benchharness.suite import Suite

ALPHA = 0.05


@dataclass(frozen=True)
class Margin:
    """The largest loss of a measure that may be shipped, and the one-sided risk."""

    margin: float
    alpha: float = ALPHA


@dataclass(frozen=True)
class Change:
    """A measure of a result, held against an earlier one query by query.

    before, after: means over all queries.
    delta, interval: of the difference, and what decided; None where nothing could be compared.
    won, lost: queries.
    outcome:   as of a regression gate: "pass", "improved", "identical", "regressed" …
    line:      one sentence with the numbers.
    """

    measure: str
    before: float
    after: float
    delta: float | None
    interval: tuple[float, float] | None
    won: int
    lost: int
    n: int
    margin: float
    outcome: str
    line: str


def changes(before: Result, after: Result, margins: Mapping[str, Margin]) -> tuple[Change, ...]:
    """The change of each measure that has a margin, in the order of `before`."""
    old, new = means_of(before), means_of(after)
    found = []
    for measure in before.values:
        if measure not in margins:
            continue
        allowed = margins[measure]
        compared = compare(before, after, measure, margin=allowed.margin, alpha=allowed.alpha)
        one = compared.found
        found.append(
            Change(
                measure=measure,
                before=old[measure],
                after=new[measure],
                delta=one.delta if one else None,
                interval=one.interval if one else None,
                won=one.won if one else 0,
                lost=one.lost if one else 0,
                n=one.n if one else 0,
                margin=allowed.margin,
                outcome=compared.outcome,
                line=line_of(measure, compared, allowed.margin),
            )
        )
    return tuple(found)


def margins_of(suite: Suite, models: Sequence[str], default: float) -> dict[str, Margin]:
    """measure -> the margin of the suite's regression gate for one of the models, else `default`.

    Of several gates on a measure the strictest counts.
    """
    found = {str(measure): Margin(default) for measure in suite.all_measures}
    binding = [
        gate
        for gate in suite.gates
        if isinstance(gate, RegressionGate) and any(map(gate.binds, models))
    ]
    # The widest first, so that the strictest stays.
    for gate in sorted(binding, key=lambda gate: -(gate.margin or 0.0)):
        found[gate.measure] = Margin(gate.margin or default, gate.alpha)
    return found


def means_of(result: Result) -> dict[str, float]:
    """measure -> its mean over all queries."""
    return {
        name: math.fsum(values.tolist()) / len(values) for name, values in result.values.items()
    }
