"""`benchharness measure`: the same numbers, verdicts and files as `pytest suites/`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.baseline.store import DEFAULT_FOLDER
from benchharness.cli import (
    GATE_FAILED,
    INCONCLUSIVE,
    INTERNAL_ERROR,
    NOTHING_COMPARABLE,
    PASS,
    WRONG_INPUT,
)
from benchharness.cli.output import has_color, progress, width, write
from benchharness.cli.task import Task, need_task, tasks_of
from benchharness.errors import BenchError, UsageError
from benchharness.judge.policy import Policy

if TYPE_CHECKING:
    from benchharness.baseline.store import Baselines
    from benchharness.judge.bench import Assessment, Bench
    from benchharness.judge.verdict import Verdict
    from benchharness.report.model import Failure, Report

DEFAULT_OUT = ".benchharness/report"
_EXIT_CODES = {
    "pass": PASS,
    "incomplete": PASS,
    "error": GATE_FAILED,
    "internal-error": INTERNAL_ERROR,
}
_NOT_COMPARABLE = {"stale", "no-baseline"}


class _NoSuiteFile(Policy):
    """The policy for data without a suite file, whose baselines pytest cannot write."""

    def update_command(self, mode: str, *, reason: bool) -> str:
        del mode, reason
        return "measure once with --out DIR, then compare with it: --compare DIR"


def measure(arguments: argparse.Namespace) -> int:
    from benchharness.report.files import VERDICT
    from benchharness.report.release import release_of
    from benchharness.report.terminal import render

    need_task(arguments)
    tasks = tasks_of(arguments)
    if arguments.dry_run:
        from benchharness.cli.dry_running import dry_run

        return dry_run(arguments, tasks)
    folder = Path(arguments.out or DEFAULT_OUT)
    policy = policy_of(arguments, tasks)
    baselines = baselines_of(arguments, folder)
    report = measure_and_publish(arguments, tasks, folder, policy=policy, baselines=baselines)
    code = exit_code(report)
    release = release_of(report) if policy.release else None
    if release is not None and not release.granted and code not in (WRONG_INPUT, INTERNAL_ERROR):
        code = GATE_FAILED
    if arguments.json:
        sys.stdout.write((folder / VERDICT).read_text(encoding="utf-8"))
        return code
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = render(report, width(), has_color(sys.stdout), encoding=encoding, folder=folder)
    write(text.rstrip("\n"))
    for task in tasks:
        for sentence in task.unbound_gates():
            write(sentence)
    if release is not None:
        write(release.line)
    return code


def exit_code(report: Report) -> int:
    """The command's exit code for a report: by its status, and where gates failed by which.

    What could not be measured is 2.
    """
    if report.status == "fail":
        return code_of(report.verdicts)
    return _EXIT_CODES.get(report.status, WRONG_INPUT)


def code_of(verdicts: Iterable[Verdict]) -> int:
    """1 where a gate failed, 4 where those that failed had nothing to be compared with.

    10 where they only settled nothing; 0 where none failed.
    """
    failed = {verdict.outcome for verdict in verdicts if verdict.failed}
    if failed - _NOT_COMPARABLE - {"inconclusive"}:
        return GATE_FAILED
    if failed & _NOT_COMPARABLE:
        return NOTHING_COMPARABLE
    return INCONCLUSIVE if failed else PASS


def policy_of(arguments: argparse.Namespace, tasks: Sequence[Task]) -> Policy:
    """How strict the command is; advice names the command of pytest that updates a baseline."""
    files = tuple(dict.fromkeys(task.file for task in tasks if task.file))
    kind = Policy if files else _NoSuiteFile
    models = [f"--bench-model={model}" for model in arguments.model]
    is_default = arguments.baselines == DEFAULT_FOLDER
    place = [] if is_default else [f"--bench-baselines={arguments.baselines}"]
    return kind(
        inconclusive=arguments.inconclusive,
        missing=arguments.missing,
        release=arguments.release,
        command=shlex.join(["pytest", *files, *models, *place]),
    )


def baselines_of(arguments: argparse.Namespace, out: Path) -> Baselines:
    """What regression gates compare with. Raises UsageError where there is no such place."""
    from benchharness.baseline.store import GIT
    from benchharness.report.reference import baselines_at

    folder = Path.cwd() / arguments.baselines
    place = arguments.compare
    if folder.is_file():
        raise UsageError(f"--baselines: {arguments.baselines} is a file, not a folder")
    if place is not None and not place.startswith(GIT):
        if not Path(place).is_dir():
            raise UsageError(
                f"--compare: there is no folder {place}",
                remedy=f"a ref of git is written git:{place}",
            )
        if Path(place).resolve() == out.resolve():
            raise UsageError(
                f"--compare and --out are both {place}: the report would replace what it is "
                "compared with",
                remedy="name another folder with --out",
            )
    return baselines_at(place, folder)


def measure_and_publish(
    arguments: argparse.Namespace,
    tasks: Sequence[Task],
    folder: Path | None,
    *,
    policy: Policy | None = None,
    baselines: Baselines | None = None,
) -> Report:
    """The report of the tasks, written to `folder` where one is given, also after Ctrl-C.

    policy, baselines: as in `Bench`.
    """
    from benchharness.baseline.committed import committed_history
    from benchharness.judge.bench import Bench
    from benchharness.judge.ranking import leaderboards_of
    from benchharness.report.model import INTERRUPTED, UNBOUND, Report
    from benchharness.report.publication import merged, publish
    from benchharness.report.release import release_of
    from benchharness.report.verdict_file import remove_verdict

    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit} keeps no query", remedy="--limit 100")
    if folder is not None:
        remove_verdict(folder)
    assessments: list[Assessment] = []
    failures: list[Failure] = []
    try:
        with progress(quiet=arguments.quiet) as listener:
            bench = Bench(
                listener=listener, limit=arguments.limit, policy=policy, baselines=baselines
            )
            assess_all(tasks, bench, assessments, failures)
    except KeyboardInterrupt:
        if folder is not None:
            publish(Report.of(assessments, merged(failures), ended=INTERRUPTED), folder)
        raise
    unbound = sum(len(list(task.unbound_gates())) for task in tasks)
    selection = {UNBOUND: unbound} if unbound else {}
    report = replace(
        Report.of(assessments, merged(failures), selection),
        leaderboards=leaderboards_of(assessments),
        history=committed_history(
            Path.cwd() / getattr(arguments, "baselines", DEFAULT_FOLDER),
            [(one.result.suite, one.result.model) for one in assessments],
        ),
    )
    if folder is not None:
        is_release = policy is not None and policy.release
        publish(report, folder, release_of(report) if is_release else None)
    return report


def assess_all(
    tasks: Sequence[Task],
    bench: Bench,
    assessments: list[Assessment],
    failures: list[Failure],
) -> None:
    """Fills both lists as it goes, so that an interrupted caller keeps what is done."""
    from benchharness.report.model import Failure

    for task in tasks:
        for model in task.models:
            try:
                assessments.append(bench.assess(task.suite, model, task.base))
            except BenchError as error:
                failures.append(Failure.of(task.suite.name, model, error))
