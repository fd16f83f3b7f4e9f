"""Corpora and queries as JSON lines, and the reader behind `jsonl(corpus, queries, qrels)`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset
from benchharness.data.fields import (
    DOC_ID_NAMES,
    QUERY_ID_NAMES,
    document_text_of,
    identifier_of,
    json_record,
    text_of,
)
from benchharness.data.judgments import collect, read_any
from benchharness.data.lines import find_file, numbered_lines
from benchharness.data.origins import origin_of
from benchharness.data.texts import TextTable, TextTableBuilder
from benchharness.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LeftOut = tuple[tuple[str, int], ...]


def read(corpus: Path, queries: Path, qrels: Path, spill_dir: Path | None = None) -> Dataset:
    """The dataset of three files.

    Ids stand under `_id`, `id` or `doc_id` / `query_id`; qrels are tab-separated, TREC's four
    columns or JSON lines. Raises DataError with file and line for what cannot be read.
    """
    corpus_file, query_file, qrels_file = find_file(corpus), find_file(queries), find_file(qrels)
    texts, repeated = gather_queries(read_queries(query_file), str(query_file))
    judgments, left_out = collect(read_any(qrels_file), str(qrels_file))
    groups = read_groups(query_file)
    return Dataset(
        name=corpus.parent.resolve().name or corpus.name,
        corpus=read_corpus(corpus_file, spill_dir),
        queries=texts,
        qrels=judgments,
        left_out=left_out + repeated,
        query_origin=origin_of(groups, judgments.query_ids),
        groups=groups,
    )


def read_corpus(path: Path, spill_dir: Path | None = None) -> TextTable:
    """The documents of a JSON-lines file, each title + " " + text."""
    builder = TextTableBuilder(spill_dir)
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        record = json_record(text, where)
        doc_id = identifier_of(record, DOC_ID_NAMES, where)
        builder.add(doc_id, document_text_of(record, where), line)
    return builder.finish(str(path))


def read_queries(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yields (query_id, text, line) of a JSON-lines file."""
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        record = json_record(text, where)
        yield identifier_of(record, QUERY_ID_NAMES, where), text_of(record, where).strip(), line


def read_groups(path: Path) -> dict[str, dict[str, str]]:
    """query_id -> the words, numbers and truth values of its `metadata`, as strings by name.

    Queries without metadata are left out, and so are lists and tables: they name no group.
    """
    found: dict[str, dict[str, str]] = {}
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        record = json_record(text, where)
        metadata = record.get("metadata")
        if not isinstance(metadata, dict):
            continue
        words = {
            str(name): value if isinstance(value, str) else json.dumps(value)
            for name, value in metadata.items()
            if isinstance(value, str | int | float)
        }
        if words:
            found[identifier_of(record, QUERY_ID_NAMES, where)] = words
    return found


def gather_queries(
    rows: Iterable[tuple[str, str, int]], source: str
) -> tuple[dict[str, str], LeftOut]:
    """query_id -> text in order of id, and how many queries were given again unchanged.

    Raises DataError, naming both lines, where one id has two different texts.
    """
    seen: dict[str, tuple[str, int]] = {}
    repeated = 0
    for query_id, text, line in rows:
        before = seen.get(query_id)
        if before is None:
            seen[query_id] = (text, line)
        elif before[0] == text:
            repeated += 1
        else:
            raise DataError(
                f"query {query_id!r} was given at {source}:{before[1]} already, with another text",
                where=f"{source}:{line}",
                remedy="give each query its own id, or keep one of the two",
            )
    left_out = (("queries given again with the same text", repeated),) if repeated else ()
    return {query_id: seen[query_id][0] for query_id in sorted(seen)}, left_out
