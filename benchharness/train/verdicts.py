"""The base model against the tuned one, query by query, and what follows for the whole run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_count, format_delta, format_interval, format_move
from benchharness.judge.paired import clustered_difference, outcome_of
from benchharness.train.tuning import Guarded, Versus

if TYPE_CHECKING:
    from benchharness.evaluation.result import Result

# What decides; the suite's other measures stand beside it.
MEASURE = "recall@10"
MARGIN = 0.02

Values = Mapping[str, float]  # query_id -> value of a measure


def versus(
    measure: str, base: Values, tuned: Values, groups: Mapping[str, str], margin: float = MARGIN
) -> Versus:
    """Both sides on the queries of `tuned`, with the interval that decides.

    groups: query_id -> name of what it belongs to; changes within a group count as dependent.
    """
    import numpy as np

    query_ids = sorted(tuned)
    before = np.array([base[one] for one in query_ids], dtype=np.float64)
    after = np.array([tuned[one] for one in query_ids], dtype=np.float64)
    found = clustered_difference(before, after, [groups.get(one, one) for one in query_ids])
    return Versus(
        measure=measure,
        base=math.fsum(before) / len(before),
        tuned=math.fsum(after) / len(after),
        delta=found.delta,
        ci90=found.interval,
        n=found.n,
        won=found.won,
        lost=found.lost,
        method=found.method,
        outcome=outcome_of(found, margin),
    )


def values_of(result: Result) -> dict[str, dict[str, float]]:
    """measure -> query_id -> value."""
    return {
        name: dict(zip(result.query_ids, values.tolist(), strict=True))
        for name, values in result.values.items()
    }


def line_of(found: Versus, margin: float = MARGIN) -> str:
    """`recall@10 0.338 → 0.577, +0.239 [0.214, 0.264] on 1,000 queries`."""
    queries = format_count(found.n, "query", "queries")
    against = (0.0, -margin)
    move, delta = format_move(found.base, found.tuned), format_delta(found.delta, against)
    return f"{found.measure} {move}, {delta} {format_interval(found.ci90, against)} on {queries}"


def conclude(
    *,
    out_of_fold: Versus | None,
    is_base: bool,
    held_out: Versus | None,
    guards: Sequence[Guarded] = (),
) -> tuple[str, str]:
    """(outcome, why) of a run; see `tuning.OUTCOMES`.

    is_base: whether no step was better than the base model on the dev queries.
    """
    if is_base:
        return "base-kept", "no step of the training was better than the base model on dev queries"
    if held_out is None:
        assert out_of_fold is not None  # noqa: S101 -- a run has something to conclude from
        return "base-kept", f"tuned models are not better out of fold: {line_of(out_of_fold)}"
    why = f"held out: {line_of(held_out)}"
    lost = [one for one in guards if one.versus.outcome == "regressed"]
    unsettled = [one for one in guards if one.versus.outcome not in ("pass", "improved")]
    if lost:
        fell = line_of(lost[0].versus, lost[0].margin)
        return "regressed", f"the guard {lost[0].suite} fell: {fell}; {why}"
    if held_out.outcome == "improved" and unsettled:
        guard = f"the guard {unsettled[0].suite} is not shown to have kept its level"
        line = line_of(unsettled[0].versus, unsettled[0].margin)
        return "inconclusive", f"{why}; but {guard}: {line}"
    if held_out.outcome in ("improved", "regressed"):
        return held_out.outcome, why
    return "inconclusive", f"{why}: not shown to be better"
