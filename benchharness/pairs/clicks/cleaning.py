"""From the rows of a log to counts: what counts for nothing is left out, filter by filter.

In this order: rows without a query; repeated rows of an impression (equal query, document and
rank: one is left, clicked where any of them is); sessions of bots; documents that the corpus does
not have; ranks beyond the highest. Then short visits: a click that was left at once is no click,
and the row stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.errors import DataError
from benchharness.pairs.clicks.counts import Counts
from benchharness.pairs.clicks.intake import CLICKED, NO_SESSION, PARTS, STAYED, Intake, queries_of
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.pairs.clicks.intake import Records

EARLIER, LATER = 0, 1
_MERGE_ROWS = 1 << 21


@dataclass(frozen=True)
class Filter:
    """What a filter removed. unit: "rows" or "clicks"; not_run: why it could not run, or ""."""

    name: str
    removed: int
    unit: str = "rows"
    not_run: str = ""


@dataclass(frozen=True)
class Rules:
    """max_rank: None keeps all ranks. Bounces are marked while the log is read."""

    max_clicks_per_session: int = 100
    max_rank: int | None = None


@dataclass(frozen=True, eq=False)
class Names:
    """Names by number. spellings, queries: in order; query_of: the query of each spelling.

    doc_rows: the row in the corpus of each document of the intake, -1 where it has none.
    """

    spellings: Sequence[str]
    queries: Sequence[str]
    query_of: NDArray[np.int64]
    spelling_of: NDArray[np.int64]
    doc_rows: NDArray[np.int64]

    @classmethod
    def of(cls, intake: Intake, doc_rows: NDArray[np.int64]) -> Names:
        import numpy as np

        spellings, queries, query_of = queries_of(intake.spellings)
        # The intake counts spellings as they come; here the order of the log does not matter.
        places = np.empty(len(spellings), dtype=np.int64)
        places[[intake.spellings[name] for name in spellings]] = np.arange(len(spellings))
        return cls(spellings, queries, query_of, places, doc_rows)


@dataclass(frozen=True, eq=False)
class Pages:
    """The distinct rows' impressions: how many, when, and the clicks of each session.

    times: of every impression, the earliest of its rows, NaN without; in no order.
    """

    repeated: int
    times: NDArray[np.float64]
    session_clicks: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Window:
    """What happened in a span of time. spelled: rows with each spelling; rows, impressions: kept.

    docs of the counts are rows of the corpus, queries numbers of `Names.queries`.
    """

    counts: Counts
    spelled: NDArray[np.int64]
    rows: int
    impressions: int


def drop_repeated(intake: Intake, names: Names, listener: Listener = silent) -> Pages:
    """What the impressions are, once repeated rows have been taken out of the intake."""
    import numpy as np

    clicks = np.zeros(intake.sessions + 1, dtype=np.int64)  # the first is of rows without one
    times = []
    repeated = 0
    for number, records in intake.parts():
        distinct = _distinct(records, names)
        repeated += len(records) - len(distinct)
        intake.replace(number, distinct)
        clicked = distinct["session"][(distinct["flags"] & CLICKED) > 0]
        clicks += np.bincount(clicked - NO_SESSION, minlength=len(clicks))
        times.append(_page_times(distinct)[1])
        listener(Step("finding repeated rows", number + 1, PARTS, "parts"))
    return Pages(repeated, np.concatenate(times), clicks[1:])


def tally(
    intake: Intake,
    names: Names,
    pages: Pages,
    rules: Rules,
    split_at: float | None = None,
    listener: Listener = silent,
) -> tuple[tuple[Window, Window], tuple[Filter, ...]]:
    """((earlier, later), filters): the counts of both windows; without a split all is earlier.

    split_at: seconds since 1970; impressions from then on are later. Raises DataError where an
    impression has no time.
    """
    import numpy as np

    if split_at is not None and np.isnan(pages.times).any():
        raise DataError(
            f"{int(np.isnan(pages.times).sum()):,} impressions have no time (ts)",
            remedy="give every impression a ts, or do not split by time",
        )
    sums = tuple(_Sums(len(names.spellings)) for _ in range(2))
    bots = absent = beyond = bounced = 0
    bot = np.append(pages.session_clicks > rules.max_clicks_per_session, False)
    for number, records in intake.parts():
        window = _windows(records, split_at)
        doc = names.doc_rows[records["doc"]]
        is_bot = bot[records["session"]]
        is_absent = ~is_bot & (doc < 0)
        kept = ~is_bot & ~is_absent
        if rules.max_rank is not None:
            is_beyond = kept & (records["rank"] > rules.max_rank)
            beyond += int(is_beyond.sum())
            kept &= ~is_beyond
        bots, absent = bots + int(is_bot.sum()), absent + int(is_absent.sum())
        bounced += int((records["flags"][kept] == CLICKED).sum())
        for one in (EARLIER, LATER):
            chosen = kept & (window == one)
            sums[one].add(records[chosen], doc[chosen], names)
        listener(Step("counting", number + 1, PARTS, "parts"))
    earlier, later = (one.window() for one in sums)
    return (earlier, later), _filters(intake, pages, rules, (bots, absent, beyond, bounced))


def _filters(
    intake: Intake, pages: Pages, rules: Rules, removed: tuple[int, int, int, int]
) -> tuple[Filter, ...]:
    def lacks(name: str) -> str:
        return "" if name in intake.present else f"the log has no {name}"

    bots, absent, beyond, bounced = removed
    return (
        Filter("rows without a query", intake.nameless),
        Filter("repeated rows of an impression", pages.repeated),
        Filter(
            f"sessions of more than {rules.max_clicks_per_session:,} clicks", bots,
            not_run=lacks("session"),
        ),
        Filter("documents that the corpus does not have", absent),
        Filter(
            "ranks beyond the highest" if rules.max_rank is None
            else f"ranks beyond {rules.max_rank}", beyond,
            not_run="no --max-rank" if rules.max_rank is None else "",
        ),
        Filter("short visits", bounced, "clicks", lacks("dwell_s")),
    )  # fmt: skip


def _distinct(records: Records, names: Names) -> Records:
    """One row for each (impression, query, document, rank): clicked where any of its rows is."""
    import numpy as np

    query = names.query_of[names.spelling_of[records["spelling"]]]
    spelling = names.spelling_of[records["spelling"]]
    order = np.lexsort((spelling, records["rank"], records["doc"], query, records["impression"]))
    ordered, query = records[order], query[order]
    if not len(ordered):
        return ordered
    changed = np.diff(query) != 0
    for name in ("impression", "doc", "rank"):
        changed |= ordered[name][1:] != ordered[name][:-1]
    starts = np.concatenate([[0], np.flatnonzero(changed) + 1])
    distinct: Records = ordered[starts].copy()
    distinct["flags"] = np.bitwise_or.reduceat(ordered["flags"], starts)
    distinct["time"] = np.fmin.reduceat(ordered["time"], starts)
    return distinct


def _page_times(records: Records) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(the impression of each row, the earliest time of each impression); rows in its order."""
    import numpy as np

    if not len(records):
        return np.zeros(0, np.int64), np.zeros(0)
    changed = records["impression"][1:] != records["impression"][:-1]
    starts = np.concatenate([[0], np.flatnonzero(changed) + 1])
    page = np.concatenate([[0], np.cumsum(changed)])
    return page, np.fmin.reduceat(records["time"], starts)


def _windows(records: Records, split_at: float | None) -> NDArray[np.int64]:
    import numpy as np

    if split_at is None:
        return np.zeros(len(records), dtype=np.int64)
    page, times = _page_times(records)
    return (times >= split_at).astype(np.int64)[page]


class _Sums:
    """Adds up counts part by part, in memory that grows with the distinct (query, doc, rank)."""

    def __init__(self, spellings: int) -> None:
        import numpy as np

        self._spelled = np.zeros(spellings, dtype=np.int64)
        self._rows = self._impressions = self._pending = 0
        self._counts: list[Counts] = []

    def add(self, records: Records, doc: NDArray[np.int64], names: Names) -> None:
        import numpy as np

        spelling = names.spelling_of[records["spelling"]]
        self._spelled += np.bincount(spelling, minlength=len(self._spelled))
        self._rows += len(records)
        self._impressions += len(_page_times(records)[1])
        stayed = (records["flags"] // STAYED).astype(np.int64)
        rank = records["rank"].astype(np.int64)
        self._counts.append(Counts.of(names.query_of[spelling], doc, rank, stayed))
        self._pending += len(self._counts[-1])
        if self._pending > _MERGE_ROWS:
            self._counts = [Counts.sum(self._counts)]
            # What is distinct by now is not pending: it would be merged at every part.
            self._pending = 0

    def window(self) -> Window:
        return Window(Counts.sum(self._counts), self._spelled, self._rows, self._impressions)
