"""`benchharness measure`: the same numbers, verdicts and files as `pytest suites/`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli.output import has_color, progress, width, write
from benchharness.cli.task import Task, need_task, tasks_of
from benchharness.errors import BenchError, UsageError

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.progress import Listener
    from benchharness.report.model import Failure, Report

DEFAULT_OUT = ".benchharness/report"
_EXIT_CODES = {"pass": 0, "incomplete": 0, "fail": 1, "error": 1, "internal-error": 3}


def measure(arguments: argparse.Namespace) -> int:
    from benchharness.report.files import VERDICT
    from benchharness.report.terminal import render

    need_task(arguments)
    tasks = tasks_of(arguments)
    folder = Path(arguments.out or DEFAULT_OUT)
    report = measure_and_publish(arguments, tasks, folder)
    if arguments.json:
        sys.stdout.write((folder / VERDICT).read_text(encoding="utf-8"))
        return exit_code(report)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    text = render(report, width(), has_color(sys.stdout), encoding=encoding, folder=folder)
    write(text.rstrip("\n"))
    for task in tasks:
        for sentence in task.unbound_gates():
            write(sentence)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """The command's exit code for a report's status: what could not be measured is 2."""
    return _EXIT_CODES.get(report.status, 2)


def measure_and_publish(
    arguments: argparse.Namespace, tasks: Sequence[Task], folder: Path | None
) -> Report:
    """The report of the tasks, written to `folder` where one is given, also after Ctrl-C."""
    from benchharness.report.model import INTERRUPTED, UNBOUND, Report
    from benchharness.report.publication import merged, publish
    from benchharness.report.verdict_file import remove_verdict

    if arguments.limit is not None and arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit} keeps no query", remedy="--limit 100")
    if folder is not None:
        remove_verdict(folder)
    assessments: list[Assessment] = []
    failures: list[Failure] = []
    try:
        with progress(quiet=arguments.quiet) as listener:
            assess_all(tasks, listener, arguments.limit, assessments, failures)
    except KeyboardInterrupt:
        if folder is not None:
            publish(Report.of(assessments, merged(failures), ended=INTERRUPTED), folder)
        raise
    unbound = sum(len(list(task.unbound_gates())) for task in tasks)
    selection = {UNBOUND: unbound} if unbound else {}
    report = Report.of(assessments, merged(failures), selection)
    if folder is not None:
        publish(report, folder)
    return report


def assess_all(
    tasks: Sequence[Task],
    listener: Listener,
    limit: int | None,
    assessments: list[Assessment],
    failures: list[Failure],
) -> None:
    """Fills both lists as it goes, so that an interrupted caller keeps what is done."""
    from benchharness.judge.bench import Bench
    from benchharness.report.model import Failure

    bench = Bench(listener=listener, limit=limit)
    for task in tasks:
        for model in task.models:
            try:
                assessments.append(bench.assess(task.suite, model, task.base))
            except BenchError as error:
                failures.append(Failure.of(task.suite.name, model, error))
