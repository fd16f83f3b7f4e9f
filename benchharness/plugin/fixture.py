"""The `bench` fixture: the session's measuring for tests that are written by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchharness.plugin.items import CHECKED, lines_of
from benchharness.plugin.session import bench_session
from benchharness.suite import DatasetReference, Suite

if TYPE_CHECKING:
    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Assessment


class BenchFixture:
    """What a test may ask: `measure`, `assess`, `check`.

    Relative paths of a suite's data start at the suite's file, those of a bare reference at the
    test's file.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._session = bench_session(item.config)

    def measure(self, model: str, task: Suite | DatasetReference) -> Result:
        """What the model is worth, query by query. Raises DataError, ModelError."""
        from benchharness.judge.bench import suite_of

        suite = task if isinstance(task, Suite) else suite_of(task, [model])
        return self.assess(model, suite).result

    def assess(self, model: str, suite: Suite) -> Assessment:
        """The result with intervals, decision and verdicts; judges nothing by itself."""
        return self._session.assess(suite, model, self._base(suite), nodeid=self._item.nodeid)

    def check(self, model: str, suite: Suite) -> Assessment:
        """The assessment, if the model passes every gate that binds it; else the test fails.

        A gate that only warns is a warning. Skips where a limit left too few queries to judge.
        """
        __tracebackhide__ = True
        assessment = self.assess(model, suite)
        self._item.stash.setdefault(CHECKED, []).append([suite.name, model])
        failed = [verdict for verdict in assessment.verdicts if verdict.failed]
        incomplete = [verdict for verdict in failed if verdict.outcome == "incomplete"]
        if len(failed) > len(incomplete):
            lines = [line for one in failed if one not in incomplete for line in lines_of(one)]
            pytest.fail("\n".join(lines), pytrace=False)
        if incomplete:
            pytest.skip(incomplete[0].line)
        from benchharness.plugin.texts import BenchWarning

        for verdict in assessment.verdicts:
            if verdict.waived:
                self._item.warn(BenchWarning(f"waived, {verdict.waived}: {verdict.line}"))
            elif verdict.breached and verdict.severity == "warn":
                self._item.warn(BenchWarning(verdict.line))
        return assessment

    def _base(self, suite: Suite) -> Path:
        return self._session.home_of(suite) or _home_in_modules(suite) or self._item.path.parent


def _home_in_modules(suite: Suite) -> Path | None:
    """The folder of the imported suite file that holds this very suite."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not Path(file).name.startswith("suite_"):
            continue
        if any(value is suite for value in list(vars(module).values())):
            return Path(file).resolve().parent
    return None
