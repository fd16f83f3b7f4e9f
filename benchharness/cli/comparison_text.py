"""What `benchharness compare` prints: a table a pair, what is not met, the worst lost queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from benchharness.cli.output import table_lines, width
from benchharness.judge.numbers import format_count, format_threshold, format_value
from benchharness.report.model import tally, word_of
from benchharness.report.what_changed import (
    comparison_cells,
    environment_line,
    group_lines,
    lost_line,
)
from benchharness.report.wording import one_line

if TYPE_CHECKING:
    from benchharness.cli.compared import Judged
    from benchharness.judge.verdict import Comparison, Verdict

_HEAD = ("measure", "before → after", "difference", "outcome", "won / lost / tied", "p of a loss")
_MOST_QUERIES = 5
# The loss that is explained is that of the worst outcome.
_RANK = ("error", "regressed", "stale", "inconclusive")
_ALPHA = 0.05


def lines_of(
    judged: Sequence[Judged], lonely: Sequence[tuple[str, tuple[str, str]]], margin: float | None
) -> Iterator[str]:
    """The lines; `margin` is the one that was taken because none was given, else None."""
    if margin is not None and judged:
        shown = format_threshold(margin)
        yield f"no --gate is given: every common measure is compared with a margin of {shown}"
    for one in judged:
        yield from _pair(one)
        yield ""
    for place, (suite, model) in lonely:
        yield one_line(f"{suite} / {model}: only in {place}, compared with nothing")
    if not judged:
        yield "nothing can be compared: no suite and model are on both sides"
        return
    verdicts = [verdict for one in judged for verdict in one.verdicts]
    compared = format_count(len(verdicts), "comparison")
    yield f"{compared}: {tally(verdicts)}"


def _pair(one: Judged) -> Iterator[str]:
    yield one_line(one.pair.names)
    compared = [found.comparison for found in one.verdicts if found.comparison is not None]
    yield one_line(f"  against {one.pair.before.place}{_counts(compared)}")
    yield from _table(one.verdicts)
    for verdict in one.verdicts:
        if verdict.breached:
            yield one_line(f"  {word_of(verdict)} {verdict.gate}: {verdict.line}")
    yield from _lost(one)
    if compared and environment_line(compared[0]):
        yield f"  {environment_line(compared[0])}"


def _counts(compared: Sequence[Comparison]) -> str:
    """The number of queries that were compared, and of those that could not be."""
    if not compared:
        return ""
    one = compared[0]
    edited = [("added", one.added), ("removed", one.removed), ("changed", one.changed)]
    words = [format_count(one.n, "common query", "common queries")]
    words += [f"{format_count(count)} {what}" for what, count in edited if count]
    return f": {', '.join(words)}"


def _table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    rows = [(*comparison_cells(one), _p(one)) for one in verdicts if one.comparison is not None]
    if not rows:
        return
    lines = table_lines(_HEAD, rows)
    if max(len(line) for line in lines) > width():
        # The interval goes below its difference, where the terminal is narrow.
        lines = table_lines(_HEAD, [[cell.replace(" [", "\n[") for cell in row] for row in rows])
    yield from lines


def _p(verdict: Verdict) -> str:
    p = verdict.comparison.p if verdict.comparison is not None else None
    return "" if p is None else format_value(p, (_ALPHA,))


def _lost(one: Judged) -> Iterator[str]:
    """The queries that lost most, of the measure whose outcome is the worst."""
    found = [
        verdict
        for verdict in one.verdicts
        if verdict.comparison is not None and any(c.lost for c in verdict.comparison.changes)
    ]
    if not found:
        return
    rank = {outcome: place for place, outcome in enumerate(_RANK)}
    worst = min(found, key=lambda verdict: rank.get(verdict.outcome, len(_RANK)))
    assert worst.comparison is not None  # noqa: S101 -- narrows the type
    lost = [change for change in worst.comparison.changes if change.lost]
    yield f"  lost most in {worst.measure}:"
    depth = one.pair.after.run.depth
    for change in lost[:_MOST_QUERIES]:
        yield f"    {lost_line(change, worst.measure, depth)}"
    if len(lost) > _MOST_QUERIES:
        more = format_count(len(lost) - _MOST_QUERIES)
        yield f"    … and {more} more lost; --json has all"
    for line in group_lines(worst.comparison.changes):
        yield f"    {line}"
