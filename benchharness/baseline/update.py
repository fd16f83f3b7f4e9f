"""What an update of a baseline would do: write it, keep it, or refuse for want of a reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.baseline.file import lines_of
from benchharness.baseline.record import Acceptance, Baseline

if TYPE_CHECKING:
    import datetime

    from benchharness.evaluation.result import Result

# What `--bench-update` may be told: write where there is none, where there is one, or both.
MODES = ("missing", "changed", "all")
# Means that are nearer than this are the same number.
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Plan:
    """What becomes of one baseline.

    action:   "write", "keep" (equal, or not asked for) or "refuse" (a reason is missing).
    baseline: what would be written.
    worse:    (measure, before, after) of every mean that is lower than in the old file.
    """

    action: str
    baseline: Baseline
    worse: tuple[tuple[str, float, float], ...] = ()


def plan(
    before: Baseline | None,
    result: Result,
    *,
    mode: str | None,
    reason: str,
    today: datetime.date,
) -> Plan:
    """What `--bench-update=mode --bench-reason=reason` makes of the baseline of a result.

    A baseline in which a mean falls needs a reason, which is kept in the file with the date. A
    file that would hold the same fingerprints, queries and values is kept as it is. The result
    of a limited run, or one with a value that is no number, never becomes a baseline.
    """
    after = Baseline.of(result, before.place if before else "")
    if not all(math.isfinite(value) for name in after.values for value in after.values[name]):
        return Plan("refuse", after)
    wanted = mode in ("all", "missing" if before is None else "changed")
    worse = _worse(before, after) if before is not None else ()
    if not wanted or result.limit is not None or (before is not None and _equal(before, after)):
        return Plan("keep", after, worse)
    if worse and not reason.strip():
        return Plan("refuse", after, worse)
    if before is not None:
        accepted = tuple(
            Acceptance(today.isoformat(), name, old, new, reason.strip())
            for name, old, new in worse
        )
        same_model = before.model == after.model
        after = Baseline.of(
            result,
            before.place,
            noise=before.noise if same_model else None,
            accepted=before.accepted + accepted,
        )
    return Plan("write", after, worse)


def _worse(before: Baseline, after: Baseline) -> tuple[tuple[str, float, float], ...]:
    means = (
        (name, before.mean(name), after.mean(name))
        for name in sorted(before.values)
        if name in after.values
    )
    return tuple((name, old, new) for name, old, new in means if new < old - _TOLERANCE)


def _equal(before: Baseline, after: Baseline) -> bool:
    """Whether the files would differ in nothing but the environment and the log."""

    def bare(one: Baseline) -> str:
        import dataclasses

        kept = dataclasses.replace(one, environment={}, noise={}, accepted=(), place="")
        return "".join(lines_of(kept))

    return bare(before) == bare(after)
