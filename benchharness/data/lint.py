"""What is wrong or odd about a dataset, found before any model is loaded.

A finding of severity "error" stops the run. Rows that cannot be read, and ids given twice with
different texts, stop in the reader already.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.origins import mean_overlap, written_queries
from benchharness.data.similarity import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchharness.data.dataset import Dataset
    from benchharness.data.texts import TextTable

SHOWN = 3  # places named in a finding
NEAR_DUPLICATE_SAMPLE = 20_000  # documents; above it near duplicates are sought in a sample
_BLOCK = 8192


@dataclass(frozen=True)
class Finding:
    """One observation of the lint.

    code:     stable name, such as "dangling-qrels".
    severity: "error" stops the run, "warning" is printed, "note" is a fact for the report.
    message:  one sentence with its numbers.
    where:    file:line or ids of the first few places; empty where it concerns the whole.
    remedy:   what to do; empty for notes.
    """

    code: str
    severity: str
    message: str
    where: str = ""
    remedy: str = ""


def lint(dataset: Dataset, drop_same_id: bool = False) -> tuple[Finding, ...]:
    """Everything to know of a dataset before it is measured: errors, then warnings, then notes.

    drop_same_id: whether a document with the query's id will be dropped from its ranking.

    Texts are compared without regard to case and blanks. Near duplicates are texts that share
    at least 90 % of their word triples; beyond 20,000 documents a seeded sample is searched.
    """
    import numpy as np

    digests, empty = _digests(dataset.corpus)
    in_corpus = dataset.corpus.rows_of(dataset.qrels.doc_ids) >= 0
    has_text = np.fromiter(
        (query_id in dataset.queries for query_id in dataset.qrels.query_ids),
        np.bool_,
        len(dataset.qrels),
    )
    found = [
        *_stopping(dataset, in_corpus, has_text),
        *_judgments(dataset, in_corpus, has_text),
        *_texts(dataset, digests, empty),
        *_overlap(dataset, digests, empty, drop_same_id),
        *_written(dataset),
        *_notes(dataset),
    ]
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(found, key=lambda finding: rank[finding.severity]))


def _stopping(
    dataset: Dataset, in_corpus: NDArray[np.bool_], has_text: NDArray[np.bool_]
) -> Iterator[Finding]:
    """What leaves nothing to measure."""
    if not len(dataset.corpus):
        yield Finding(
            "empty-corpus",
            "error",
            "the corpus has no document",
            dataset.corpus.source,
            "check that the file is complete, and that it is the corpus",
        )
    positive = dataset.qrels.relevance > 0
    if not (positive & has_text).any():
        judged = _count(len(set(dataset.qrels.query_ids)), "judged query")
        why = (
            f"no query with a relevant document has text (of {judged})"
            if positive.any()
            else f"of {judged} none has a relevant document (relevance above 0)"
        )
        yield Finding(
            "no-judged-query",
            "error",
            f"nothing can be measured: {why}",
            dataset.qrels.source,
            "check that queries and judgments use the same query ids, and the split",
        )
    if len(dataset.corpus) and positive.any() and not (positive & in_corpus).any():
        yield Finding(
            "all-qrels-dangling",
            "error",
            f"every positive judgment ({int(positive.sum()):,}) names a document that is not in "
            "the corpus",
            _judged_at(dataset, _rows(positive)),
            f"check that both use the same document ids; the corpus has {_some_ids(dataset)}",
        )


def _judgments(
    dataset: Dataset, in_corpus: NDArray[np.bool_], has_text: NDArray[np.bool_]
) -> Iterator[Finding]:
    qrels = dataset.qrels
    dangling = ~in_corpus
    positive = qrels.relevance > 0
    if dangling.any() and len(dataset.corpus):
        lost = int((dangling & positive).sum())
        yield Finding(
            "dangling-qrels",
            "warning",
            f"{_count(int(dangling.sum()), 'judgment')} of {len(qrels):,} without a document in "
            f"the corpus; {lost:,} of them positive, which no model can find",
            _judged_at(dataset, _rows(dangling)),
            "add the documents, or remove the judgments",
        )
    without_text = _unique(qrels.query_ids[row] for row in _rows(~has_text))
    if without_text:
        yield Finding(
            "queries-without-text",
            "warning",
            f"{_count(len(without_text), 'judged query')} without text among the queries",
            _judged_at(dataset, _rows(~has_text)),
            "add the queries, or remove their judgments",
        )
    answered = {qrels.query_ids[row] for row in _rows(positive)}
    without = [query_id for query_id in _unique(qrels.query_ids) if query_id not in answered]
    if without:
        yield Finding(
            "queries-without-positive",
            "warning",
            f"{_count(len(without), 'judged query')} without a relevant document, left out of "
            "every measure",
            _first(without),
            "judge a relevant document for each, or remove them",
        )


def _texts(
    dataset: Dataset, digests: NDArray[np.uint64], empty: NDArray[np.bool_]
) -> Iterator[Finding]:
    import numpy as np

    corpus = dataset.corpus
    if empty.any():
        yield Finding(
            "empty-documents",
            "warning",
            f"{_count(int(empty.sum()), 'document')} of {len(corpus):,} without text",
            _documents_at(corpus, _rows(empty)),
            "remove them, or fill in their text",
        )
    rows = np.flatnonzero(~empty)
    # kind="sort", here and below: numpy 2.0 overflows in a table over the range of 64-bit hashes.
    _, first, counts = np.unique(digests[rows], return_index=True, return_counts=True)
    shared = np.isin(digests[rows], digests[rows][first[counts > 1]], kind="sort")
    if shared.any():
        yield Finding(
            "duplicate-texts",
            "warning",
            f"{_count(int(shared.sum()), 'document')} share their text with another "
            f"({_count(int((counts > 1).sum()), 'distinct text')}); finding the copy that was "
            "not judged counts as a miss",
            _documents_at(corpus, rows[shared].tolist()),
            "keep one of each, or judge all of them",
        )
    yield from _near(corpus, np.sort(rows[first]))
    if corpus.repeated:
        yield Finding(
            "repeated-documents",
            "warning",
            f"{_count(corpus.repeated, 'document')} given again with the same id and text; "
            "each is kept once",
            ", ".join(
                f"{corpus.source}:{line}" if line else doc_id
                for doc_id, line in corpus.repeated_at[:SHOWN]
            ),
            "remove the repeated lines",
        )


def _near(corpus: TextTable, rows: NDArray[np.int64]) -> Iterator[Finding]:
    """Near duplicates among `rows`, which hold each distinct text once."""
    import numpy as np

    from benchharness.data.similarity import near_duplicates

    sampled = len(rows) > NEAR_DUPLICATE_SAMPLE
    if sampled:
        drawn = np.random.default_rng(0).choice(len(rows), NEAR_DUPLICATE_SAMPLE, replace=False)
        rows = rows[np.sort(drawn)]
    groups = near_duplicates(corpus.texts.take(rows))
    if not groups:
        return
    members = sum(len(group) for group in groups)
    scope = f" in a seeded sample of {len(rows):,} of {len(corpus):,}" if sampled else ""
    yield Finding(
        "near-duplicate-texts",
        "warning",
        f"{_count(members, 'document')}{scope} share at least 90 % of their word triples with "
        f"another, in {_count(len(groups), 'group')}",
        "; ".join(
            " ~ ".join(corpus.id_at(int(rows[position])) for position in group[:2])
            for group in groups[:SHOWN]
        ),
        "keep one of each, or judge all of them",
    )


def _overlap(
    dataset: Dataset,
    digests: NDArray[np.uint64],
    empty: NDArray[np.bool_],
    drop_same_id: bool,
) -> Iterator[Finding]:
    """Queries that are documents: by id, or by text."""
    import numpy as np

    judged = _unique(dataset.qrels.query_ids)
    same = [judged[n] for n in _rows(dataset.corpus.rows_of(judged) >= 0)]
    if same:
        yield _same_ids(dataset, same, drop_same_id)
    asked = [query_id for query_id in judged if dataset.queries.get(query_id, "").strip()]
    query_digests = np.array([_digest(dataset.queries[name]) for name in asked], dtype=np.uint64)
    copied = [asked[n] for n in _rows(np.isin(query_digests, digests[~empty], kind="sort"))]
    if copied:
        yield Finding(
            "query-is-document",
            "warning",
            f"{_count(len(copied), 'query')} with the text of a document, which every model "
            "ranks first",
            _first(copied),
            "remove those documents or queries, or set drop_same_id=True where their ids agree",
        )


def _same_ids(dataset: Dataset, same: list[str], drop_same_id: bool) -> Finding:
    pairs = zip(
        dataset.qrels.query_ids,
        dataset.qrels.doc_ids,
        dataset.qrels.relevance.tolist(),
        strict=True,
    )
    relevant = sum(query_id == doc_id and grade > 0 for query_id, doc_id, grade in pairs)
    shared = f"{_count(len(same), 'query')} with the id of a document"
    if not drop_same_id:
        message = f"{shared}, which is kept in the ranking"
        remedy = "set drop_same_id=True if the query is that document; else nothing is to be done"
    elif relevant:
        message = (
            f"{shared}, which is dropped from the ranking; for {relevant:,} of them it is judged "
            "relevant and cannot be found"
        )
        remedy = "set drop_same_id=False, or remove those judgments"
    else:
        return Finding(
            "same-ids",
            "note",
            f"{shared}, which is dropped from the ranking (drop_same_id)",
            _first(same),
        )
    return Finding("same-ids", "warning", message, _first(same), remedy)


def _written(dataset: Dataset) -> Iterator[Finding]:
    """That queries were written by a language model, and how near they are to their documents."""
    written = written_queries(dataset)
    if not written:
        return
    asked = dataset.relevance.query_ids
    own = mean_overlap(dataset, written)
    others = mean_overlap(dataset, frozenset(asked) - written)
    shared = "" if own is None else f": {own:.0%} of their words stand in a relevant document"
    beside = "" if others is None or own is None else f", of the other queries {others:.0%}"
    yield Finding(
        "synthetic-queries",
        "warning",
        f"{len(written):,} of {_count(len(asked), 'judged query')} written by an LLM"
        f"{shared}{beside}",
        "",
        "confirm what rests on them with queries that users asked",
    )


def _notes(dataset: Dataset) -> Iterator[Finding]:
    judged = len(set(dataset.qrels.query_ids))
    yield Finding(
        "size",
        "note",
        f"{_count(len(dataset.corpus), 'document')}, {_count(judged, 'judged query')}, "
        f"{_count(len(dataset.qrels), 'judgment')}",
    )
    grades = Counter(dataset.qrels.relevance.tolist())
    if len([grade for grade in grades if grade > 0]) > 1:
        listed = ", ".join(f"{grade} ({grades[grade]:,})" for grade in sorted(grades))
        yield Finding("graded", "note", f"judgments are graded: {listed}")
    for reason, count in dataset.left_out:
        yield Finding("left-out", "note", f"left out: {reason} ({count:,})")


def _digests(corpus: TextTable) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """(64 bits of each normalised text, whether it is empty); [n], [n]. One pass, block by block.

    Of a million distinct texts two collide with a probability below 3e-8.
    """
    import numpy as np

    digests = np.zeros(len(corpus), dtype=np.uint64)
    empty = np.zeros(len(corpus), dtype=np.bool_)
    for start in range(0, len(corpus), _BLOCK):
        texts = corpus.texts[start : start + _BLOCK]
        end = start + len(texts)
        digests[start:end] = [_digest(text) for text in texts]
        empty[start:end] = [not text.strip() for text in texts]
    return digests, empty


def _digest(text: str) -> int:
    digest = hashlib.blake2b(normalised(text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _judged_at(dataset: Dataset, rows: Sequence[int]) -> str:
    """The first few judgments as file:line, or as query and document where there is no line."""
    qrels = dataset.qrels
    lines = sorted((int(qrels.lines[row]), row) for row in rows)
    return ", ".join(
        f"{qrels.source}:{line}" if line else f"{qrels.query_ids[row]} {qrels.doc_ids[row]}"
        for line, row in lines[:SHOWN]
    )


def _documents_at(corpus: TextTable, rows: Sequence[int]) -> str:
    lines = ((corpus.line_at(row), row) for row in rows[:SHOWN])
    return ", ".join(
        f"{corpus.source}:{line} ({corpus.id_at(row)})" if line else corpus.id_at(row)
        for line, row in lines
    )


def _rows(mask: NDArray[np.bool_]) -> list[int]:
    return [row for row, true in enumerate(mask.tolist()) if true]


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _some_ids(dataset: Dataset) -> str:
    return ", ".join(repr(name) for name in dataset.corpus.ids[:SHOWN])


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {plural}"
