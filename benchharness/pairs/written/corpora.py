"""Which documents queries are written for, and what of them belongs to a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchharness.data.dataset import Dataset
from benchharness.data.jsonl import read_corpus
from benchharness.data.lines import COMPRESSED, find_file
from benchharness.data.load import load
from benchharness.data.references import parse_reference
from benchharness.data.texts import TextTable, TextTableBuilder
from benchharness.errors import DataError, UsageError

_FORMS = "beir:DIR, docstrings:PACKAGE, a file of JSON lines, or a folder of .md and .txt files"
_TEXT_FILES = (".md", ".txt")


@dataclass(frozen=True, eq=False)
class Corpus:
    """Documents, and the test side that what is made of them must not give away.

    test_queries:   texts of the test queries; none where no suite is named.
    test_documents: ids of the documents that are relevant to any of them.
    """

    name: str
    documents: TextTable
    test_queries: tuple[str, ...] = ()
    test_documents: frozenset[str] = frozenset()


def open_corpus(spelled: str, base: Path) -> Corpus:
    """The corpus that is spelled `beir:DIR`, `docstrings:PACKAGE`, or as a file or folder.

    A file holds JSON lines with an id and a text; of a folder each .md and .txt file is a
    document, and its path in the folder is the id. base: where relative paths start.

    Raises UsageError for anything else, DataError where it cannot be read or is empty.
    """
    documents = _documents(spelled, base)
    if not len(documents):
        raise DataError("the corpus holds no document", where=spelled, remedy=f"name {_FORMS}")
    return Corpus(spelled, documents)


def corpus_of_suite(name: str, data: Dataset) -> Corpus:
    """The corpus of a suite's data set, whose judged queries are the test side."""
    rows = zip(data.qrels.query_ids, data.qrels.doc_ids, data.qrels.relevance.tolist(), strict=True)
    relevant = frozenset(doc_id for _, doc_id, grade in rows if grade > 0)
    asked = (data.queries.get(query_id, "") for query_id in sorted(set(data.qrels.query_ids)))
    return Corpus(name, data.corpus, tuple(filter(None, asked)), relevant)


def _documents(spelled: str, base: Path) -> TextTable:
    path = base / Path(spelled).expanduser()
    kind, colon, place = spelled.partition(":")
    if path.is_dir():
        return _read_folder(path, spelled)
    if path.is_file():
        return read_corpus(path)
    if kind == "beir" and place:
        # The corpus alone: a folder without judgments is good enough to write queries for.
        folder = base / Path(place).expanduser()
        return read_corpus(find_file(folder / "corpus.jsonl"))
    # `C:\…` is a path that is not there, not a kind of data.
    if colon and len(kind) > 1 and not path.suffix.startswith((".json", *COMPRESSED)):
        return load(parse_reference(spelled), base).corpus
    raise UsageError("there is no such corpus", where=spelled, remedy=f"name {_FORMS}")


def _read_folder(folder: Path, spelled: str) -> TextTable:
    if (folder / "corpus.jsonl").is_file():
        raise UsageError(
            "this folder holds a corpus.jsonl", where=spelled, remedy=f"write beir:{spelled}"
        )
    builder = TextTableBuilder(None)
    found = False
    for path in _text_files(folder):
        found = True
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(
                f"not UTF-8: byte 0x{error.object[error.start]:02x} at byte {error.start + 1}",
                where=str(path),
                remedy="convert the file, for instance: iconv -f latin1 -t utf-8 FILE > FILE.utf8",
            ) from None
        except OSError as error:
            raise DataError(
                f"the file cannot be read: {error.strerror}", where=str(path),
                remedy="check its permissions",
            ) from error  # fmt: skip
        builder.add(path.relative_to(folder).as_posix(), text.strip())
    if not found:
        raise DataError(
            "the folder holds no .md or .txt file", where=spelled, remedy=f"name {_FORMS}"
        )
    return builder.finish(spelled)


def _text_files(folder: Path) -> Iterator[Path]:
    """Yields the files in order of their paths; what is hidden, such as .git, is left out."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(_TEXT_FILES) and not name.startswith("."):
                yield Path(place) / name
