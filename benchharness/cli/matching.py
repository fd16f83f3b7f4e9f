"""`benchharness parity MODEL URL`: whether what is served is the model that was measured."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from benchharness.cli.one_task import one_task, write_result
from benchharness.cli.output import progress, table_lines, write, write_json
from benchharness.cli.shifting import code_of
from benchharness.judge.numbers import (
    format_count,
    format_delta,
    format_interval,
    format_move,
    format_rate,
    format_share,
    format_value,
)
from benchharness.report.model import word_of

if TYPE_CHECKING:
    from benchharness.serving.changes import Change
    from benchharness.serving.parity import Agreement, Parity

RESULT = "parity.json"


def parity(arguments: argparse.Namespace) -> int:
    """0 where both are alike, 1 where not, 10 where only an interval settles nothing."""
    from benchharness.judge.bench import Bench
    from benchharness.serving.parity import Limits, measure_parity
    from benchharness.serving.parity_address import served_spec

    limits = Limits(
        min_cosine=arguments.min_cosine, margin=arguments.margin, clients=arguments.clients,
        seconds=arguments.seconds,
    )  # fmt: skip
    served = served_spec(arguments.url)
    task = one_task(arguments, [arguments.model, served])
    with progress(quiet=arguments.quiet) as listener:
        found = measure_parity(
            task.suite, task.base, arguments.model, served, Bench(listener=listener), limits
        )
    content = asdict(found)
    path = write_result(content, arguments.out, RESULT) if arguments.out else None
    if arguments.json:
        write_json(content)
    else:
        for line in lines_of(found):
            write(line)
        if path is not None:
            write(f"written: {path}")
    outcome = {"pass": "go", "fail": "no-go"}.get(found.outcome, found.outcome)
    return code_of(outcome, arguments.inconclusive)


def lines_of(found: Parity) -> Iterator[str]:
    yield f"{found.suite}: {found.local}, served as {found.served}"
    yield (
        f"  {found.local_fingerprint[:16]}, served {found.served_fingerprint[:16]}; "
        f"{found.dims[0]} components, served {found.dims[1]}"
    )
    yield from _cosine_lines(found)
    if found.ranks is not None:
        one = found.ranks
        yield (
            f"  rankings: {one.overlap:.4f} of the first 10 in common, first alike in "
            f"{format_share(round(one.first * one.queries), one.queries)}, average overlap "
            f"{one.average_overlap:.4f}, {format_count(one.changed)} of "
            f"{format_count(one.queries, 'query', 'queries')} changed"
        )
    if found.changes:
        head = ("measure", "local → served", "difference", "margin", "won / lost", "outcome")
        yield from table_lines(head, [_cells(change) for change in found.changes])
    for verdict in found.gates:
        yield f"  {word_of(verdict)} {verdict.gate}: {verdict.line}"
    if found.left_out:
        yield f"  not judged here: {', '.join(found.left_out)}"
    yield from _load_lines(found)
    yield from _closing(found)


def _cosine_lines(found: Parity) -> Iterator[str]:
    shown = (("sample", found.sample), ("all texts", found.whole))
    least = found.limits.min_cosine
    rows = [row for name, one in shown if one is not None for row in _cosine_rows(name, one, least)]
    if rows:
        yield from table_lines(("cosine", "", "texts", "lowest", "p1", "mean"), rows)


def _cosine_rows(name: str, agreement: Agreement, least: float) -> Iterator[tuple[str, ...]]:
    for role, one in (("queries", agreement.queries), ("documents", agreement.documents)):
        numbers = (format_value(value, (least,), 6) for value in (one.lowest, one.p1, one.mean))
        yield (name, role, format_count(one.texts), *numbers)


def _cells(change: Change) -> tuple[str, ...]:
    against = (0.0, -change.margin)
    moved = ""
    if change.delta is not None and change.interval is not None:
        interval = format_interval(change.interval, against)
        moved = f"{format_delta(change.delta, against)} {interval}"
    move = format_move(change.before, change.after)
    counts = f"{change.won} / {change.lost}"
    return change.measure, move, moved, f"{change.margin:g}", counts, change.outcome


def _load_lines(found: Parity) -> Iterator[str]:
    one = found.load
    if one is None:
        return
    errors = f", {format_count(one.errors)} failed" if one.errors else ""
    yield (
        f"  {format_count(one.clients, 'client')} for {one.seconds:.1f} s: "
        f"{format_rate(one.per_second, 'requests')}, p50 {one.p50_ms:.1f} ms, "
        f"p95 {one.p95_ms:.1f} ms, p99 {one.p99_ms:.1f} ms{errors}"
    )


def _closing(found: Parity) -> Iterator[str]:
    yield {"pass": "PARITY", "fail": "NO PARITY", "inconclusive": "INCONCLUSIVE"}[found.outcome]
    for sentence in found.why:
        yield f"  {sentence}"
    for cause in found.causes:
        word = "because" if cause.confirmed else "likely"
        yield f"  {word}: {cause.what}"
        yield f"  -> {cause.remedy}"
