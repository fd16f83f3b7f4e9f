"""`benchharness explain`: the ranking of one query, under one model or two."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS
from benchharness.cli.output import has_color, progress, width, write, write_json
from benchharness.cli.task import Task, check_specs, tasks_of
from benchharness.errors import UsageError, did_you_mean
from benchharness.report.files import VERDICT

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment, Bench
    from benchharness.report.explanation import Source

_MOST = 2


def explain(arguments: argparse.Namespace) -> int:
    from benchharness.report.explanation import explain as explained
    from benchharness.report.explanation_text import explanation_lines

    if arguments.depth < 1:
        raise UsageError(f"--depth {arguments.depth} shows no rank", remedy="--depth 10")
    sources = _sources(arguments)
    _check(sources)
    found = explained(arguments.query_id, sources, arguments.depth)
    if arguments.json:
        write_json(asdict(found))
        return PASS
    for line in explanation_lines(found, width(), color=has_color(sys.stdout)):
        write(line)
    return PASS


def _sources(arguments: argparse.Namespace) -> list[Source]:
    """The sides in the order in which they are named; a folder may hold both."""
    stored = [one for one in arguments.sides if (Path(one) / VERDICT).is_file()]
    models = [one for one in arguments.sides if one not in stored]
    tasks = {spec: _task(arguments, spec) for spec in dict.fromkeys(models)}
    if arguments.data is not None and stored:
        raise UsageError(
            "--data is for models to measure, and a stored run has its own queries",
            remedy="name models only, or --suite NAME",
        )
    if not tasks:
        return [source for side in stored for source in _of_folder(arguments, Path(side))]
    from benchharness.judge.bench import Bench

    found: list[Source] = []
    with progress(quiet=arguments.quiet) as listener:
        bench = Bench(listener=listener)
        for side in arguments.sides:
            if side in tasks:
                found.append(_measured(arguments, bench, tasks[side], side))
            else:
                found += _of_folder(arguments, Path(side))
    return found


def _task(arguments: argparse.Namespace, spec: str) -> Task:
    check_specs([spec])
    if arguments.suite is None and arguments.data is None:
        raise UsageError(
            f"{spec!r} is no folder with a {VERDICT}, so it is taken for a model: "
            "say what to measure it on",
            remedy="add --suite NAME, or --data beir:DIR",
        )
    tasks = tasks_of(arguments, models=[spec])
    if len(tasks) > 1:
        names = ", ".join(task.suite.name for task in tasks)
        raise UsageError(
            f"{arguments.suite} holds several suites: {names}", remedy="name one with --suite NAME"
        )
    return tasks[0]


def _measured(arguments: argparse.Namespace, bench: Bench, task: Task, spec: str) -> Source:
    from benchharness.report.explanation import measured_source

    suite = replace(task.suite, gates=(), waivers=())
    result = bench.measure(suite, spec, task.base)
    dataset = bench.dataset(suite.dataset, task.base)
    return measured_source(dataset, result, arguments.query_id, arguments.depth)


def _of_folder(arguments: argparse.Namespace, folder: Path) -> Iterator[Source]:
    from benchharness.report.explanation import stored_source
    from benchharness.report.verdict_reading import read_report

    there = read_report(folder).assessments
    suites = dict.fromkeys(one.result.suite for one in there)
    if arguments.suite is not None and arguments.suite not in suites:
        raise UsageError(
            f"the run has no suite {arguments.suite!r}",
            where=str(folder),
            remedy=did_you_mean(arguments.suite, suites),
        )
    models = dict.fromkeys(one.result.model for one in there)
    wrong = [spec for spec in arguments.model if spec not in models]
    if wrong:
        raise UsageError(
            f"the run has no model {wrong[0]!r}",
            where=str(folder),
            remedy=did_you_mean(wrong[0], models),
        )
    for one in _chosen(arguments, there):
        yield stored_source(one, arguments.query_id, str(folder))


def _chosen(arguments: argparse.Namespace, there: Sequence[Assessment]) -> list[Assessment]:
    """Those of --suite and --model; without a suite, of the suites that have the query."""
    own = [one for one in there if arguments.suite in (None, one.result.suite)]
    own = [one for one in own if not arguments.model or one.result.model in arguments.model]
    if arguments.suite is None:
        return [one for one in own if arguments.query_id in one.result.query_ids] or own[:1]
    return own


def _check(sources: Sequence[Source]) -> None:
    """Raises UsageError unless there are one or two sides of one suite."""
    names = [f"{one.result.suite} / {one.name}" for one in sources]
    if not sources:
        raise UsageError("the runs hold no result", remedy="name a run that was measured")
    suites = dict.fromkeys(one.result.suite for one in sources)
    if len(suites) > 1:
        raise UsageError(
            f"the sides are of several suites: {', '.join(suites)}",
            remedy="name one with --suite NAME",
        )
    if len(sources) > _MOST:
        raise UsageError(
            f"two sides fit beside each other, and there are {len(sources)}: {', '.join(names)}",
            remedy="choose with --model SPEC, twice for two",
        )
