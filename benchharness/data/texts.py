"""A corpus in bounded memory: `TextTable`, and the builder that fills it.

Ids are one Arrow column in memory. Texts are Arrow columns too; past a threshold they are
written to a temporary file without a name and memory-mapped, so that the operating system
keeps in memory what is being read and drops the rest.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

from benchharness.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_BLOCK_ROWS = 8192  # rows that are Python strings at the same time while a table is walked
_BATCH_BYTES = 8 << 20  # text collected as Python strings before it becomes one Arrow column
_SPILL_BYTES = 64 << 20
_SHOWN = 5  # repeated documents that are remembered by name


class TextColumn(Sequence[str]):
    """A lazy sequence of strings over Arrow chunks, read in the order of `order`.

    `order[row]` is the position of a row among the chunks laid end to end. A string exists in
    Python only while it is asked for: `column[7]`, `column[10:20]` (a list), `column.take(rows)`.
    """

    def __init__(self, chunks: Sequence[pa.Array], order: NDArray[np.int64]) -> None:
        import numpy as np

        self._chunks = list(chunks)
        self._order = order
        lengths = [len(chunk) for chunk in self._chunks]
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        import numpy as np

        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        return self.take([index])[0]

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """The strings of `rows`, in the order of `rows`; negative rows count from the end.

        Raises IndexError where a row is outside the column.
        """
        import numpy as np
        import pyarrow as pa

        positions = self._order[np.asarray(rows, dtype=np.int64)]
        # Arrow's own take on a chunked column copies all chunks into one; going chunk by chunk
        # touches only the pages of the strings that are wanted.
        chunk_of = np.searchsorted(self._starts, positions, side="right") - 1
        by_chunk = np.argsort(chunk_of, kind="stable")
        taken: list[str] = [""] * len(positions)
        cuts = np.flatnonzero(np.diff(chunk_of[by_chunk])) + 1
        for members in np.split(by_chunk, cuts):
            if not len(members):
                continue
            chunk = int(chunk_of[members[0]])
            local = pa.array(positions[members] - self._starts[chunk])
            values = self._chunks[chunk].take(local).to_pylist()
            for position, value in zip(members.tolist(), values, strict=True):
                taken[position] = value
        return taken

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK_ROWS):
            yield from self[start : start + _BLOCK_ROWS]

    def __repr__(self) -> str:
        return f"<{len(self)} strings>"


class TextTable:
    """Documents in order of their id's UTF-8 bytes (the order of Python's `sorted`).

    ids, texts:  lazy sequences of str, row by row.
    repeated:    how many documents were given again with the same id and text, and kept once.
    repeated_at: (doc_id, line) of the first few of those, in order of id.
    source:      the file or name that they were read from, for messages.
    """

    def __init__(
        self,
        ids: TextColumn,
        texts: TextColumn,
        lines: NDArray[np.int64],
        *,
        id_array: pa.Array,
        source: str = "",
        repeated: int = 0,
        repeated_at: tuple[tuple[str, int], ...] = (),
    ) -> None:
        self.ids = ids
        self.texts = texts
        self.source = source
        self.repeated = repeated
        self.repeated_at = repeated_at
        self._lines = lines
        self._id_array = id_array

    @classmethod
    def of(cls, documents: Iterable[tuple[str, str]], source: str = "") -> TextTable:
        """The table of (doc_id, text) pairs in any order; lines count from 1.

        Raises DataError where an id is given twice with different texts.
        """
        builder = TextTableBuilder(None)
        for line, (doc_id, text) in enumerate(documents, start=1):
            builder.add(doc_id, text, line)
        return builder.finish(source)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<TextTable of {len(self)} documents from {self.source or 'memory'}>"

    def id_at(self, row: int) -> str:
        return self.ids[row]

    def line_at(self, row: int) -> int:
        """The line of `source` that the document stands in; 0 where it has none."""
        return int(self._lines[row])

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The row of each id, -1 where there is no such document; [len(ids)]."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(list(ids), type=pa.large_string())
        rows = pc.fill_null(pc.index_in(wanted, value_set=self._id_array), -1)
        found: NDArray[np.int64] = rows.to_numpy(zero_copy_only=False).astype(np.int64)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) of every (id, text) in order of id, each preceded by its length."""
        digest = hashlib.sha256()
        for start in range(0, len(self), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            parts: list[bytes] = []
            for pair in zip(self.ids[block], self.texts[block], strict=True):
                for value in pair:
                    encoded = value.encode()
                    parts.append(len(encoded).to_bytes(8, "little"))
                    parts.append(encoded)
            digest.update(b"".join(parts))
        return digest.hexdigest()


class TextTableBuilder:
    """Collects documents in any order; `finish` makes the `TextTable`.

    `spill_dir` is where texts beyond `spill_bytes` are written (None: the system's temporary
    folder); the file has no name and vanishes with the table.
    """

    def __init__(
        self,
        spill_dir: Path | None,
        *,
        spill_bytes: int = _SPILL_BYTES,
        batch_bytes: int = _BATCH_BYTES,
    ) -> None:
        self._spill_dir = spill_dir
        self._spill_bytes = spill_bytes
        self._batch_bytes = batch_bytes
        self._ids: list[str] = []
        self._texts: list[str] = []
        self._new_lines: list[int] = []
        self._pending_bytes = 0
        self._id_chunks: list[pa.Array] = []
        self._text_chunks: list[pa.Array] = []  # in memory, until they are spilled
        self._line_chunks: list[NDArray[np.int64]] = []
        self._kept_bytes = 0
        self._spill: _Spill | None = None

    def add(self, doc_id: str, text: str, line: int = 0) -> None:
        """Takes one document; `line` is its line in the source, 0 where it has none."""
        self._ids.append(doc_id)
        self._texts.append(text)
        self._new_lines.append(line)
        # 64 bytes stand for the object itself, so that a million empty texts are batched too.
        self._pending_bytes += len(text) + 64
        if self._pending_bytes >= self._batch_bytes:
            self._collect()

    def finish(self, source: str = "") -> TextTable:
        """The table of all documents added.

        Raises DataError, naming both places, where an id was given with two different texts.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self._collect()
        if self._spill is not None:
            self._text_chunks = self._spill.mapped()
        # combine_chunks of nothing still needs a type, hence the empty chunk.
        empty = pa.array([], type=pa.large_string())
        ids = pa.chunked_array([empty, *self._id_chunks]).combine_chunks()
        lines = np.concatenate([np.zeros(0, np.int64), *self._line_chunks])
        self._id_chunks = []
        # Arrow compares bytes and the sort is stable: equal ids stay in order of the file.
        order = pc.sort_indices(ids).to_numpy(zero_copy_only=False).astype(np.int64)
        in_order = ids.take(pa.array(order))
        repeats = _repeats(in_order)
        texts = TextColumn(self._text_chunks, order)
        repeated_at: tuple[tuple[str, int], ...] = ()
        if len(repeats):
            _refuse_different(repeats, in_order, texts, lines[order], source)
            repeated_at = tuple(
                (in_order[row].as_py(), int(lines[order[row]])) for row in repeats[:_SHOWN].tolist()
            )
            kept = np.setdiff1d(np.arange(len(order)), repeats)
            order, in_order = order[kept], in_order.take(pa.array(kept))
        return TextTable(
            TextColumn([in_order], np.arange(len(order))),
            TextColumn(self._text_chunks, order),
            lines[order],
            id_array=in_order,
            source=source,
            repeated=len(repeats),
            repeated_at=repeated_at,
        )

    def _collect(self) -> None:
        """Turns the pending strings into Arrow columns, and spills them past the threshold."""
        import numpy as np

        if not self._ids:
            return
        self._id_chunks.append(_arrow(self._ids, self._ids))
        texts = _arrow(self._texts, self._ids)
        self._line_chunks.append(np.array(self._new_lines, dtype=np.int64))
        self._ids, self._texts, self._new_lines, self._pending_bytes = [], [], [], 0
        if self._spill is None:
            self._text_chunks.append(texts)
            self._kept_bytes += texts.nbytes
            if self._kept_bytes <= self._spill_bytes:
                return
            self._spill = _Spill(self._spill_dir)
            for chunk in self._text_chunks:
                self._spill.write(chunk)
            self._text_chunks = []
        else:
            self._spill.write(texts)


class _Spill:
    """An Arrow file without a name, written once and then memory-mapped."""

    def __init__(self, folder: Path | None) -> None:
        import pyarrow as pa

        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        except OSError as error:
            raise DataError(
                f"no temporary file can be made for a large corpus: {error.strerror}",
                where=str(folder or tempfile.gettempdir()),
                remedy="free space there, or set TMPDIR to a folder on a large disk",
            ) from error
        schema = pa.schema([("text", pa.large_string())])
        self._writer = pa.ipc.new_file(self._file, schema)

    def write(self, texts: pa.Array) -> None:
        import pyarrow as pa

        self._writer.write_batch(pa.record_batch([texts], names=["text"]))

    def mapped(self) -> list[pa.Array]:
        """The written columns; they hold the map, and the map outlives the closed file."""
        import pyarrow as pa

        self._writer.close()
        self._file.flush()
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file.close()
        reader = pa.ipc.open_file(pa.py_buffer(mapped))
        return [reader.get_batch(n).column(0) for n in range(reader.num_record_batches)]


def _arrow(values: list[str], ids: list[str]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, type=pa.large_string())
    except UnicodeEncodeError as error:
        broken = next(n for n, value in enumerate(values) if not _encodable(value))
        raise DataError(
            "the id or text holds half of a surrogate pair, which is not a character",
            where=ascii(ids[broken]),
            remedy="write the text as valid UTF-8",
        ) from error


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _repeats(in_order: pa.Array) -> NDArray[np.int64]:
    """The rows whose id equals that of the row before."""
    import numpy as np
    import pyarrow.compute as pc

    if len(in_order) < 2:
        return np.zeros(0, np.int64)
    same = pc.equal(in_order.slice(1), in_order.slice(0, len(in_order) - 1))
    return np.flatnonzero(same.to_numpy(zero_copy_only=False)) + 1


def _refuse_different(
    repeats: NDArray[np.int64],
    in_order: pa.Array,
    texts: TextColumn,
    lines: NDArray[np.int64],
    source: str,
) -> None:
    """Raises DataError where a repeated row's text differs from that of the row before it."""
    for start in range(0, len(repeats), _BLOCK_ROWS):
        rows = repeats[start : start + _BLOCK_ROWS]
        pairs = zip(rows.tolist(), texts.take(rows - 1), texts.take(rows), strict=True)
        for row, before, text in pairs:
            if before == text:
                continue
            doc_id = in_order[row].as_py()
            first, second = int(lines[row - 1]), int(lines[row])
            raise DataError(
                f"document {doc_id!r} was given at {_place(source, first)} already, "
                "with another text",
                where=_place(source, second),
                remedy="give each document its own id, or keep one of the two",
            )


def _place(source: str, line: int) -> str:
    return f"{source}:{line}" if line else source
