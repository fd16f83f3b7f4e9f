"""Writing baselines at the end of a session; see `benchharness.baseline.update` for the rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchharness.baseline.record import Baseline
    from benchharness.baseline.store import FolderBaselines
    from benchharness.evaluation.result import Result
    from benchharness.plugin.options import Options


def update_baselines(options: Options, results: Sequence[Result]) -> tuple[list[str], bool]:
    """A line for each baseline that was written or refused, and whether one was refused.

    Only what this session measured is looked at: the baselines of other suites and models stay
    as they are. Raises UsageError where a file cannot be written.
    """
    from benchharness.baseline.store import FolderBaselines, shown
    from benchharness.baseline.update import plan
    from benchharness.judge.numbers import format_move

    store = FolderBaselines(options.baselines)
    policy = options.policy()
    lines, refused = [], False
    for result in results:
        before = _found(store, result, options.update)
        found = plan(before, result, mode=options.update, reason=options.reason, today=policy.today)
        worse = ", ".join(f"{name} {format_move(old, new)}" for name, old, new in found.worse)
        if found.action == "write":
            path = shown(store.write(found.baseline))
            what = "wrote" if before is None else "updated"
            lines.append(f"{what} {path}" + (f" (worse: {worse})" if worse else ""))
        elif found.action == "refuse":
            refused = True
            why = f"{worse} got worse" if worse else "a value is not a number"
            place = store.describe(result.suite, result.model)
            remedy = ': say why with --bench-reason "WHY"' if worse else ""
            lines.append(f"left {place} as it is: {why}{remedy}")
    return lines or ["no baseline had to be updated"], refused


def _found(store: FolderBaselines, result: Result, mode: str | None) -> Baseline | None:
    """The baseline that is there; a damaged one is none where all are to be written."""
    from benchharness.errors import DataError

    try:
        return store.find(result.suite, result.model)
    except DataError:
        if mode == "all":
            return None
        raise
