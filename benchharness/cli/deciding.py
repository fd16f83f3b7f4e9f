"""`benchharness decide`: whether fine-tuning would pay, with the evidence beside the number."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli.measuring import measure_and_publish
from benchharness.cli.output import has_color, write, write_json
from benchharness.cli.task import need_task, tasks_of
from benchharness.errors import UsageError

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.report.model import Report


def decide(arguments: argparse.Namespace) -> int:
    report = _report(arguments)
    if arguments.json:
        write_json(_content(report))
    else:
        for found in report.assessments:
            for line in lines_of(found, bold=has_color(sys.stdout)):
                write(line)
    for failure in report.failures:
        who = " / ".join(filter(None, (failure.suite, failure.model)))
        place = f"{failure.where}: " if failure.where else ""
        remedy = f"\n  -> {failure.remedy}" if failure.remedy else ""
        sys.stderr.write(f"benchharness: {who}: {place}{failure.message}{remedy}\n")
    return 2 if report.failures else 0


def _report(arguments: argparse.Namespace) -> Report:
    from benchharness.report.verdict_file import read_report

    if arguments.result is None:
        need_task(arguments)
        folder = Path(arguments.out) if arguments.out else None
        return measure_and_publish(arguments, tasks_of(arguments), folder)
    if arguments.suite is not None or arguments.data is not None:
        raise UsageError(
            "a result folder and a task are two different questions",
            remedy="name a folder with a verdict.json, or --suite, or --data",
        )
    report = read_report(Path(arguments.result))
    models = set(arguments.model)
    kept = [found for found in report.assessments if not models or found.result.model in models]
    if not kept and not report.failures:
        raise UsageError(
            f"{arguments.result} holds no result" + (" of these models" if models else ""),
            remedy="measured are "
            + (", ".join(f.result.model for f in report.assessments) or "none"),
        )
    return dataclasses.replace(report, assessments=tuple(kept))


def lines_of(found: Assessment, *, bold: bool) -> Iterator[str]:
    from benchharness.report.wording import bm25_line, tokens_line

    decision = found.decision
    word = f"\x1b[1m{decision.outcome}\x1b[0m" if bold else decision.outcome
    yield f"{found.result.suite} / {found.result.model}: {word}"
    yield f"  {decision.why}"
    if decision.advice:
        yield f"  -> {decision.advice}"
    for line in (bm25_line([found]), tokens_line(found)):
        if line:
            yield f"  {line}"


def _content(report: Report) -> dict[str, object]:
    """The decisions in the words of verdict.json."""
    from benchharness.report.verdict_file import write_report

    with tempfile.TemporaryDirectory() as folder:
        whole = json.loads(write_report(report, Path(folder)).read_text(encoding="utf-8"))
    names = ("suite", "model", "decision")
    return {
        "status": whole["status"],
        "results": [{name: result[name] for name in names} for result in whole["results"]],
        "failures": whole["failures"],
    }
