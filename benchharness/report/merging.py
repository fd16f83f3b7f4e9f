"""Several stored reports as one: suites and models beside one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.report.model import INTERNAL_ERROR, INTERRUPTED, NOTHING, Report
from benchharness.report.verdict_reading import read_report

if TYPE_CHECKING:
    from benchharness.judge.leaderboard import Leaderboard

# From the worst. Words that are not here name the cause of a failure and rank before "error".
_WORST = (INTERNAL_ERROR, INTERRUPTED)
_MILD = ("error", "fail", "incomplete", "pass", NOTHING)


def read_merged(folders: Sequence[Path], *, with_queries: bool = True) -> Report:
    """The one report of the folders, in their order; see `read_report`.

    The status is the worst one, counts of what was left out are added, and models that stand on
    one suite in several folders are ranked anew (for that their queries are read in any case).
    Raises UsageError where two folders hold the same suite and model, DataError for a folder that
    holds no whole report.
    """
    reports = [
        read_report(folder, with_queries=with_queries or len(folders) > 1) for folder in folders
    ]
    if len(reports) == 1:
        return reports[0]
    _refuse_twice(folders, reports)
    selection: Counter[str] = Counter()
    for report in reports:
        selection.update(report.selection)
    return Report(
        assessments=tuple(one for report in reports for one in report.assessments),
        failures=tuple(one for report in reports for one in report.failures),
        selection=dict(selection),
        status=min((report.status for report in reports), key=_rank),
        tunings=tuple(one for report in reports for one in report.tunings),
        leaderboards=_boards(reports),
        history=tuple(one for report in reports for one in report.history),
    )


def _refuse_twice(folders: Sequence[Path], reports: Sequence[Report]) -> None:
    place: dict[tuple[str, str], Path] = {}
    for folder, report in zip(folders, reports, strict=True):
        for one in report.assessments:
            pair = (one.result.suite, one.result.model)
            if pair in place:
                raise UsageError(
                    f"{' / '.join(pair)} is in two folders: {place[pair]} and {folder}",
                    where=str(folder),
                    remedy="name one of them, or compare them: "
                    f"benchharness compare {place[pair]} {folder}",
                )
            place[pair] = folder


def _rank(status: str) -> int:
    if status in _WORST:
        return _WORST.index(status)
    return len(_WORST) + (1 + _MILD.index(status) if status in _MILD else 0)


def _boards(reports: Sequence[Report]) -> tuple[Leaderboard, ...]:
    """The stored boards of suites that one report has, new ones of those that several have."""
    from benchharness.judge.ranking import leaderboards_of

    count = Counter(
        suite for report in reports for suite in {one.result.suite for one in report.assessments}
    )
    kept = [board for report in reports for board in report.leaderboards if count[board.suite] == 1]
    shared = [
        one for report in reports for one in report.assessments if count[one.result.suite] > 1
    ]
    return (*kept, *leaderboards_of(shared))
