"""A log as numbers on disk: names are kept once, rows are 33 bytes in temporary files.

Memory grows with the distinct queries, documents, sessions and impressions, not with the rows.
The rows are spread over files by their impression, so that what belongs to one page is in memory
together.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from benchharness.data.similarity import normalised
from benchharness.errors import DataError
from benchharness.pairs.clicks import fields
from benchharness.pairs.clicks.log import Block, read_blocks
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Records = NDArray[np.void]

CLICKED, STAYED = 1, 2  # flags: it was clicked; and the click was no bounce
NO_SESSION = -1
PARTS = 64
_FIELDS = [
    ("impression", "<u8"), ("spelling", "<i4"), ("doc", "<i4"), ("rank", "<i4"),
    ("session", "<i4"), ("time", "<f8"), ("flags", "u1"),
]  # fmt: skip


class Intake:
    """The rows of one log; a context manager, whose files vanish with it.

    spellings: query as it was written, without odd blanks -> number. docs: doc_id -> number.
    rows:      rows of the log. nameless: rows without a query, which are not kept.
    present:   optional columns that hold a value.
    sessions:  number of distinct sessions.
    """

    def __init__(self) -> None:
        self.spellings: dict[str, int] = {}
        self.docs: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        self.rows = 0
        self.nameless = 0
        self.present: set[str] = set()
        self._stack = ExitStack()
        self._files: list[IO[bytes]] = []

    def __enter__(self) -> Intake:
        try:
            self._files = [
                self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                for _ in range(PARTS)
            ]
        except OSError as error:
            self._stack.close()
            raise _no_space(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    def read(
        self,
        path: Path,
        renamed: Mapping[str, str] | None = None,
        *,
        ranked: bool = True,
        min_dwell_s: float = 0.0,
        listener: Listener = silent,
    ) -> None:
        """Takes every row of the log. Raises DataError with file and line.

        ranked: whether ranks are used; without, all count as rank 1.
        """
        for block in read_blocks(path, renamed, ranked=ranked):
            self._take(block, str(path), min_dwell_s, ranked=ranked)
            listener(Step("reading the log", self.rows, 0, "rows"))
        if not self.rows:
            raise DataError(
                "the log has no row", where=str(path), remedy="log one row a shown document"
            )

    def parts(self) -> Iterator[tuple[int, Records]]:
        """Yields (number, rows) of each file."""
        import numpy as np

        for number, file in enumerate(self._files):
            file.seek(0)
            yield number, np.frombuffer(file.read(), dtype=np.dtype(_FIELDS))

    def replace(self, number: int, records: Records) -> None:
        """Writes the rows in place of those of a file."""
        file = self._files[number]
        file.seek(0)
        file.truncate()
        self._write(file, records)

    def _take(self, block: Block, source: str, min_dwell_s: float, *, ranked: bool) -> None:
        import numpy as np

        def column(name: str, rule: fields.Rule, dtype: Any, otherwise: float) -> NDArray[Any]:
            if name not in block.columns:
                return np.full(len(block.lines), otherwise, dtype=dtype)
            return fields.numbers(block.columns[name], rule, dtype, name, source, block.lines)

        records = np.empty(len(block.lines), dtype=np.dtype(_FIELDS))
        records["impression"] = column("impression_id", _hashed, np.uint64, 0)
        records["spelling"] = column("query", self._spelled, np.int32, NO_SESSION)
        records["doc"] = column("doc_id", self._doc, np.int32, 0)
        records["rank"] = column("rank", fields.rank, np.int32, 1) if ranked else 1
        records["session"] = column("session", self._session, np.int32, NO_SESSION)
        records["time"] = column("ts", fields.timestamp, np.float64, np.nan)
        clicked = column("clicked", fields.clicked, np.bool_, 0)
        dwell = column("dwell_s", fields.dwell_s, np.float64, np.nan)
        bounced = clicked & (dwell < min_dwell_s)
        records["flags"] = CLICKED * clicked + STAYED * (clicked & ~bounced)
        seen = {
            "session": (records["session"] != NO_SESSION).any(),
            "dwell_s": (~np.isnan(dwell)).any(),
            "ts": (~np.isnan(records["time"])).any(),
        }
        self.present |= {name for name, found in seen.items() if found}
        kept = records[records["spelling"] >= 0]
        self.rows += len(records)
        self.nameless += len(records) - len(kept)
        part = kept["impression"] % np.uint64(PARTS)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(PARTS + 1))
        for number, file in enumerate(self._files):
            self._write(file, kept[order[ends[number] : ends[number + 1]]])

    def _write(self, file: IO[bytes], records: Records) -> None:
        try:
            file.write(records.tobytes())
        except OSError as error:
            raise _no_space(error) from error

    def _spelled(self, text: str) -> int:
        spelling = " ".join(text.split())
        return self.spellings.setdefault(spelling, len(self.spellings)) if spelling else -1

    def _doc(self, text: str) -> int:
        return self.docs.setdefault(fields.text_id(text), len(self.docs))

    def _session(self, text: str) -> int:
        if not text.strip():
            return NO_SESSION
        return self._sessions.setdefault(text, len(self._sessions))


def queries_of(spellings: Mapping[str, int]) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """(spellings in order, normalised queries in order, the query of each spelling)."""
    import numpy as np

    names = sorted(spellings)
    keys = [normalised(name) for name in names]
    queries = sorted(set(keys))
    number = {query: place for place, query in enumerate(queries)}
    return names, queries, np.array([number[key] for key in keys], dtype=np.int64)


def _hashed(text: str) -> int:
    digest = hashlib.blake2b(fields.text_id(text).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _no_space(error: OSError) -> DataError:
    return DataError(
        f"the rows of the log cannot be kept in temporary files: {error.strerror}",
        where=tempfile.gettempdir(),
        remedy="free space there (33 bytes a row), or set TMPDIR to a folder on a large disk",
    )
