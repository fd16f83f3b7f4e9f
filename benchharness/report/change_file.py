"""changes.jsonl: every query whose value changed since the baseline, gate by gate, worst first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchharness.judge.verdict import Change, Moved

if TYPE_CHECKING:
    from benchharness.judge.verdict import Verdict

Key = tuple[str, str, str]


def change_lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """One line of JSON for each changed query, in order of (suite, model, gate), worst loss first.

    `moved` holds [doc_id, rank before, rank now] of the relevant documents that entered or left
    the top k (null: below the run); `newcomers` the documents that stand there instead.
    """
    for verdict in sorted(verdicts, key=lambda one: (one.suite, one.model, one.gate)):
        for change in verdict.comparison.changes if verdict.comparison else ():
            row = {
                "suite": verdict.suite,
                "model": verdict.model,
                "gate": verdict.gate,
                "query_id": change.query_id,
                "before": change.before,
                "after": change.after,
                "moved": [[one.doc_id, one.before, one.after] for one in change.moved],
                "newcomers": list(change.newcomers),
                "groups": dict(sorted(change.groups.items())),
            }
            yield json.dumps(row, allow_nan=False) + "\n"


def parse_change_lines(lines: Sequence[str]) -> dict[Key, tuple[Change, ...]]:
    """The changes by (suite, model, gate). Raises KeyError, TypeError or ValueError."""
    found: dict[Key, list[Change]] = {}
    for line in lines:
        row = json.loads(line)
        key = (str(row["suite"]), str(row["model"]), str(row["gate"]))
        found.setdefault(key, []).append(_change(row))
    return {key: tuple(changes) for key, changes in found.items()}


def _change(row: Mapping[str, Any]) -> Change:
    return Change(
        query_id=str(row["query_id"]),
        before=float(row["before"]),
        after=float(row["after"]),
        moved=tuple(Moved(str(doc_id), before, after) for doc_id, before, after in row["moved"]),
        newcomers=tuple(str(doc_id) for doc_id in row["newcomers"]),
        groups=dict(row["groups"]),
    )
