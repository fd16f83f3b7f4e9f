"""One query under one or two models: what each ranks, and where it stands with the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchharness.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from benchharness.data.dataset import Dataset
    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Assessment

_LISTED = 5  # of the known queries, where none is near


@dataclass(frozen=True, eq=False)
class Source:
    """Where a side comes from: a result, and what is known of the query beside it.

    name:      of the side, as it is shown: the model, with the folder of a stored run.
    grades:    doc_id -> judged relevance, of the documents that are known to be relevant.
    positives: how many relevant documents the query has; None where only a part is known.
    texts:     doc_id -> text, of the documents whose text is known.
    query:     the text; None where it is not known.
    """

    name: str
    result: Result
    grades: Mapping[str, int]
    positives: int | None
    texts: Mapping[str, str] = field(default_factory=dict)
    query: str | None = None


@dataclass(frozen=True)
class Placed:
    """A document on one side.

    rank:      from 1; None where the run does not have it. score: likewise.
    relevance: as judged; 0 without judgment.
    other:     its rank on the other side; None where that run does not have it.
    text:      None where it is not known.
    """

    doc_id: str
    rank: int | None
    score: float | None
    relevance: int
    other: int | None
    text: str | None


@dataclass(frozen=True)
class Side:
    """The first ranks of a model, then the relevant documents that stand below them.

    depth: of the run: a document without rank is below it.
    """

    name: str
    model: str
    values: Mapping[str, float]
    ranked: tuple[Placed, ...]
    below: tuple[Placed, ...]
    depth: int


@dataclass(frozen=True)
class Explanation:
    """A query and its sides.

    text:      of the query; None where it is not known.
    positives: how many relevant documents there are; None where only a part is known.
    """

    suite: str
    query_id: str
    text: str | None
    positives: int | None
    sides: tuple[Side, ...]


def explain(query_id: str, sources: Sequence[Source], depth: int = 10) -> Explanation:
    """What the sources rank for the query, `depth` ranks each.

    Raises DataError where a source did not measure the query.
    """
    rows = [_row(query_id, source) for source in sources]
    ranks = [
        {doc_id: rank for rank, doc_id in enumerate(source.result.run.doc_ids[row], start=1)}
        for source, row in zip(sources, rows, strict=True)
    ]
    # What one side knows is true of the query, and shown on both.
    grades, texts = _grades(sources), _texts(sources)
    sides = [
        _side(
            source,
            row,
            depth,
            _Known(grades, texts, ranks[number], ranks[1 - number] if len(sources) == 2 else {}),
        )
        for number, (source, row) in enumerate(zip(sources, rows, strict=True))
    ]
    queries = [source.query for source in sources if source.query is not None]
    counts = [source.positives for source in sources if source.positives is not None]
    return Explanation(
        suite=sources[0].result.suite,
        query_id=query_id,
        text=max(queries, key=len) if queries else None,
        positives=counts[0] if counts else None,
        sides=tuple(sides),
    )


@dataclass(frozen=True)
class _Known:
    """What is known of documents: grade, text, and rank on this side and on the other."""

    grades: Mapping[str, int]
    texts: Mapping[str, str]
    own: Mapping[str, int]
    other: Mapping[str, int]


def _side(source: Source, row: int, depth: int, known: _Known) -> Side:
    run = source.result.run
    scores = run.scores[row]

    def placed(doc_id: str) -> Placed:
        rank = known.own.get(doc_id)
        return Placed(
            doc_id=doc_id,
            rank=rank,
            score=float(scores[rank - 1]) if rank is not None else None,
            relevance=known.grades.get(doc_id, 0),
            other=known.other.get(doc_id),
            text=known.texts.get(doc_id),
        )

    shown = run.doc_ids[row][:depth]
    below = [placed(doc_id) for doc_id in known.grades if doc_id not in shown]
    below.sort(key=lambda one: (one.rank is None, one.rank or 0, one.doc_id))
    return Side(
        name=source.name,
        model=source.result.model,
        values={name: float(one[row]) for name, one in source.result.values.items()},
        ranked=tuple(map(placed, shown)),
        below=tuple(below),
        depth=run.depth,
    )


def measured_source(dataset: Dataset, result: Result, query_id: str, depth: int) -> Source:
    """The side of a result whose data are at hand: all judgments and texts that are shown."""
    qrels = dataset.qrels
    grades = {
        doc_id: grade
        for asked, doc_id, grade in zip(
            qrels.query_ids, qrels.doc_ids, qrels.relevance.tolist(), strict=True
        )
        if asked == query_id
    }
    relevant = {doc_id: grade for doc_id, grade in grades.items() if grade > 0}
    row = _row_of(query_id, result)
    shown = [] if row is None else list(result.run.doc_ids[row][:depth])
    named = sorted({*shown, *relevant})
    rows = dataset.corpus.rows_of(named)
    there = [doc_id for doc_id, found in zip(named, rows.tolist(), strict=True) if found >= 0]
    texts = dataset.corpus.texts.take(rows[rows >= 0])
    return Source(
        name=result.model,
        result=result,
        grades=relevant,
        positives=len(relevant),
        texts=dict(zip(there, texts, strict=True)),
        query=dataset.queries.get(query_id),
    )


def stored_source(assessment: Assessment, query_id: str, place: str) -> Source:
    """The side of a stored result: ranks of what was found, texts where the report kept them.

    Relevant documents that the run lacks are known of the queries that the report shows.
    """
    result, exhibit = assessment.result, assessment.exhibit
    row = _row_of(query_id, result)
    found = result.facts[row].relevant if row is not None and result.facts else {}
    grades = dict.fromkeys(found, 1)
    shown = next((one for one in exhibit.queries if one.query_id == query_id), None)
    if shown is not None:
        judged = (*shown.relevant, *shown.retrieved)
        grades |= {one.doc_id: one.relevance for one in judged if one.relevance > 0}
    return Source(
        name=f"{result.model} ({place})",
        result=result,
        grades=grades,
        positives=shown.positives if shown is not None else None,
        texts=exhibit.documents,
        query=shown.text if shown is not None else None,
    )


def _row_of(query_id: str, result: Result) -> int | None:
    ids = result.query_ids
    return ids.index(query_id) if query_id in ids else None


def _row(query_id: str, source: Source) -> int:
    row = _row_of(query_id, source.result)
    if row is None:
        raise DataError(
            f"{source.result.suite} has no judged query {query_id!r}",
            where=source.name,
            remedy=_meant(query_id, source.result.query_ids),
        )
    return row


def _meant(query_id: str, known: Sequence[str]) -> str:
    sentence = did_you_mean(query_id, known)
    if len(known) > _LISTED and sentence.startswith("known: "):
        return f"known: {', '.join(known[:_LISTED])} and {len(known) - _LISTED:,} more"
    return sentence


def _grades(sources: Iterable[Source]) -> dict[str, int]:
    """doc_id -> grade, the highest that a side knows: a stored run may know no more than 1."""
    found: dict[str, int] = {}
    for source in sources:
        for doc_id, grade in source.grades.items():
            found[doc_id] = max(grade, found.get(doc_id, 0))
    return found


def _texts(sources: Iterable[Source]) -> dict[str, str]:
    """doc_id -> text, the longest that a side knows: a stored run cuts them."""
    found: dict[str, str] = {}
    for source in sources:
        for doc_id, text in source.texts.items():
            if len(text) > len(found.get(doc_id, "")):
                found[doc_id] = text
    return found
