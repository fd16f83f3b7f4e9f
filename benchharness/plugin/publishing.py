"""The controller's side: gathers what the processes found, writes the report, prints it.

Registered in the process that the user started, never in workers of xdist.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.plugin.session import (
    INTERNAL_ERROR,
    BenchSession,
    Collected,
    read_started,
    read_troubles,
)

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Verdict
    from benchharness.report.model import Failure, Report

Triple = tuple[str, str, str]


class Publisher:
    """Listens to reports; writes and prints one `Report` when the session ends."""

    def __init__(self, config: pytest.Config, session: BenchSession) -> None:
        self._config = config
        self._session = session
        self._judged: set[Triple] = set()
        self._failed: set[Triple] = set()
        self._in_error: set[Triple] = set()
        self._checked: set[tuple[str, str]] = set()
        self._wrong_suite = False
        self._worker_died = False
        self._report: Report | None = None
        self._problem = ""

    def worker_died(self) -> None:
        self._worker_died = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        name = report.nodeid.partition("::")[0].rpartition("/")[2]
        if report.failed and name.startswith("suite_") and name.endswith(".py"):
            self._wrong_suite = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        facts: dict[str, Any] = getattr(report, "benchharness", {})
        self._checked.update((suite, model) for suite, model in facts.get("checked", ()))
        if "suite" not in facts:
            return
        pair = (facts["suite"], facts["model"])
        if report.when == "call":
            self._judged.add((*pair, facts["gate"]))
            if report.failed:
                self._failed.add((*pair, facts["gate"]))
        elif report.failed:
            self._in_error.add((*pair, facts["gate"]))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Write the report before anything is printed; again if a plugin changes the exit code."""
        written_for = int(session.exitstatus)
        self._publish(session)
        result = yield
        if self._report is not None and int(session.exitstatus) != written_for:
            self._publish(session)
        return result

    def _publish(self, session: pytest.Session) -> None:
        if not (self._wrong_suite or self._session.folder.is_dir()):
            return
        from benchharness.errors import BenchError
        from benchharness.report.publication import publish

        try:
            report = self._gather(int(session.exitstatus))
            publish(report, self._session.options.report)
            self._report = report
        except (BenchError, OSError) as error:
            self._problem = f"the report was not written: {error}"
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _gather(self, exitstatus: int) -> Report:
        from benchharness.plugin.status import status_for
        from benchharness.report.model import Report

        collected = Collected.read(self._session.folder)
        assessments = [
            self._as_judged(assessment, waived=exitstatus == 0)
            for assessment in assessments_of(self._session, collected)
        ]
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        failures = self._failures(collected, interrupted=interrupted)
        status = status_for(
            exitstatus,
            assessments,
            failures,
            wrong_suite=self._wrong_suite,
            worker_died=self._worker_died,
        )
        return Report(tuple(assessments), tuple(failures), self._left_out(collected), status)

    def _as_judged(self, assessment: Assessment, *, waived: bool) -> Assessment:
        """The assessment with the verdicts of the gates that ran in this session.

        In a session that passed, a breach that failed no item was waived (xfail, or a test that
        allows for it): it stands in the report as a warning, so that no FAIL stands beside "pass".
        """
        result = assessment.result
        pair = (result.suite, result.model)
        kept: list[Verdict] = []
        for verdict in assessment.verdicts:
            if pair not in self._checked and (*pair, verdict.gate) not in self._judged:
                continue
            is_failed = (*pair, verdict.gate) in self._failed
            is_limited = verdict.outcome == "incomplete"
            is_waived = waived and verdict.breached and not (is_failed or is_limited)
            kept.append(dataclasses.replace(verdict, severity="warn") if is_waived else verdict)
        return dataclasses.replace(assessment, verdicts=tuple(kept))

    def _failures(self, collected: Collected, *, interrupted: bool) -> list[Failure]:
        """What could not be measured, in order of collection; a whole suite is one entry."""
        from benchharness.report.model import Failure
        from benchharness.report.publication import merged

        found = [
            Failure(one.suite, one.model, one.status, one.message, one.where, one.remedy)
            for one in read_troubles(self._session.folder)
        ]
        known = {(failure.suite, failure.model) for failure in found}
        if not interrupted:
            found += [
                Failure(suite, model, INTERNAL_ERROR, "the process that measured it died")
                for suite, model in read_started(self._session.folder)
                if (suite, model) not in known
            ]
        order = rank_of(collected)
        return merged(sorted(found, key=lambda one: order(one.suite, one.model)))

    def _left_out(self, collected: Collected) -> dict[str, int]:
        from benchharness.report.model import UNBOUND

        not_run = set(collected.items) - self._judged - self._in_error
        counts = {
            "deselected": collected.deselected,
            "not run": len(not_run),
            UNBOUND: len(collected.unbound),
        }
        return {reason: count for reason, count in counts.items() if count}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._problem:
            terminalreporter.write_line(self._problem, red=True)
        if self._report is None or self._config.get_verbosity() <= -2:
            return
        from benchharness.report.terminal import render

        text = render(
            self._report,
            shutil.get_terminal_size().columns,
            terminalreporter.hasmarkup,
            encoding=getattr(sys.stdout, "encoding", None) or "utf-8",
            folder=_shown(self._session.options.report, self._config.invocation_params.dir),
        )
        terminalreporter.section("retrieval benchmarks", sep="=")
        for line in text.splitlines():
            terminalreporter.write_line(line)
        for sentence in Collected.read(self._session.folder).unbound:
            terminalreporter.write_line(sentence, yellow=True)
        self._append_step_summary(terminalreporter)

    def _append_step_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        page = os.environ.get("GITHUB_STEP_SUMMARY")
        if not page or self._report is None:
            return
        from benchharness.report.publication import append_step_summary

        try:
            fits = append_step_summary(self._report, Path(page))
        except OSError as error:
            terminalreporter.write_line(f"no step summary: {error}", yellow=True)
        else:
            if not fits:
                terminalreporter.write_line("no step summary: no room left in it", yellow=True)

    def clean_up(self) -> None:
        shutil.rmtree(self._session.folder, ignore_errors=True)


def assessments_of(session: BenchSession, collected: Collected) -> list[Assessment]:
    """The session's assessments, by whichever process measured them.

    In order of collection; those that only fixtures asked for come last, by name.
    """
    from benchharness.report.verdict_file import read_report

    reports = (read_report(place) for place in _finished(session.folder))
    found = session.own_assessments()
    found += [assessment for report in reports for assessment in report.assessments]
    order = rank_of(collected)
    return sorted(found, key=lambda one: order(one.result.suite, one.result.model))


def rank_of(collected: Collected) -> Callable[[str, str], tuple[int, str, str]]:
    """The key that sorts suites and models in order of collection, the others after by name."""
    pairs = dict.fromkeys((suite, model) for suite, model, _ in collected.items)
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    return lambda suite, model: (ranks.get((suite, model), len(ranks)), suite, model)


def _finished(folder: Path) -> Iterable[Path]:
    return (place for place in sorted(folder.glob("*")) if place.is_dir() and not place.suffix)


def _shown(path: Path, base: Path) -> Path:
    return path.relative_to(base) if path.is_relative_to(base) else path
