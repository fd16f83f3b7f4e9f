"""What changed since the baseline, in sentences: the worst lost queries, and where they stand.

Plain text that every renderer prints. All of it comes from a corpus or a baseline file, so ids
and values are on one line each, without control characters; markup is the renderer's to escape.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from benchharness.judge.numbers import (
    format_count,
    format_delta,
    format_interval,
    format_move,
    order,
)
from benchharness.judge.verdict import MET
from benchharness.measures import parse_measure
from benchharness.report.files import CHANGES
from benchharness.report.model import word_of
from benchharness.report.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchharness.judge.verdict import Change, Comparison, Moved, Verdict

# Kinds of lines.
LOST, COUNTED, ENVIRONMENT = "lost", "counted", "environment"
# Only these rest on the queries that changed; "stale" and others say in their line what is wrong.
_EXPLAINED = ("regressed", "inconclusive", "error")
_MOST_QUERIES = 5
_MOST_IDS = 3
_MOST_VALUES = 4
_MOST_FIELDS = 4
_MOST_FACTS = 8
_LONGEST_ID = 64
# Ranks of which newcomers are known; see `Change`.
_KNOWN_RANKS = 10
_USUAL_CONFIDENCE = 0.9


def details(verdict: Verdict, depth: int | None) -> list[tuple[str, str]]:
    """(kind, line) of what stands behind a comparison, in the order in which it is read.

    Empty where the verdict is met or compares nothing. At most 5 lines of kind "lost", a query
    each, from the worst; then of kind "counted" how many more changed, and won and lost by value
    of each metadata field; of kind "environment" what differs between both sides.

    depth: of the run that is judged, None where it is not known.
    """
    one = verdict.comparison
    if one is None or verdict.outcome in MET:
        return []
    found: list[tuple[str, str]] = []
    if verdict.outcome in _EXPLAINED:
        lost = [change for change in one.changes if change.lost][:_MOST_QUERIES]
        found = [(LOST, lost_line(change, one.measure, depth)) for change in lost]
        found += [(COUNTED, line) for line in (rest_line(one.changes), *group_lines(one.changes))]
    found.append((ENVIRONMENT, environment_line(one)))
    return [(kind, line) for kind, line in found if line]


def lost_line(change: Change, measure: str, depth: int | None) -> str:
    """`q:add 1.0000 → 0.0000  sympy.core.add 4 → 27; now there: sympy.ntheory, sympy.logic`."""
    moved = format_move(change.before, change.after)
    k = parse_measure(measure).k
    if change.moved:
        where = _some([_moved(one, depth) for one in change.moved])
    else:
        where = "no relevant document left " + (f"the top {k}" if k else "the run")
    is_known = k is not None and k <= _KNOWN_RANKS
    there = "now there" if is_known else f"now in the top {_KNOWN_RANKS}"
    newcomers = _some([_short(doc_id) for doc_id in change.newcomers])
    line = f"{_short(change.query_id)} {moved}  {where}"
    return f"{line}; {there}: {newcomers}" if newcomers else line


def rest_line(changes: Sequence[Change]) -> str:
    """`… and 28 more lost, 12 won: changes.jsonl`; empty where all were told."""
    lost = sum(change.lost for change in changes)
    won, more = len(changes) - lost, max(lost - _MOST_QUERIES, 0)
    words = [f"{format_count(more)} more lost"] if more else []
    words += [f"{format_count(won)} won"] if won else []
    start = "… and " if lost else ""
    return f"{start}{', '.join(words)}: {CHANGES}" if words else ""


def group_lines(changes: Sequence[Change]) -> list[str]:
    """`by lang: de lost 9 won 1, en lost 2 won 2` for each metadata field, worst value first.

    A field with another value for every query, such as a link, groups nothing and is left out.
    """
    lines = []
    for field in sorted({field for change in changes for field in change.groups}):
        counted = Counter(
            (change.groups[field], change.lost) for change in changes if field in change.groups
        )
        values = sorted(
            {value for value, _ in counted},
            key=lambda value: (
                counted[value, False] - counted[value, True],
                -counted[value, True],
                value,
            ),
        )
        if len(values) > _MOST_VALUES and max(counted.values()) == 1:
            continue
        shown = [
            f"{_short(value)} lost {counted[value, True]} won {counted[value, False]}"
            for value in values
        ]
        lines.append(f"by {_short(field)}: {_some(shown, _MOST_VALUES)}")
    kept = lines[:_MOST_FIELDS]
    if len(lines) > len(kept):
        more = format_count(len(lines) - len(kept), "more field")
        kept.append(f"… and {more} of metadata: {CHANGES}")
    return kept


def environment_line(one: Comparison) -> str:
    """`environment: torch 2.6.0 → 2.13.0`; empty where nothing that is recorded differs."""
    differs = [
        f"{_short(name)} {_short(old)} → {_short(new)}" for name, old, new in one.environment
    ]
    return f"environment: {_some(differs, _MOST_FACTS)}" if differs else ""


def comparison_cells(verdict: Verdict) -> tuple[str, ...]:
    """(measure, before → after, difference [interval], outcome, won / lost / tied) as text.

    Numbers stand on the side of 0 and of the margin where the outcome puts them. Empty cells
    where nothing could be compared; () where the verdict compares nothing.
    """
    one = verdict.comparison
    if one is None:
        return ()
    word = word_of(verdict)
    if one.interval is None or verdict.delta is None:
        return (one.measure, "", "", word, "")
    moved = format_move(one.before, one.after)
    against = (0.0, -verdict.margin) if verdict.margin else (0.0,)
    difference = f"{format_delta(verdict.delta, against)} {format_interval(one.interval, against)}"
    if one.confidence is not None and order(one.confidence, _USUAL_CONFIDENCE):
        difference += f" ({100 * one.confidence:.4g} %)"
    counts = " / ".join(map(format_count, (one.won, one.lost, one.tied)))
    return (one.measure, moved, difference, word, counts)


def ranks_text(one: Moved, depth: int | None) -> str:
    """`4 → 27`, `4 → below 100` where the document left the run."""
    left = f"below {format_count(depth)}" if depth is not None else "below the run"
    before = "not in the run" if one.before is None else format_count(one.before)
    after = left if one.after is None else format_count(one.after)
    return f"{before} → {after}"


def _moved(one: Moved, depth: int | None) -> str:
    return f"{_short(one.doc_id)} {ranks_text(one, depth)}"


def _some(texts: Sequence[str], most: int = _MOST_IDS) -> str:
    more = f" and {format_count(len(texts) - most)} more" if len(texts) > most else ""
    return f"{', '.join(texts[:most])}{more}"


def _short(text: str) -> str:
    """The text on one line; of a long one both ends, where ids and paths differ."""
    line = one_line(text)
    if len(line) <= _LONGEST_ID:
        return line
    half = (_LONGEST_ID - 1) // 2
    return f"{line[:half]}…{line[-half:]}"
