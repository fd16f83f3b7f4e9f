"""Relevance judgments from files: tab-separated (BEIR), TREC's four columns, or JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchharness.data.fields import grade, identifier, identifier_of, json_record
from benchharness.data.lines import numbered_lines
from benchharness.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from benchharness.data.dataset import Qrels

Judgment = tuple[str, str, int, int]  # query_id, doc_id, relevance, line

_QUERY_NAMES = ("query-id", "query_id", "qid", "query")
_DOC_NAMES = ("corpus-id", "corpus_id", "doc_id", "docid", "docno", "document")
_GRADE_NAMES = ("score", "relevance", "rel", "grade", "label")


HEAD = "query-id\tcorpus-id\tscore\n"


def tsv_line(query_id: str, doc_id: str, relevance: int = 1) -> str:
    """The line of a judgment, as `read_tsv` reads it.

    Raises DataError for an id with a tab or a line break, which would be another line.
    """
    for one in (query_id, doc_id):
        if any(letter in one for letter in "\t\r\n"):
            raise DataError(
                f"the id {one!r} holds a tab or a line break, which judgments cannot",
                remedy="give it another id, in the corpus and wherever it is named",
            )
    return f"{query_id}\t{doc_id}\t{relevance}\n"


def read_tsv(path: Path) -> Iterator[Judgment]:
    """Judgments `query_id TAB doc_id TAB relevance`, with or without a header."""
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        cells = text.split("\t")
        if line == 1 and _is_header(cells):
            continue
        if len(cells) != 3:
            raise DataError(
                f"{len(cells)} tab-separated columns, not 3 (query-id, corpus-id, score)",
                where=where,
                remedy="TREC qrels of four columns are read by trec(...) or jsonl(...)"
                if len(text.split()) == 4
                else "separate the three columns by tabs",
            )
        query_id, doc_id = _ids(cells[0], cells[1], where)
        yield query_id, doc_id, grade(cells[2], where), line


def read_trec(path: Path) -> Iterator[Judgment]:
    """Judgments `query_id iteration doc_id relevance`, separated by blanks or tabs."""
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        cells = text.split()
        if len(cells) != 4:
            raise DataError(
                f"{len(cells)} columns, not 4 (query, iteration, document, relevance)",
                where=where,
                remedy="TREC qrels read: 301 0 FBIS3-10082 1",
            )
        yield cells[0], cells[2], grade(cells[3], where), line


def read_jsonl(path: Path) -> Iterator[Judgment]:
    """Judgments as objects with a query id, a document id and a relevance."""
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        record = json_record(text, where)
        name = next((name for name in _GRADE_NAMES if name in record), None)
        if name is None:
            raise DataError(
                f"the judgment has no relevance (looked for {', '.join(_GRADE_NAMES)})",
                where=where,
                remedy='write {"query_id": "q1", "doc_id": "d1", "relevance": 1}',
            )
        query_id = identifier_of(record, _QUERY_NAMES, where)
        doc_id = identifier_of(record, _DOC_NAMES, where)
        yield query_id, doc_id, grade(record[name], where), line


def read_any(path: Path) -> Iterator[Judgment]:
    """Judgments in whichever of the three forms the first line has."""
    for _, text in numbered_lines(path):
        if text.lstrip().startswith("{"):
            return read_jsonl(path)
        cells = text.split("\t")
        if len(cells) != 3 and len(text.split()) == 4:
            return read_trec(path)
        return read_tsv(path)
    return iter(())


def collect(
    judgments: Iterable[Judgment], source: str
) -> tuple[Qrels, tuple[tuple[str, int], ...]]:
    """The qrels of judgments in any order, and what was left out.

    The same judgment given twice is counted once. Raises DataError, naming both lines, where one
    pair is judged with two grades.
    """
    from benchharness.data.dataset import Qrels

    seen: dict[tuple[str, str], tuple[int, int]] = {}
    repeated = 0
    for query_id, doc_id, relevance, line in judgments:
        before = seen.setdefault((query_id, doc_id), (relevance, line))
        if before[1] == line:
            continue
        if before[0] != relevance:
            raise DataError(
                f"query {query_id!r} and document {doc_id!r} are judged {relevance} here and "
                f"{before[0]} at {source}:{before[1]}",
                where=f"{source}:{line}",
                remedy="keep one of the two judgments",
            )
        repeated += 1
    rows = ((pair[0], pair[1], found[0], found[1]) for pair, found in seen.items())
    left_out = (("judgments given again with the same grade", repeated),) if repeated else ()
    return Qrels.of(rows, source=source), left_out


def _is_header(cells: list[str]) -> bool:
    """Whether a first line names its columns; only known names count, so that no row is lost."""
    named = [cell.strip().lower() for cell in cells]
    numeric = named[-1].lstrip("+-").replace(".", "", 1).isdigit()
    return not numeric and (named[0] in _QUERY_NAMES or named[-1] in _GRADE_NAMES)


def _ids(query_id: str, doc_id: str, where: str) -> tuple[str, str]:
    return (
        identifier(query_id.strip(), "query-id", where),
        identifier(doc_id.strip(), "corpus-id", where),
    )
