"""`benchharness tune`: from the decision to a candidate and a verdict on it, in one folder."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchharness.cli import GATE_FAILED, PASS
from benchharness.cli.deciding import lines_of as decision_lines
from benchharness.cli.output import has_color, progress, table_lines, write
from benchharness.cli.task import Task, need_task, tasks_of
from benchharness.errors import UsageError
from benchharness.recipe import Recipe, parse_settings

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.suite import Suite
    from benchharness.train.tuning import Tuning

DEFAULT_OUT = ".benchharness/tune"


def tune(arguments: argparse.Namespace) -> int:
    from benchharness.report.files import VERDICT
    from benchharness.report.verdict_file import remove_verdict

    need_task(arguments)
    task = _task(arguments)
    model = task.models[0]
    recipe = _recipe(arguments, task.suite)
    default = f"{DEFAULT_OUT}/{task.suite.name}/{quote(model, safe='')}"
    out = Path(arguments.out or (f"{default}.pilot" if arguments.pilot else default))
    remove_verdict(out)
    with progress(quiet=arguments.quiet) as listener:
        assessment, tuning = _run(arguments, task, model, recipe, out, listener)
    _publish(assessment, tuning, out)
    if arguments.json:
        sys.stdout.write((out / VERDICT).read_text(encoding="utf-8"))
    else:
        for line in lines_of(assessment, tuning):
            write(line)
        write(f"{out / VERDICT}")
    return GATE_FAILED if tuning.outcome == "regressed" else PASS


def _task(arguments: argparse.Namespace) -> Task:
    """The one suite and model. Raises UsageError where they are not one."""
    tasks = tasks_of(arguments)
    if len(tasks) > 1:
        names = ", ".join(task.suite.name for task in tasks)
        raise UsageError(f"{len(tasks)} suites to tune on: {names}", remedy="name one with --suite")
    if len(tasks[0].models) > 1 and not arguments.model:
        raise UsageError(
            f"suite {tasks[0].suite.name} has {len(tasks[0].models)} models, and one is tuned",
            remedy=f"add --model {tasks[0].models[0]}, or another of {', '.join(tasks[0].models)}",
        )
    if len(tasks[0].models) > 1:
        raise UsageError(
            f"{len(tasks[0].models)} models are named, one is tuned at a time",
            remedy="name one --model",
        )
    # Gates judge models by themselves; here the base is held against the tuned model.
    return dataclasses.replace(tasks[0], suite=_with_pairs(tasks[0], arguments.pairs))


def _with_pairs(task: Task, files: list[str]) -> Suite:
    given = [str(Path(name).absolute()) for name in files]
    return dataclasses.replace(task.suite, pairs=(*task.suite.pairs, *given))


def _recipe(arguments: argparse.Namespace, suite: Suite) -> Recipe:
    """The suite's recipe, changed by the file, by --set and by --teacher. Raises UsageError."""
    import tomllib

    recipe = suite.recipe
    if arguments.recipe is not None:
        path = Path(arguments.recipe)
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(
                f"the recipe cannot be read: {error}",
                where=str(path),
                remedy="a recipe is TOML, with lines such as learning_rate = 5e-5",
            ) from None
        recipe = recipe.changed(settings, str(path))
    recipe = recipe.changed(parse_settings(arguments.settings), "--set")
    if arguments.teacher is None:
        return recipe
    return recipe.changed({"teacher": arguments.teacher}, "--teacher")


def _run(
    arguments: argparse.Namespace,
    task: Task,
    model: str,
    recipe: Recipe,
    out: Path,
    listener: object,
) -> tuple[Assessment, Tuning]:
    from benchharness.judge.bench import Bench
    from benchharness.train.pilot import pilot
    from benchharness.train.prepare import trainable_encoder
    from benchharness.train.tune import tune as run

    trainable_encoder(model, task.base)  # before minutes are spent on measuring
    bench = Bench(listener=listener)  # type: ignore[arg-type]
    alone = dataclasses.replace(task.suite, gates=(), waivers=())
    assessment = bench.assess(alone, model, task.base)
    if arguments.pilot:
        found = pilot(bench, task.suite, model, task.base, recipe=recipe, split=arguments.folds_by)
        return assessment, found
    found = run(
        task.suite, model, out=out, folds=arguments.folds, split=arguments.folds_by, recipe=recipe,
        guards=arguments.guard, base=task.base, bench=bench,
    )  # fmt: skip
    return assessment, found


def _publish(assessment: Assessment, tuning: Tuning, out: Path) -> None:
    from benchharness.report.model import Report
    from benchharness.report.publication import publish

    report = Report.of([assessment])
    status = "fail" if tuning.outcome == "regressed" else report.status
    publish(dataclasses.replace(report, tunings=(tuning,), status=status), out)


def lines_of(assessment: Assessment, tuning: Tuning) -> Iterator[str]:
    """What the command prints: the decision, the table, what stands beside it, the outcome."""
    from benchharness.report.tuning_text import HEAD, facts_of, rows_of

    is_colored = has_color(sys.stdout)
    yield from decision_lines(assessment, bold=is_colored)
    yield ""
    rows = rows_of(tuning)
    if rows:
        yield from table_lines(HEAD, rows)
    for fact in facts_of(tuning):
        yield f"  {fact}"
    yield ""
    word = f"\x1b[1m{tuning.outcome}\x1b[0m" if is_colored else tuning.outcome
    yield f"{word}: {tuning.why}"
    if tuning.advice:
        yield f"  -> {tuning.advice}"
    if tuning.spec:
        yield f"  model to use: {tuning.spec}"
