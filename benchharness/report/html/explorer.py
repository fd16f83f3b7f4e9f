"""The queries that the page shows, as data for its script: tables by suite, model and gate.

Every id and text stands once a suite, and rows name them by number, so that models share them and
no id of a corpus is looked up as a name of the script. The script writes them as text, never as
markup; here they are only made safe to stand between the tags that hold them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchharness.judge.numbers import format_count, format_move, format_value
from benchharness.report.what_changed import ranks_text
from benchharness.report.wording import depth_of, of_suite, one_line, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchharness.judge.bench import Assessment
    from benchharness.judge.exhibit import ShownQuery
    from benchharness.judge.verdict import Change, Verdict
    from benchharness.report.model import Report

# A page beyond this is slow to open; texts of the least changed queries are left out first.
BUDGET_BYTES = 9_000_000
_MOST_MOVED, _MOST_NEWCOMERS = 5, 3
# What would end the block that holds the data, or the line where old parsers read on.
_UNSAFE = str.maketrans({
    "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029",
})  # fmt: skip


@dataclass(frozen=True)
class Explorer:
    """data: JSON, safe inside of a script block. queries: how many rows there are.
    dropped: queries and documents whose texts found no room.
    """

    data: str
    queries: int
    dropped: int


@dataclass
class _Shelf:
    """The queries or the documents of a suite, each once: its id, then its text if it has room.

    texts: number -> (place of the query in its exhibit, text); place 0 changed most.
    """

    entries: list[list[str]] = field(default_factory=list)
    texts: dict[int, tuple[int, str]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, name: str, text: str | None, place: int) -> int:
        """The number of the entry; the best of the places that name it counts."""
        number = self.numbers.setdefault(name, len(self.numbers))
        if number == len(self.entries):
            self.entries.append([one_line(name)])
        if text is not None and place < self.texts.get(number, (place + 1, ""))[0]:
            self.texts[number] = (place, plain(text))
        return number


def explorer_of(report: Report, budget_bytes: int = BUDGET_BYTES) -> Explorer:
    """The tables of every suite and model, with texts as far as the budget goes.

    budget_bytes: of the data as it stands in the page. Rows are never left out.
    """
    suites: list[dict[str, Any]] = []
    shelves: list[_Shelf] = []
    for suite in report.suites:
        queries, documents = _Shelf(), _Shelf()
        found = of_suite(report, suite)
        tables = [table for one in found for table in _tables(one, queries, documents)]
        if tables:
            shelves += [queries, documents]
            suites.append({
                "suite": one_line(suite), "queries": queries.entries,
                "documents": documents.entries, "tables": tables,
            })  # fmt: skip
    dropped = _fill(shelves, budget_bytes - len(_json(suites).encode()))
    rows = sum(len(table["rows"]) for one in suites for table in one["tables"])
    return Explorer(_json(suites), rows, dropped)


def _fill(shelves: Sequence[_Shelf], room: int) -> int:
    """How many texts found no room: from the first that does not fit on, in order of place."""
    waiting = [
        (place, shelf.entries[number], text)
        for shelf in shelves
        for number, (place, text) in shelf.texts.items()
    ]
    waiting.sort(key=lambda one: one[0])  # stable: of one place in order of the report
    for filled, (_, entry, text) in enumerate(waiting):
        room -= len(_json(text).encode()) + 1  # and a comma
        if room < 0:
            return len(waiting) - filled
        entry.append(text)
    return 0


def _tables(assessment: Assessment, queries: _Shelf, documents: _Shelf) -> Iterator[dict[str, Any]]:
    """Yields one table for each comparison that changed something, or that of the worst."""
    texts = assessment.exhibit.documents
    shown = {
        query.query_id: (query, place, _Texts(documents, texts, place))
        for place, query in enumerate(assessment.exhibit.queries)
    }
    is_compared = False
    for verdict in assessment.verdicts:
        changes = verdict.comparison.changes if verdict.comparison else ()
        rows = []
        for change in changes:
            if change.query_id in shown:
                query, place, named = shown[change.query_id]
                number = queries.number(query.query_id, query.text, place)
                rows.append({"query": number, **_changed(change, verdict, assessment, named)})
        if rows:
            is_compared = True
            facts = {"gate": one_line(verdict.gate), "failed": verdict.failed}
            yield _table(assessment, verdict.measure, rows, changed=len(changes), **facts)
    if not is_compared and shown:
        measure = next(iter(assessment.estimates), "")
        rows = [
            {
                "query": queries.number(query.query_id, query.text, place),
                **_worst(query, measure, named),
            }
            for query, place, named in shown.values()
        ]
        yield _table(assessment, measure, rows, changed=0, gate="", failed=False)


def _table(
    assessment: Assessment, measure: str, rows: list[dict[str, Any]], **facts: object
) -> dict[str, Any]:
    return {"model": one_line(assessment.result.model), "measure": measure, "rows": rows, **facts}


@dataclass(frozen=True)
class _Texts:
    """Gives documents their numbers, for a query at that place."""

    shelf: _Shelf
    texts: Mapping[str, str]
    place: int

    def number(self, doc_id: str) -> int:
        return self.shelf.number(doc_id, self.texts.get(doc_id), self.place)


def _changed(
    change: Change, verdict: Verdict, assessment: Assessment, documents: _Texts
) -> dict[str, Any]:
    depth = depth_of(assessment, verdict)
    moved = change.moved[:_MOST_MOVED]
    return {
        "by": _finite(change.after - change.before),
        "value": format_move(change.before, change.after),
        "relevant": [[documents.number(one.doc_id), ranks_text(one, depth)] for one in moved],
        "more": len(change.moved) - len(moved),
        "instead": [documents.number(one) for one in change.newcomers[:_MOST_NEWCOMERS]],
    }


def _worst(query: ShownQuery, measure: str, documents: _Texts) -> dict[str, Any]:
    value = query.values.get(measure, math.nan)
    return {
        "by": _finite(value),
        "value": format_value(value),
        "relevant": [
            [
                documents.number(one.doc_id),
                "not in the run" if one.rank is None else f"rank {format_count(one.rank)}",
            ]
            for one in query.relevant
        ],
        "more": max(query.positives - len(query.relevant), 0),
        "instead": [documents.number(one.doc_id) for one in query.retrieved if one.relevance <= 0],
    }


def _finite(number: float) -> float | None:
    """JSON has no nan; the script puts None first."""
    return number if math.isfinite(number) else None


def _json(value: object) -> str:
    """As it stands in the page: no sign of markup is left in it, and it reads back the same."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)
