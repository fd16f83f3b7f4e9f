"""The passages of a corpus, in bounded memory, and which of them are asked about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.similarity import near_duplicates, text_key
from benchharness.data.texts import TextColumn, TextTable, TextTableBuilder
from benchharness.errors import DataError
from benchharness.pairs.written.corpora import Corpus
from benchharness.pairs.written.prompting import draw
from benchharness.pairs.written.setting import Setting
from benchharness.pairs.written.splitting import Splitter
from benchharness.pairs.written.words import words_of
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Documents whose texts are Python strings at the same time: they may be long.
_AT_ONCE = 128
HASH_DIGITS = 32
_COMPARED = 10_000  # passages of either side among which near duplicates are sought at once


@dataclass(frozen=True)
class Passage:
    """A stretch of a document.

    start: in characters of the document's text. hash: of the text (sha256, 32 hex digits).
    """

    doc_id: str
    start: int
    text: str
    hash: str


@dataclass(frozen=True, eq=False)
class Passages:
    """All passages of a corpus in order of (doc_id, start); texts stay on disk where they are many.

    documents:   the corpus.
    texts:       of the passages, read lazily; [n].
    doc_rows:    row of each passage's document; [n].
    starts:      [n].
    hashes:      of the texts, as bytes of hex digits; [n].
    keys:        `text_key` of the texts, equal for texts equal but for case and blanks; [n].
    is_whole:    whether the passage is its whole document; [n].
    is_short:    whether it has fewer words than the setting asks for; [n].
    blank:       documents without text.
    """

    documents: TextTable
    texts: TextColumn
    doc_rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    hashes: NDArray[np.bytes_]
    keys: NDArray[np.uint64]
    is_whole: NDArray[np.bool_]
    is_short: NDArray[np.bool_]
    blank: int

    def __len__(self) -> int:
        return len(self.doc_rows)

    def take(self, rows: NDArray[np.int64]) -> list[Passage]:
        """The passages of these rows, in their order."""
        columns = (
            self.documents.ids.take(self.doc_rows[rows]), self.starts[rows].tolist(),
            self.texts.take(rows), self.hashes[rows].tolist(),
        )  # fmt: skip
        return [
            Passage(doc_id, start, text, digest.decode())
            for doc_id, start, text, digest in zip(*columns, strict=True)
        ]

    def walk(self, rows: NDArray[np.int64]) -> Iterator[tuple[int, Passage]]:
        """Yields (row, passage) of these rows in their order; a few are in memory."""
        for first in range(0, len(rows), 8 * _AT_ONCE):
            block = rows[first : first + 8 * _AT_ONCE]
            yield from zip(block.tolist(), self.take(block), strict=True)

    def name(self, row: int) -> str:
        """What the passage is called; see `names`."""
        return self.names([row])[0]

    def names(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """The document's id where a passage is all of it; else with `#` and where it begins."""
        columns = (
            self.documents.ids.take(self.doc_rows[rows]), self.starts[rows].tolist(),
            self.is_whole[rows].tolist(),
        )  # fmt: skip
        return [
            doc_id if is_whole else f"{doc_id}#{start}"
            for doc_id, start, is_whole in zip(*columns, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Chosen:
    """Which passages are asked about; each of the others is counted once, in this order.

    rows:     in order; no two have texts that are equal but for case and blanks.
    short:    with too few words.
    of_tests: in documents that are relevant to test queries, or with nearly a text of theirs.
    repeated: with the text of a passage before.
    unsampled: left out by the choice of a number.
    """

    rows: NDArray[np.int64]
    short: int
    of_tests: int
    repeated: int
    unsampled: int


def collect(
    corpus: Corpus, splitter: Splitter, setting: Setting, listener: Listener = silent
) -> Passages:
    """The passages of all documents; short documents are one passage each, the document itself.

    Raises DataError where no document holds text.
    """
    import numpy as np

    documents = corpus.documents
    columns = _Columns(setting.min_words)
    blank = 0
    for first in range(0, len(documents), _AT_ONCE):
        listener(Step("split into passages", first, len(documents), "documents"))
        texts = [text.strip() for text in documents.texts[first : first + _AT_ONCE]]
        ids = documents.ids[first : first + _AT_ONCE]
        counts = splitter.token_counts(texts)
        for row, text in enumerate(texts):
            if not text:
                blank += 1
            elif counts[row] <= splitter.capacity:
                columns.add(first + row, 0, text, is_whole=True)
            else:
                for start, piece in splitter.split(ids[row], text):
                    columns.add(first + row, start, piece, is_whole=False)
    listener(Step("split into passages", len(documents), len(documents), "documents"))
    if not columns.doc_rows:
        raise DataError("no document of the corpus holds text", where=corpus.name)
    return Passages(
        documents=documents,
        texts=columns.builder.finish(corpus.name).texts,
        doc_rows=np.array(columns.doc_rows, dtype=np.int64),
        starts=np.array(columns.starts, dtype=np.int64),
        hashes=np.array(columns.hashes, dtype=f"S{HASH_DIGITS}"),
        keys=np.array(columns.keys, dtype=np.uint64),
        is_whole=np.array(columns.is_whole, dtype=bool),
        is_short=np.array(columns.is_short, dtype=bool),
        blank=blank,
    )


class _Columns:
    """The columns of the passages while they are collected."""

    def __init__(self, min_words: int) -> None:
        self.builder = TextTableBuilder(None)
        self.doc_rows: list[int] = []
        self.starts: list[int] = []
        self.hashes: list[bytes] = []
        self.keys: list[int] = []
        self.is_whole: list[bool] = []
        self.is_short: list[bool] = []
        self._min_words = min_words

    def add(self, doc_row: int, start: int, text: str, *, is_whole: bool) -> None:
        # Rows of a table are in order of its ids, and passages come in their order.
        self.builder.add(f"{len(self.doc_rows):012}", text)
        self.doc_rows.append(doc_row)
        self.starts.append(start)
        self.hashes.append(hash_of(text).encode())
        self.keys.append(text_key(text))
        self.is_whole.append(is_whole)
        self.is_short.append(len(words_of(text)) < self._min_words)


def hash_of(text: str) -> str:
    """sha256 of a passage's text, first 32 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def choose(
    passages: Passages, corpus: Corpus, setting: Setting, listener: Listener = silent
) -> Chosen:
    """Which passages are asked about, by the texts and the seed alone.

    Of a number smaller than all, every document gives one passage before any gives a second; a
    larger number takes the same ones and more.
    """
    import numpy as np

    short = passages.is_short
    of_tests = np.zeros(len(passages), dtype=bool)
    if corpus.test_documents and not setting.with_test_documents:
        relevant = corpus.documents.rows_of(sorted(corpus.test_documents))
        of_tests = np.isin(passages.doc_rows, relevant)
        held = np.flatnonzero(of_tests)
        of_tests |= np.isin(passages.keys, passages.keys[of_tests])
        others = np.flatnonzero(~short & ~of_tests)
        of_tests[_near(passages, held, others, listener)] = True
    of_tests &= ~short
    eligible = np.flatnonzero(~short & ~of_tests)
    _, first = np.unique(passages.keys[eligible], return_index=True)
    distinct = eligible[np.sort(first)]
    rows = distinct
    if setting.passages is not None and setting.passages < len(distinct):
        rows = np.sort(_spread(passages, distinct, setting.seed)[: setting.passages])
    return Chosen(
        rows=rows,
        short=int(short.sum()),
        of_tests=int(of_tests.sum()),
        repeated=len(eligible) - len(distinct),
        unsampled=len(distinct) - len(rows),
    )


def _near(
    passages: Passages, held: NDArray[np.int64], others: NDArray[np.int64], listener: Listener
) -> list[int]:
    """Those of the other rows whose texts are near duplicates of held ones, a block at a time."""
    found: list[int] = []
    for first in range(0, len(others), _COMPARED):
        listener(Step("look for copies of test documents", first, len(others), "passages"))
        block = others[first : first + _COMPARED]
        texts = passages.texts.take(block)
        for start in range(0, len(held), _COMPARED):
            tests = passages.texts.take(held[start : start + _COMPARED])
            for group in near_duplicates([*tests, *texts]):
                if group[0] < len(tests):
                    found += [int(block[n - len(tests)]) for n in group if n >= len(tests)]
    return found


def _spread(passages: Passages, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """The rows in the order in which a sample takes them: a passage of each document in turn."""
    import numpy as np

    drawn = np.array(
        [draw(seed, "sample", digest.decode()) for digest in passages.hashes[rows].tolist()],
        dtype=np.uint64,
    )
    doc_rows = passages.doc_rows[rows]
    order = np.lexsort((drawn, doc_rows))
    in_order = doc_rows[order]
    begins = np.searchsorted(in_order, in_order)
    turn = np.empty(len(rows), dtype=np.int64)
    turn[order] = np.arange(len(rows)) - begins
    return rows[np.lexsort((drawn, turn))]


def index_lines(passages: Passages, rows: NDArray[np.int64]) -> Iterator[str]:
    """Yields a line of JSON for each passage asked about: where the text of a hash stands."""
    for _, passage in passages.walk(rows):
        row = {
            "hash": passage.hash, "doc_id": passage.doc_id, "start": passage.start,
            "characters": len(passage.text),
        }  # fmt: skip
        yield json.dumps(row, ensure_ascii=False) + "\n"
