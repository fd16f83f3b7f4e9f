"""The reader behind `trec(corpus, topics, qrels)`: TREC's SGML, or JSON lines and tables."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset
from benchharness.data.fields import (
    DOC_ID_NAMES,
    document_text_of,
    identifier,
    identifier_of,
    json_record,
    with_title,
)
from benchharness.data.jsonl import gather_queries, read_queries
from benchharness.data.judgments import collect, read_trec
from benchharness.data.lines import find_file, numbered_lines
from benchharness.data.texts import TextTable, TextTableBuilder
from benchharness.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TITLES = ("TITLE", "HEADLINE", "HL", "TI")
_TEXTS = ("TEXT", "BODY", "ABSTRACT")
_TAG = re.compile(r"<[/!?A-Za-z][^<>]*>")
_TOPIC_FIELD = re.compile(r"<(num|title|desc|narr)[^>]*>(.*?)(?=<[/a-z]|\Z)", re.DOTALL | re.I)


def read(corpus: Path, topics: Path, qrels: Path, spill_dir: Path | None = None) -> Dataset:
    """The dataset of a TREC collection.

    corpus: a file, or a folder whose files are all read, of `<DOC>` elements or JSON lines.
    topics: `<top>` elements (the query is the title), lines `query_id TAB text`, or JSON lines.
    qrels:  four columns separated by blanks.

    Raises DataError with file and line for what cannot be read.
    """
    topics_file, qrels_file = find_file(topics), find_file(qrels)
    queries, repeated = gather_queries(_topics(topics_file), str(topics_file))
    judgments, left_out = collect(read_trec(qrels_file), str(qrels_file))
    return Dataset(
        name=corpus.parent.resolve().name if corpus.suffix else corpus.resolve().name,
        corpus=_corpus(corpus, spill_dir),
        queries=queries,
        qrels=judgments,
        left_out=left_out + repeated,
    )


def _corpus(path: Path, spill_dir: Path | None) -> TextTable:
    if path.is_dir():
        files = sorted(found for found in path.rglob("*") if found.is_file())
    else:
        files = [find_file(path)]
    builder = TextTableBuilder(spill_dir)
    for file in files:
        for doc_id, text, line in _documents(file):
            # A line of one file among many would name the wrong place.
            builder.add(doc_id, text, line if len(files) == 1 else 0)
    return builder.finish(str(files[0]) if len(files) == 1 else str(path))


def _documents(path: Path) -> Iterator[tuple[str, str, int]]:
    first = next(numbered_lines(path), None)
    if first is not None and first[1].lstrip().startswith("{"):
        for line, text in numbered_lines(path):
            where = f"{path}:{line}"
            record = json_record(text, where)
            yield (
                identifier_of(record, DOC_ID_NAMES, where),
                document_text_of(record, where),
                line,
            )
        return
    for line, element in _elements(path, "DOC"):
        where = f"{path}:{line}"
        doc_id = _plain(_inside(element, ("DOCNO",)))
        if not doc_id:
            raise DataError(
                "the document has no <DOCNO>", where=where, remedy="give it <DOCNO>id</DOCNO>"
            )
        yield identifier(doc_id, "DOCNO", where), _document_text(element), line


def _document_text(element: str) -> str:
    """Title and text without tags; a document without <TEXT> is all its content but the id."""
    title = _plain(_inside(element, _TITLES))
    text = _inside(element, _TEXTS)
    if text:
        return with_title(title, _plain(text))
    return _plain(re.sub(r"<DOCNO>.*?</DOCNO>", " ", element, flags=re.DOTALL | re.I))


def _inside(element: str, names: tuple[str, ...]) -> str:
    """The content of all elements of the first of `names` that occurs."""
    for name in names:
        found = re.findall(rf"<{name}\b[^>]*>(.*?)</{name}>", element, flags=re.DOTALL | re.I)
        if found:
            return " ".join(found)
    return ""


def _plain(sgml: str) -> str:
    """Text without tags and entities; line breaks of SGML are layout, so blanks are collapsed."""
    return " ".join(html.unescape(_TAG.sub(" ", sgml)).split())


def _topics(path: Path) -> Iterator[tuple[str, str, int]]:
    first = next(numbered_lines(path), None)
    if first is None:
        return iter(())
    if first[1].lstrip().startswith("{"):
        return read_queries(path)
    if "\t" in first[1] and not first[1].lstrip().startswith("<"):
        return _topics_of_table(path)
    return _topics_of_sgml(path)


def _topics_of_table(path: Path) -> Iterator[tuple[str, str, int]]:
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        query_id, tab, query = text.partition("\t")
        if not tab:
            raise DataError(
                "the line has no tab between query id and text",
                where=where,
                remedy="write: query_id TAB text",
            )
        yield identifier(query_id.strip(), "query id", where), query.strip(), line


def _topics_of_sgml(path: Path) -> Iterator[tuple[str, str, int]]:
    for line, element in _elements(path, "top"):
        where = f"{path}:{line}"
        fields: dict[str, str] = {}
        for name, content in _TOPIC_FIELD.findall(element):
            fields.setdefault(name.lower(), _plain(content))
        query_id = re.sub(r"^Number:\s*", "", fields.get("num", ""), flags=re.I)
        title = re.sub(r"^Topic:\s*", "", fields.get("title", ""), flags=re.I)
        if not query_id or not title:
            raise DataError(
                f"the topic has no <{'title' if query_id else 'num'}>",
                where=where,
                remedy="a topic reads: <top> <num> Number: 301 <title> text </top>",
            )
        yield query_id, title, line


def _elements(path: Path, name: str) -> Iterator[tuple[int, str]]:
    """Yields (line of the opening tag, content) of each `<name>` element, one at a time."""
    opening = re.compile(rf"<{name}\b[^>]*>", re.I)
    closing = re.compile(rf"</{name}>", re.I)
    started, found = 0, False
    content: list[str] = []
    for line, text in numbered_lines(path):
        rest = text
        while True:
            tag = (closing if started else opening).search(rest)
            if started:
                content.append(rest[: tag.start()] if tag else rest)
            if tag is None:
                break
            if started:
                yield started, "\n".join(content)
                started, content = 0, []
            else:
                started, found = line, True
            rest = rest[tag.end() :]
    if started:
        raise DataError(
            f"<{name}> is not closed by </{name}>", where=f"{path}:{started}", remedy="close it"
        )
    if not found and path.stat().st_size:
        raise DataError(
            f"no <{name}> in the file",
            where=f"{path}:1",
            remedy=f"files of <{name}> elements and JSON lines are read"
            + (", and lines of: query_id TAB text" if name == "top" else ""),
        )
