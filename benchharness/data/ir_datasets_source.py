"""The reader behind `ir_datasets(id)`: any data set of the package of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchharness.data.dataset import Dataset
from benchharness.data.fields import grade, identifier, whole_characters, with_title
from benchharness.data.jsonl import gather_queries
from benchharness.data.judgments import Judgment, collect
from benchharness.data.texts import TextTable, TextTableBuilder
from benchharness.errors import DataError, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ir_datasets import Dataset as Collection

_TEXT_FIELDS = ("text", "body", "abstract", "contents")
_QUERY_FIELDS = ("text", "title", "query")


def read(dataset_id: str, spill_dir: Path | None = None) -> Dataset:
    """The dataset of an id such as "beir/scifact/test"; the package downloads what it needs.

    A document is its title + " " + text (or body); where a collection has other fields, the
    text that ir_datasets itself calls the default. Raises DataError where the id is unknown,
    lacks documents, queries or judgments, or cannot be downloaded.
    """
    source = f"ir_datasets:{dataset_id}"
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingDependency.of(
            "ir-datasets", extra="ir-datasets", wanted_for=f"reading {source}"
        ) from error
    try:
        collection = ir_datasets.load(dataset_id)
    except KeyError as error:
        raise DataError(
            f"ir_datasets knows no data set {dataset_id!r}",
            where=source,
            remedy="see `ir_datasets list`; ids with judgments often end in /test or /dev",
        ) from error
    for part in ("docs", "queries", "qrels"):
        if not getattr(collection, f"has_{part}")():
            raise DataError(
                f"the data set has no {part}",
                where=source,
                remedy="name a data set with documents, queries and judgments, such as "
                f"{dataset_id}/test",
            )
    try:
        queries, repeated = gather_queries(_queries(collection, source), source)
        qrels, left_out = collect(_judgments(collection, source), source)
        corpus = _corpus(collection, source, spill_dir)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"the data set could not be read or downloaded: {_first_line(error)}",
            where=source,
            remedy="check the network, or place the files where ir_datasets expects them "
            "(IR_DATASETS_HOME)",
        ) from error
    return Dataset(
        name=dataset_id,
        corpus=corpus,
        queries=queries,
        qrels=qrels,
        left_out=left_out + repeated,
        details=(("ir_datasets", str(getattr(ir_datasets, "__version__", "unknown"))),),
    )


def _corpus(collection: Collection, source: str, spill_dir: Path | None) -> TextTable:
    builder = TextTableBuilder(spill_dir)
    for number, document in enumerate(collection.docs_iter(), start=1):
        where = f"{source} document {number}"
        doc_id = identifier(document.doc_id, "doc_id", where)
        text = whole_characters(_document_text(document, where), "text", where)
        builder.add(doc_id, text, number)
    return builder.finish(source)


def _document_text(document: NamedTuple, where: str) -> str:
    title = getattr(document, "title", None) or ""
    for name in _TEXT_FIELDS:
        text = getattr(document, name, None)
        if isinstance(text, str):
            return with_title(title, text)
    if hasattr(document, "default_text"):
        return str(document.default_text()).strip()
    raise DataError(
        f"the document has no text; its fields are {', '.join(document._fields)}",
        where=where,
        remedy="export the collection to JSON lines and read it by jsonl(...)",
    )


def _queries(collection: Collection, source: str) -> Iterator[tuple[str, str, int]]:
    for number, query in enumerate(collection.queries_iter(), start=1):
        where = f"{source} query {number}"
        texts = (getattr(query, name, None) for name in _QUERY_FIELDS)
        text = next((text for text in texts if isinstance(text, str)), None)
        if text is None:
            raise DataError(
                f"the query has no text; its fields are {', '.join(query._fields)}",
                where=where,
                remedy="export the queries to JSON lines and read them by jsonl(...)",
            )
        query_id = identifier(query.query_id, "query_id", where)
        yield query_id, whole_characters(text.strip(), "text", where), number


def _judgments(collection: Collection, source: str) -> Iterator[Judgment]:
    for number, judged in enumerate(collection.qrels_iter(), start=1):
        where = f"{source} judgment {number}"
        query_id = identifier(judged.query_id, "query_id", where)
        doc_id = identifier(judged.doc_id, "doc_id", where)
        yield query_id, doc_id, grade(judged.relevance, where), number


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
