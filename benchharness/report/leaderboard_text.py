"""The table and the sentences of a leaderboard that every renderer prints, as plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from benchharness.evaluation.latency import QUERIES
from benchharness.judge.numbers import (
    format_count,
    format_interval,
    format_size,
    format_threshold,
    format_value,
    order,
)
from benchharness.judge.ranking import ALPHA

if TYPE_CHECKING:
    from benchharness.judge.leaderboard import Leaderboard, Standing

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]

BEST, TIED, FRONT = "best", "tied", "front"
BYTES, MS, _LATENCY = "bytes/doc", "ms (p95)", "latency"
# Columns that a narrow table does without, the first one first: what others say better, then what
# matters once, not at every query and for every document.
DISPENSABLE = ("dim", _LATENCY, "weights", "speed")
_SMALLEST_P = 0.0001
# Decimals of a number of milliseconds, by what it is rounded below.
_MS_DIGITS = ((3, 0.9995), (2, 9.995), (1, 99.95))


def title_of(board: Leaderboard) -> str:
    return f"{board.suite}: {format_count(len(board.standings), 'row')} by {board.measure}"


def table_of(board: Leaderboard) -> Table:
    """The head and a row for each standing: what it is worth, then what it costs.

    The model stands first; columns that say nothing of any row are left out.
    """
    worth, costs = worth_of(board), costs_of(board)
    rows = [(*one, *other[1:]) for one, other in zip(worth[1], costs[1], strict=True)]
    return (*worth[0], *costs[0][1:]), rows


def worth_of(board: Leaderboard) -> Table:
    """Value with its 95 % interval, distance to the best, and the p-value that marks rest on.

    Values that differ are printed with digits until they do, all with equally many.
    """
    rows = board.standings
    digits = max((_digits(row, rows) for row in rows), default=4)
    found = [
        (
            row.spec,
            f"{format_value(row.value, digits=digits)} {format_interval(row.ci95)}",
            _distance(row, digits),
            "" if row.p_holm is None else _p(row.p_holm),
        )
        for row in rows
    ]
    head = ("model", board.measure, "to the best", "p (Holm)")
    return _without_empty(head, found)


def costs_of(board: Leaderboard) -> Table:
    """Dimension, index, weights, speed, latency, and whether the row is on the front."""
    found = [
        (
            row.spec,
            "" if row.dimension is None else format_count(row.dimension),
            "" if row.bytes_per_vector is None else format_count(round(row.bytes_per_vector)),
            "" if row.size_bytes is None else format_size(row.size_bytes),
            "" if row.speed is None else _ratio(row.speed),
            _latency(row),
            "" if row.latency_ratio is None else _ratio(row.latency_ratio),
            FRONT if row.is_on_front and len(board.standings) > 1 else "",
        )
        for row in board.standings
    ]
    head = ("model", "dim", BYTES, "weights", "speed", MS, _LATENCY, FRONT)
    return _without_empty(head, _aligned(found, right=(1, 2, 3, 4, 5, 6)))


def narrowed(table: Table, fits: Callable[[Table], bool]) -> tuple[Table, tuple[str, ...]]:
    """(the table with the first few of `DISPENSABLE` taken out until it fits, their names)."""
    left_out: list[str] = []
    for name in DISPENSABLE:
        if fits(table):
            break
        head, rows = table
        if name in head:
            place = head.index(name)
            table = (
                (*head[:place], *head[place + 1 :]),
                [(*row[:place], *row[place + 1 :]) for row in rows],
            )
            left_out.append(name)
    return table, tuple(left_out)


def losses_of(board: Leaderboard) -> Table:
    """What each cut or quantised variant gives away; no rows where there is none."""
    found: list[tuple[str, ...]] = [
        (
            row.spec,
            f"{_signed(row.loss.delta, 4, (0.0, -row.loss.margin))} "
            f"{format_interval(row.loss.ci90, (0.0, -row.loss.margin))}",
            row.loss.outcome,
        )
        for row in board.standings
        if row.loss is not None
    ]
    return (("variant", "to its full vectors", "outcome"), found)


def facts_of(board: Leaderboard) -> Iterator[str]:
    """Yields what the marks mean, and who has no row, a sentence each."""
    if board.pairs:
        queries = format_count(board.n, "query", "queries")
        over = f"all {format_count(board.pairs)} pairs of rows" if board.pairs > 1 else "one pair"
        if any(row.loss is not None for row in board.standings):
            over = f"{format_count(board.pairs)} pairs, of variants those with the best"
        yield (
            f"tied: not distinguishable from the best at {ALPHA:g} on {queries} "
            f"(paired sign flips, two-sided, Holm over {over})"
        )
        if any(row.is_on_front for row in board.standings):
            yield f"{FRONT}: of rows that say their {BYTES}, none is as good and smaller"
    yield from _cost_facts(board)
    for spec, why in board.left_out.items():
        yield f"{spec} has no row: {why}"


def _cost_facts(board: Leaderboard) -> Iterator[str]:
    full = [row for row in board.standings if row.loss is None]
    if any(row.bytes_per_vector is not None for row in board.standings):
        yield f"{BYTES}: of the index, all stages of a pipeline together, without its links"
    reference = next((row.spec for row in full if row.speed == 1.0), "")
    if reference:
        yield f"speed: documents a second relative to {reference}, encoded in turns in this run"
    if any(row.latency_ms is not None for row in full):
        yield (
            f"{MS}: milliseconds of one query at a time, encoded and searched exactly in this "
            f"process, in turns: median and 95th percentile of up to {QUERIES} queries"
        )
    first = next((row.spec for row in full if row.latency_ratio == 1.0), "")
    if first:
        yield f"{_LATENCY}: that median relative to {first}"


def loss_fact(board: Leaderboard) -> str:
    """What the outcomes of `losses_of` say; empty without a variant."""
    margins = [row.loss.margin for row in board.standings if row.loss is not None]
    if not margins:
        return ""
    return (
        f"pass: by the 90 % interval, less than {format_threshold(margins[0])} is lost; int8 "
        "and binary search by codes, and score nothing again by full vectors"
    )


def summary_of(boards: Sequence[Leaderboard]) -> str:
    """Mean rank and number of boards won, best first; empty for less than two boards.

    Empty as well where the boards have different rows: a mean over those that stand on all of them
    would leave out the one that won. Equal values share the mean of their ranks, and the best of a
    board is every row with the highest value.
    """
    if len(boards) < 2:
        return ""
    tables = [{row.spec: row.value for row in board.standings} for board in boards]
    names = list(tables[0])
    if len(names) < 2 or any(table.keys() != tables[0].keys() for table in tables):
        return ""
    ranks = {
        name: [_rank(name, {one: table[one] for one in names}) for table in tables]
        for name in names
    }
    wins = {
        name: sum(all(order(table[name], table[other]) >= 0 for other in names) for table in tables)
        for name in names
    }
    listed = sorted(names, key=lambda name: (sum(ranks[name]), name))
    shown = ", ".join(
        f"{name} {sum(ranks[name]) / len(boards):.2f} ({wins[name]})" for name in listed
    )
    return f"mean rank over {len(boards)} suites (times best): {shown}"


def _rank(name: str, table: dict[str, float]) -> float:
    sides = [order(value, table[name]) for other, value in table.items() if other != name]
    return 1 + sides.count(1) + sides.count(0) / 2


def _digits(row: Standing, rows: Sequence[Standing]) -> int:
    """As many decimals as print the value unlike every other one."""
    others = [one.value for one in rows if order(one.value, row.value)]
    for digits in range(4, 13):
        mine = format_value(row.value, digits=digits)
        if all(format_value(other, digits=digits) != mine for other in others):
            return digits
    return 12


def _distance(row: Standing, digits: int) -> str:
    if row.is_best:
        return BEST
    shown = _signed(row.to_best, digits)
    return f"{shown} {TIED}" if row.is_tied else shown


def _signed(delta: float, digits: int, against: Sequence[float] = (0.0,)) -> str:
    """Signed as `format_delta`; a blank stands for the sign of 0, so that digits are aligned."""
    shown = format_value(delta, against, digits)
    if order(delta, 0.0) > 0:
        return f"+{shown}"
    return shown if shown.startswith("-") else f" {shown}"


def _p(p: float) -> str:
    """On its side of the level that the marks rest on; never as 0, which it cannot be."""
    return format_value(p, (ALPHA,)) if p >= _SMALLEST_P else f"<{_SMALLEST_P}"


def _latency(row: Standing) -> str:
    if row.latency_ms is None or row.latency_p95_ms is None:
        return ""
    return f"{_ms(row.latency_ms)} ({_ms(row.latency_p95_ms)})"


def _ms(ms: float) -> str:
    """Three digits of it: `0.412`, `5.24`, `31.7`, `1,204`."""
    digits = next((places for places, top in _MS_DIGITS if ms < top), 0)
    return f"{ms:,.{digits}f}"


def _ratio(speed: float) -> str:
    return f"{speed:,.2f}" if speed >= 0.1 else f"{speed:.2g}"


def _aligned(rows: Sequence[tuple[str, ...]], right: Sequence[int] = ()) -> list[tuple[str, ...]]:
    """The rows with the cells of the columns `right` padded to end at one place."""
    widths = {column: max((len(row[column]) for row in rows), default=0) for column in right}
    return [
        tuple(cell.rjust(widths.get(column, 0)) for column, cell in enumerate(row)) for row in rows
    ]


def _without_empty(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    kept = [0, *(place for place in range(1, len(head)) if any(row[place].strip() for row in rows))]
    return tuple(head[place] for place in kept), [
        tuple(row[place] for place in kept) for row in rows
    ]
