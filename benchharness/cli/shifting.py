"""`benchharness shift OLD NEW`: the way from one model to the next, measured before it is gone."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchharness.cli import GATE_FAILED, INCONCLUSIVE, PASS
from benchharness.cli.one_task import one_task, write_result
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.errors import UsageError
from benchharness.judge.numbers import format_count, format_delta, format_interval, format_value

if TYPE_CHECKING:
    from benchharness.serving.changes import Change
    from benchharness.serving.shift import Damage, Shift

RESULT = "shift.json"
_CODES = {"go": PASS, "no-go": GATE_FAILED}


def shift(arguments: argparse.Namespace) -> int:
    """0 where every step may be gone, 1 at a no-go, 10 where an interval settles nothing."""
    from benchharness.judge.bench import Bench
    from benchharness.serving.changes import Margin
    from benchharness.serving.shift import measure_shift
    from benchharness.serving.shift_routing import parse_steps

    steps = parse_steps(arguments.steps)
    margin = arguments.margin
    if margin is not None and not 0 < margin < 1:
        raise UsageError(f"--margin {margin:g} is no share", remedy="--margin 0.02")
    task = one_task(arguments, [arguments.old, arguments.new])
    names = [str(measure) for measure in task.suite.all_measures]
    with progress(quiet=arguments.quiet) as listener:
        found = measure_shift(
            task.suite, task.base, arguments.old, arguments.new, Bench(listener=listener),
            steps=steps, salt=arguments.salt,
            margins=None if margin is None else {name: Margin(margin) for name in names},
        )  # fmt: skip
    content = asdict(found)
    path = write_result(content, arguments.out, RESULT) if arguments.out else None
    if arguments.json:
        write_json(content)
    else:
        for line in lines_of(found):
            write(line)
        if path is not None:
            write(f"written: {path}")
    return code_of(found.outcome, arguments.inconclusive)


def code_of(outcome: str, inconclusive: str) -> int:
    """The exit code; `inconclusive` says whether what settles nothing fails."""
    if outcome == "inconclusive":
        return INCONCLUSIVE if inconclusive == "fail" else PASS
    return _CODES[outcome]


def lines_of(found: Shift) -> Iterator[str]:
    yield f"{found.suite}: {found.old} → {found.new}"
    yield f"  {found.old_fingerprint[:16]} → {found.new_fingerprint[:16]}"
    rows = [
        (f"{stage.percent:g} %", format_count(stage.moved), *_cells(change), stage.outcome)
        for stage in found.stages
        for change in stage.changes
    ]
    head = ("on new", "queries", "measure", "value", "to 0 %", "margin", "outcome", "step")
    yield from table_lines(head, rows)
    for stage in found.stages:
        for change in stage.changes:
            if change.outcome not in ("pass", "improved", "identical"):
                yield f"  at {stage.percent:g} %: {change.line}"
    yield "if only one side of the search is changed:"
    for damage in found.damage:
        yield _damage_line(damage, found)
    yield _closing(found)


def _cells(change: Change) -> tuple[str, ...]:
    against = (0.0, -change.margin)
    moved = ""
    if change.delta is not None and change.interval is not None:
        interval = format_interval(change.interval, against)
        moved = f"{format_delta(change.delta, against)} {interval}"
    margin = f"{change.margin:g}"
    return change.measure, format_value(change.after), moved, margin, change.outcome


def _damage_line(damage: Damage, found: Shift) -> str:
    """Beside what either model is worth alone: a little is lost without a sign, or all of it."""
    about = f"  queries of {damage.queries}, documents of {damage.documents}: "
    if damage.why:
        return about + damage.why
    return about + ", ".join(
        f"{one.measure} {format_value(one.after)} "
        f"(old {format_value(found.old_values[one.measure])}, "
        f"new {format_value(found.new_values[one.measure])})"
        for one in damage.changes
    )


def _closing(found: Shift) -> str:
    word = {"go": "GO", "no-go": "NO-GO", "inconclusive": "INCONCLUSIVE"}[found.outcome]
    anew = format_count(found.documents, "document")
    if found.outcome == "go":
        return f"{word}: all steps up to 100 %; embed {anew} into a new index first"
    last = found.stages[-1].percent
    if found.outcome == "no-go":
        return f"{word} at {last:g} %: stay at {found.reached:g} %, and look at what was lost"
    return f"{word}: shown up to {found.reached:g} %; judge more queries, or allow a wider margin"
