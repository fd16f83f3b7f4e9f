"""The nouns of the data floor: `Qrels`, `Dataset` and its fingerprint.

A dataset is read once and never changes. Documents stand in the order of their ids (the bytes
of the UTF-8 id), so that a document's row number is its rank in every tie, whatever the order
of the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from benchharness.data.texts import TextTable

# How a document's fields become the text that is encoded; part of every fingerprint.
TEXT_TEMPLATE = "title + ' ' + text, stripped"


@dataclass(frozen=True, eq=False)
class Qrels:
    """Judgments in order of (query_id, doc_id): parallel columns of one row each.

    `relevance` is the judged grade (whole numbers; above 0 is relevant). `lines` holds the line
    of each judgment in `source` (0 where there is none), for messages.
    """

    query_ids: tuple[str, ...]
    doc_ids: tuple[str, ...]
    relevance: NDArray[np.int64]
    lines: NDArray[np.int64]
    source: str = ""

    def __len__(self) -> int:
        return len(self.query_ids)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, str, int, int]], source: str = "") -> Qrels:
        """The qrels of (query_id, doc_id, relevance, line) rows in any order, without repeats."""
        import numpy as np

        ordered = sorted(rows)
        return cls(
            query_ids=tuple(row[0] for row in ordered),
            doc_ids=tuple(row[1] for row in ordered),
            relevance=np.array([row[2] for row in ordered], dtype=np.int64),
            lines=np.array([row[3] for row in ordered], dtype=np.int64),
            source=source,
        )


@dataclass(frozen=True)
class DatasetFingerprint:
    """sha256 (hex) of the content, part by part; names and paths are not in it."""

    corpus: str
    queries: str
    qrels: str
    template: str

    @property
    def whole(self) -> str:
        joined = "\n".join((self.corpus, self.queries, self.qrels, self.template))
        return hashlib.sha256(joined.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Relevance:
    """The positives of every judged query, as columns ready for counting.

    query_ids: queries with at least one relevant document, in order of id; [n].
    starts:    [n + 1]; the positives of query i are rows starts[i]:starts[i + 1].
    doc_rows:  [p] row of the relevant document in the corpus, -1 where it is not there
               (a dangling positive, which stays in the denominator of recall).
    grades:    [p] relevance above 0.
    """

    query_ids: tuple[str, ...]
    starts: NDArray[np.int64]
    doc_rows: NDArray[np.int64]
    grades: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.query_ids)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A corpus, queries and qrels, as read; see the module's docstring for the order.

    name:         what it is called in reports.
    corpus:       the documents' ids and texts.
    queries:      query_id -> text, of every query read (judged or not).
    qrels:        the judgments of the split that was asked for.
    left_out:     what the reader left out and why, as (reason, count).
    query_origin: "people", "docstrings" or "llm"; synthetic queries are labelled everywhere.
    details:      facts for the report, such as the version of a package, as (name, value).
    groups:       query_id -> metadata by name ("lang" -> "de"), by which slices are cut; it is in
                  no fingerprint, because it changes no number.
    """

    name: str
    corpus: TextTable
    queries: Mapping[str, str]
    qrels: Qrels
    left_out: tuple[tuple[str, int], ...] = ()
    query_origin: str = "people"
    details: tuple[tuple[str, str], ...] = field(default=())
    groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> DatasetFingerprint:
        judged = sorted(set(self.qrels.query_ids))
        queries = ((query_id, self.queries.get(query_id, "")) for query_id in judged)
        rows = zip(
            self.qrels.query_ids,
            self.qrels.doc_ids,
            (str(grade) for grade in self.qrels.relevance.tolist()),
            strict=True,
        )
        return DatasetFingerprint(
            corpus=self.corpus.fingerprint,
            queries=_digest(queries),
            qrels=_digest(rows),
            template=hashlib.sha256(TEXT_TEMPLATE.encode()).hexdigest(),
        )

    @cached_property
    def relevance(self) -> Relevance:
        import numpy as np

        positive = np.flatnonzero(self.qrels.relevance > 0)
        names = [self.qrels.query_ids[row] for row in positive.tolist()]
        query_ids = tuple(dict.fromkeys(names))  # qrels are in order of query_id already
        counts = dict.fromkeys(query_ids, 0)
        for name in names:
            counts[name] += 1
        starts = np.concatenate(
            [[0], np.cumsum(np.fromiter(counts.values(), np.int64, len(counts)))]
        ).astype(np.int64)
        rows = self.corpus.rows_of([self.qrels.doc_ids[row] for row in positive.tolist()])
        return Relevance(query_ids, starts, rows, self.qrels.relevance[positive])

    @cached_property
    def query_digests(self) -> Mapping[str, str]:
        """query_id -> sha256 (first 16 hex digits) of its text and judgments, of judged queries.

        Two results may be compared on the queries whose digests are equal.
        """
        judgments: dict[str, list[str]] = {}
        grades = self.qrels.relevance.tolist()
        for query_id, doc_id, relevance in zip(
            self.qrels.query_ids, self.qrels.doc_ids, grades, strict=True
        ):
            judgments.setdefault(query_id, []).extend((doc_id, str(relevance)))
        return {
            query_id: _digest([(self.queries.get(query_id, ""), *judged)])[:16]
            for query_id, judged in judgments.items()
        }

    def restricted(self, query_ids: Collection[str]) -> Dataset:
        """The same corpus with these queries and their judgments only."""
        rows = [
            (query_id, doc_id, grade, line)
            for query_id, doc_id, grade, line in zip(
                self.qrels.query_ids,
                self.qrels.doc_ids,
                self.qrels.relevance.tolist(),
                self.qrels.lines.tolist(),
                strict=True,
            )
            if query_id in query_ids
        ]
        kept = {query_id: text for query_id, text in self.queries.items() if query_id in query_ids}
        return replace(self, queries=kept, qrels=Qrels.of(rows, source=self.qrels.source))

    @property
    def queries_without_positive(self) -> int:
        """How many judged queries have no relevant document; they are in no measure."""
        return len(set(self.qrels.query_ids)) - len(self.relevance)


def _digest(records: Iterable[tuple[str, ...]]) -> str:
    """sha256 of records of strings; lengths are hashed too, so that no two splits collide."""
    digest = hashlib.sha256()
    for record in records:
        for value in record:
            encoded = value.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(8, "little"))
            digest.update(encoded)
    return digest.hexdigest()
