"""What a page shows of a result beyond its means: some queries with their texts, and curves.

A report's folder outlives the data, so what a reader will want to see of them is chosen and cut
here, while they are at hand. Everything else of a query is in per_query.jsonl.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.evaluation.result import Result
    from benchharness.judge.verdict import Change, Verdict

QUERIES = 50  # shown of each suite and model: the most changed, then the worst
_WON = 15  # of them at most where as many were lost
LETTERS = 300  # of a text
_RELEVANT, _RETRIEVED, _MOVED = 3, 3, 3  # documents named of a query
_CUTS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_FIELDS, _VALUES = 6, 12  # of metadata, by which means are shown
_ELLIPSIS = "…"


@dataclass(frozen=True)
class ShownDocument:
    """A document of a query's ranking: its judged relevance (0 without judgment) and its rank.

    rank: from 1; None where the run does not have it.
    """

    doc_id: str
    relevance: int
    rank: int | None


@dataclass(frozen=True)
class ShownQuery:
    """A query that is worth a look.

    values:    measure -> value.
    relevant:  some of its relevant documents, best rank first.
    positives: how many relevant documents it has.
    retrieved: the first documents of its ranking.
    """

    query_id: str
    text: str
    values: Mapping[str, float]
    relevant: tuple[ShownDocument, ...]
    positives: int
    retrieved: tuple[ShownDocument, ...]


@dataclass(frozen=True)
class SliceMean:
    """The means of the queries that share a value of a metadata field."""

    field: str
    value: str
    n: int
    means: Mapping[str, float]


@dataclass(frozen=True)
class Exhibit:
    """What is shown of one model on one suite.

    queries:   at most 50: those that changed most since the baseline, then the worst.
    documents: doc_id -> text of every document that these name; texts are cut to 300 letters.
    recall_at: k -> mean recall@k, for a curve; up to the depth of the run.
    slices:    by metadata field and value, in order of both.
    """

    queries: tuple[ShownQuery, ...] = ()
    documents: Mapping[str, str] = field(default_factory=dict)
    recall_at: Mapping[int, float] = field(default_factory=dict)
    slices: tuple[SliceMean, ...] = ()


def exhibit_of(dataset: Dataset, result: Result, verdicts: Sequence[Verdict]) -> Exhibit:
    """What is shown of the result; the same for the same result, whatever made it."""
    relevance = dataset.relevance
    counts = [
        int(end - start)
        for start, end in zip(relevance.starts[:-1], relevance.starts[1:], strict=True)
    ]
    positives = dict(zip(relevance.query_ids, counts, strict=True))
    changes = [change for one in verdicts if one.comparison for change in one.comparison.changes]
    chosen = _chosen(result, changes)
    graded = _grades(dataset, {result.query_ids[row] for row in chosen})
    queries = tuple(_shown(dataset, result, row, positives, graded) for row in chosen)
    named = {one.doc_id for query in queries for one in (*query.relevant, *query.retrieved)}
    ids = {query.query_id for query in queries}
    named.update(_of_changes(change for change in changes if change.query_id in ids))
    return Exhibit(
        queries=queries,
        documents=_texts(dataset, named),
        recall_at=_recall_at(result, positives),
        slices=tuple(_slices(result)),
    )


def cut(text: str) -> str:
    """The text's first 300 letters."""
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + _ELLIPSIS


def _chosen(result: Result, changes: Iterable[Change]) -> list[int]:
    """Rows of the queries to show: by how much they changed, then by their value, then by id.

    Some places are kept for queries that were won, or a model that lost many would hide them.
    """
    moved: dict[str, float] = {}
    for change in changes:
        gap = change.after - change.before
        if abs(gap) > abs(moved.get(change.query_id, 0.0)):
            moved[change.query_id] = gap
    first = next(iter(result.values.values()), None)
    if first is None:
        return []

    def rank(row: int) -> tuple[float, float, str]:
        name, value = result.query_ids[row], float(first[row])
        gap = abs(moved.get(name, 0.0))
        return -gap, value if math.isfinite(value) else -math.inf, name

    rows = sorted(range(len(result.query_ids)), key=rank)
    won = [row for row in rows if moved.get(result.query_ids[row], 0.0) > 0]
    others = [row for row in rows if moved.get(result.query_ids[row], 0.0) <= 0]
    lost = sum(result.query_ids[row] in moved for row in others)
    kept = won[: max(_WON, QUERIES - lost)]
    return sorted([*kept, *others[: QUERIES - len(kept)]][:QUERIES], key=rank)


def _grades(dataset: Dataset, query_ids: set[str]) -> Mapping[str, Mapping[str, int]]:
    """query_id -> doc_id -> judged relevance."""
    found: dict[str, dict[str, int]] = {query_id: {} for query_id in query_ids}
    qrels = dataset.qrels
    for query_id, doc_id, grade in zip(
        qrels.query_ids, qrels.doc_ids, qrels.relevance.tolist(), strict=True
    ):
        if query_id in found:
            found[query_id][doc_id] = grade
    return found


def _shown(
    dataset: Dataset,
    result: Result,
    row: int,
    positives: Mapping[str, int],
    graded: Mapping[str, Mapping[str, int]],
) -> ShownQuery:
    query_id = result.query_ids[row]
    grades, ranks = graded[query_id], result.facts[row].relevant if result.facts else {}
    relevant = sorted(
        (ShownDocument(doc_id, grade, ranks.get(doc_id))
         for doc_id, grade in grades.items() if grade > 0),
        key=lambda one: (one.rank is None, one.rank, one.doc_id),
    )  # fmt: skip
    return ShownQuery(
        query_id=query_id,
        text=cut(dataset.queries.get(query_id, "")),
        values={name: float(values[row]) for name, values in result.values.items()},
        relevant=tuple(relevant[:_RELEVANT]),
        positives=positives.get(query_id, 0),
        retrieved=tuple(
            ShownDocument(doc_id, grades.get(doc_id, 0), rank)
            for rank, doc_id in enumerate(result.run.doc_ids[row][:_RETRIEVED], start=1)
        ),
    )


def _of_changes(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        yield from (one.doc_id for one in change.moved[:_MOVED])
        yield from change.newcomers[:_MOVED]


def _texts(dataset: Dataset, doc_ids: set[str]) -> dict[str, str]:
    """doc_id -> its text, of those that the corpus has, in order of id."""
    ordered = sorted(doc_ids)
    rows = dataset.corpus.rows_of(ordered)
    there = [doc_id for doc_id, row in zip(ordered, rows.tolist(), strict=True) if row >= 0]
    texts = dataset.corpus.texts.take(rows[rows >= 0])
    return {doc_id: cut(text) for doc_id, text in zip(there, texts, strict=True)}


def _recall_at(result: Result, positives: Mapping[str, int]) -> dict[int, float]:
    """k -> mean over the queries of the share of their relevant documents in the first k."""
    if not result.facts:
        return {}
    n = len(result.query_ids)
    return {
        k: math.fsum(
            sum(rank <= k for rank in fact.relevant.values()) / positives[query_id]
            for query_id, fact in zip(result.query_ids, result.facts, strict=True)
        )
        / n
        for k in _CUTS
        if k <= result.run.depth
    }


def _slices(result: Result) -> Iterator[SliceMean]:
    """Yields the means by field and value, of fields that cut the queries into a few groups."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, fact in enumerate(result.facts):
        for name, value in fact.groups.items():
            rows.setdefault((name, value), []).append(row)
    values_of: dict[str, list[str]] = {}
    for name, value in sorted(rows):
        values_of.setdefault(name, []).append(value)
    few = [name for name, values in values_of.items() if 2 <= len(values) <= _VALUES]
    for name in few[:_FIELDS]:
        for value in values_of[name]:
            own = rows[name, value]
            means = {
                measure: math.fsum(values[own].tolist()) / len(own)
                for measure, values in result.values.items()
            }
            yield SliceMean(name, value, len(own), means)
