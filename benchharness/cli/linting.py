"""`benchharness lint`: errors and warnings apart, each with its place and remedy."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchharness.cli.output import progress, write, write_json
from benchharness.cli.task import Task, tasks_of
from benchharness.errors import BenchError

if TYPE_CHECKING:
    from benchharness.data.lint import Finding
    from benchharness.judge.bench import Bench

# BM25 reads no tokens and has no limit: without a model the lint looks at the data alone.
_NO_MODEL = "bm25"
_HEADINGS = (("error", "errors"), ("warning", "warnings"), ("note", "notes"))


def lint(arguments: argparse.Namespace) -> int:
    """2 where a finding stops a measurement, else 0."""
    from benchharness.judge.bench import Bench

    tasks = tasks_of(arguments, default_model=_NO_MODEL)
    with progress(quiet=arguments.json or not sys.stderr.isatty()) as listener:
        bench = Bench(listener=listener)
        found = [(task, findings_of(bench, task)) for task in tasks]
    if arguments.json:
        write_json([_content(task, findings) for task, findings in found])
    else:
        for task, findings in found:
            for line in lines_of(task, findings):
                write(line)
    errors = sum(one.severity == "error" for _, findings in found for one in findings)
    return 2 if errors else 0


def findings_of(bench: Bench, task: Task) -> tuple[Finding, ...]:
    """Of the data, then of each model; what cannot be read or opened is an error among them."""
    try:
        found = list(bench.lint(task.suite, task.base, (_NO_MODEL,)))
    except BenchError as error:
        return (_finding(error),)
    for model in task.models:
        try:
            about_model = bench.lint(task.suite, task.base, (model,))
        except BenchError as error:
            found.append(_finding(error))
        else:
            found.extend(finding for finding in about_model if finding not in found)
    return tuple(found)


def _finding(error: BenchError) -> Finding:
    from benchharness.data.lint import Finding

    return Finding(error.status, "error", error.message, error.where, error.remedy)


def lines_of(task: Task, findings: Sequence[Finding]) -> Iterator[str]:
    yield f"{task.suite.name} ({task.place}): {counted(findings)}"
    yield from finding_lines(findings)


def counted(findings: Sequence[Finding]) -> str:
    """`0 errors, 2 warnings`."""
    from benchharness.judge.numbers import format_count

    return ", ".join(
        format_count(sum(one.severity == severity for one in findings), severity)
        for severity, _ in _HEADINGS[:2]
    )


def finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Yields the findings below a heading for each severity, with place and remedy."""
    for severity, heading in _HEADINGS:
        chosen = [one for one in findings if one.severity == severity]
        if chosen:
            yield f"  {heading}"
        for one in chosen:
            yield f"    {one.code}: {one.message}"
            if one.where:
                yield f"      at {one.where}"
            if one.remedy:
                yield f"      -> {one.remedy}"


def _content(task: Task, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "suite": task.suite.name,
        "place": task.place,
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }
