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
    read_tunings,
)

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Verdict
    from benchharness.report.model import Failure, Report
    from benchharness.report.release import Release

Triple = tuple[str, str, str]
# What pytest ends with where nothing failed; a refused release is not that.
_NOT_RED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


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
        self._release: Release | None = None
        self._updates: list[str] = []
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
        self._update(session)
        self._publish(session)
        written_for = int(session.exitstatus)
        result = yield
        if self._report is not None and int(session.exitstatus) != written_for:
            self._publish(session)
        return result

    def _publish(self, session: pytest.Session) -> None:
        options = self._session.options
        if not (self._wrong_suite or self._session.folder.is_dir() or options.release):
            return
        from benchharness.errors import BenchError
        from benchharness.report.publication import publish
        from benchharness.report.release import release_of

        try:
            report = self._gather(int(session.exitstatus))
            if options.release:
                self._release = release_of(report)
                if not self._release.granted and session.exitstatus in _NOT_RED:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
                    report = self._gather(int(session.exitstatus))
            publish(report, options.report, self._release)
            self._report = report
        except (BenchError, OSError) as error:
            self._problem = f"the report was not written: {error}"
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _update(self, session: pytest.Session) -> None:
        """Write the baselines that were asked for, once, in this process alone."""
        options = self._session.options
        ended = int(session.exitstatus)
        if options.update is None or not self._session.folder.is_dir():
            return
        if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._updates = ["no baseline was updated: the session did not end"]
            return
        from benchharness.errors import BenchError
        from benchharness.plugin.updating import update_baselines

        collected = Collected.read(self._session.folder)
        pairs = {(suite, model) for suite, model, _ in collected.items}
        found = [one.result for one in assessments_of(self._session, collected)]
        results = [result for result in found if (result.suite, result.model) in pairs]
        try:
            self._updates, refused = update_baselines(options, results)
            if refused and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        except BenchError as error:
            self._problem = f"baselines were not updated: {error}"
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _gather(self, exitstatus: int) -> Report:
        from benchharness.baseline.committed import committed_history
        from benchharness.judge.ranking import leaderboards_of
        from benchharness.plugin.status import status_for
        from benchharness.report.model import Report

        collected = Collected.read(self._session.folder)
        assessments = [
            self._as_judged(assessment, waived=exitstatus == 0 and not self._is_release)
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
            refused=self._release is not None and not self._release.granted,
        )
        tunings = tuple(read_tunings(self._session.folder))
        left_out = self._left_out(collected)
        return Report(
            tuple(assessments),
            tuple(failures),
            left_out,
            status,
            tunings,
            leaderboards=leaderboards_of(assessments),
            history=committed_history(
                self._session.options.baselines,
                [(one.result.suite, one.result.model) for one in assessments],
            ),
        )

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
            kept.append(self._as_shown(verdict, waived=waived))
        return dataclasses.replace(assessment, verdicts=tuple(kept))

    def _as_shown(self, verdict: Verdict, *, waived: bool) -> Verdict:
        is_failed = (verdict.suite, verdict.model, verdict.gate) in self._failed
        if verdict.waived:  # by the suite; --runxfail fails it all the same
            return dataclasses.replace(verdict, waived="") if is_failed else verdict
        is_limited = verdict.outcome == "incomplete"
        if waived and verdict.failed and not (is_failed or is_limited):
            return dataclasses.replace(verdict, severity="warn")
        return verdict

    @property
    def _is_release(self) -> bool:
        return self._session.options.release

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
        from benchharness.report.wording import plain

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
        for sentence in (*Collected.read(self._session.folder).unbound, *self._updates):
            terminalreporter.write_line(sentence, yellow=True)
        if self._release is not None:
            granted = self._release.granted
            terminalreporter.write_line(
                plain(self._release.line), bold=True, green=granted, red=not granted
            )
        self._append_step_summary(terminalreporter)
        self._annotate(terminalreporter)

    def _annotate(self, terminalreporter: pytest.TerminalReporter) -> None:
        """On GitHub, put verdicts beside the lines of the suite files; elsewhere say nothing."""
        others = (
            "pytest-github-actions-annotate-failures",
            "pytest_github_actions_annotate_failures",
        )
        is_told = any(self._config.pluginmanager.hasplugin(name) for name in others)
        if os.environ.get("GITHUB_ACTIONS") != "true" or self._report is None or is_told:
            return
        from benchharness.report.annotations import annotations

        root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
        places = {
            suite: (_shown(Path(path), root).as_posix(), line)
            for suite, (path, line) in Collected.read(self._session.folder).places.items()
        }
        for command in annotations(self._report, places):
            terminalreporter.write_line(command)

    def _append_step_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        page = os.environ.get("GITHUB_STEP_SUMMARY")
        if not page or self._report is None:
            return
        from benchharness.report.publication import append_step_summary

        try:
            fits = append_step_summary(self._report, Path(page), self._release)
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
