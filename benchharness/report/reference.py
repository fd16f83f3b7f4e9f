"""What gates compare with, as the user names it: a folder, a report, or a ref of git."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchharness.baseline.record import Baseline
from benchharness.baseline.store import GIT, Baselines, FolderBaselines, GitBaselines, shown
from benchharness.errors import DataError
from benchharness.evaluation.result import Result
from benchharness.report.files import VERDICT
from benchharness.report.verdict_file import read_report


def baselines_at(place: str | None, folder: Path) -> Baselines:
    """The baselines that a place means: `git:REF`, a report's folder, or a folder of baselines.

    folder: that of the committed baselines; taken as it is where no place is named, and as the
            ref has it for `git:REF`. Raises UsageError where git knows no such ref.
    """
    if place is None:
        return FolderBaselines(folder)
    if place.startswith(GIT):
        return GitBaselines.at(place.removeprefix(GIT), folder)
    if (Path(place) / VERDICT).is_file():
        return ReportBaselines(Path(place))
    return FolderBaselines(Path(place))


@dataclass(frozen=True)
class ReportBaselines:
    """The results of a report's folder in the place of baselines."""

    folder: Path

    def find(self, suite: str, model: str) -> Baseline | None:
        result = self._results.get((suite, model))
        if result is None:
            return None
        if result.limit is not None:
            raise DataError(
                f"{suite} / {model} was measured on {result.limit} queries only",
                where=shown(self.folder),
                remedy="compare with a report of all queries",
            )
        return Baseline.of(result, self.describe(suite, model))

    def describe(self, suite: str, model: str) -> str:
        return f"{shown(self.folder)} ({suite} / {model})"

    def size(self, suite: str, model: str) -> int | None:
        result = self._results.get((suite, model))
        return len(result.query_ids) if result is not None else None

    @cached_property
    def _results(self) -> dict[tuple[str, str], Result]:
        report = read_report(self.folder)
        results = [assessment.result for assessment in report.assessments]
        return {(result.suite, result.model): result for result in results}
