"""The rows of a click log, in blocks of text columns: CSV, TSV, JSON lines or Parquet.

One row stands for one shown document. Every value is text here, whatever the format, so that
one set of rules reads it; `fields.py` holds them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.data.fields import json_record
from benchharness.data.lines import COMPRESSED, find_file, numbered_lines
from benchharness.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

NEEDED = ("query", "doc_id", "rank", "clicked", "impression_id")
OPTIONAL = ("dwell_s", "session", "ts")
_FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
_ROWS = 65536


@dataclass(frozen=True)
class Block:
    """Some rows of a log. columns: name -> text column of all rows, "" where there is no value.

    lines: the line of each row, or its row number from 1 in a Parquet file.
    """

    columns: Mapping[str, pa.Array]
    lines: Sequence[int]


def parse_columns(spelled: str) -> dict[str, str]:
    """Our name -> the log's, from `rank=position,query=q`. Raises UsageError."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in spelled.split(","))):
        name, equals, column = (word.strip() for word in part.partition("="))
        if not equals or not column:
            raise UsageError(
                f"--columns {part!r} renames nothing", remedy="--columns rank=position"
            )
        if name not in (*NEEDED, *OPTIONAL):
            raise UsageError(
                f"--columns names {name!r}, which is no column of a click log",
                remedy=did_you_mean(name, (*NEEDED, *OPTIONAL)),
            )
        found[name] = column
    return found


def read_blocks(
    path: Path, renamed: Mapping[str, str] | None = None, *, ranked: bool = True
) -> Iterator[Block]:
    """Yields the rows of a log, block by block, in its order.

    renamed: our name -> the log's. ranked: whether the log must have a rank.

    Raises DataError with file and line (row of a Parquet file) for what cannot be read.
    """
    kind = _format(path)
    wanted = {name: name for name in (*NEEDED, *OPTIONAL)} | dict(renamed or {})
    needed = [name for name in NEEDED if ranked or name != "rank"]
    if kind == ".parquet":
        yield from _parquet(path, wanted, needed)
        return
    file = find_file(path)
    rows = _json_rows if kind == ".jsonl" else _table_rows
    yield from _blocks(rows(file, wanted, needed, tabs=kind == ".tsv"))


def _format(path: Path) -> str:
    name = path.name.lower()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    kind = Path(name).suffix
    if kind not in _FORMATS:
        raise DataError(
            f"the name does not say which format the log has (it ends in {kind or 'nothing'!r})",
            where=str(path),
            remedy=f"name it {', '.join(_FORMATS)}; each but Parquet also .gz or .zst",
        )
    return kind


def _blocks(rows: Iterator[tuple[int, list[str]]]) -> Iterator[Block]:
    """The first row that `rows` yields names the columns."""
    import pyarrow as pa

    _, names = next(rows)
    lines: list[int] = []
    values: list[list[str]] = []

    def block() -> Block:
        columns = zip(names, zip(*values, strict=True), strict=True)
        made = {name: pa.array(column, type=pa.large_string()) for name, column in columns}
        return Block(made, tuple(lines))

    for line, row in rows:
        lines.append(line)
        values.append(row)
        if len(lines) == _ROWS:
            yield block()
            lines, values = [], []
    if lines:
        yield block()


def _check_columns(
    there: Sequence[str], wanted: Mapping[str, str], needed: Iterable[str], where: str
) -> None:
    for name in needed:
        column = wanted[name]
        if column in there:
            continue
        if name == "rank":
            raise DataError(
                f"the log has no column {column!r}: without ranks, what stood high cannot be told "
                "from what is relevant",
                where=where,
                remedy="--columns rank=NAME names it; --no-debias takes clicks as they are",
            )
        near = did_you_mean(column, there) if there else "the log has no columns"
        raise DataError(
            f"the log has no column {column!r}",
            where=where,
            remedy=f"{near} (--columns {name}=NAME names it)",
        )


class _Lines:
    """Lines for the csv module, which remember the number of the last one."""

    def __init__(self, path: Path) -> None:
        self._lines = numbered_lines(path)
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        return line + "\n"


def _table_rows(
    path: Path, wanted: Mapping[str, str], needed: Iterable[str], *, tabs: bool
) -> Iterator[tuple[int, list[str]]]:
    lines = _Lines(path)
    # A tab-separated log has no quotes: `"` is an inch there.
    reader = (
        csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        if tabs
        else csv.reader(lines, strict=True)
    )
    try:
        head = [name.strip() for name in next(reader, [])]
        where = f"{path}:{lines.number or 1}"
        _check_columns(head, wanted, needed, where)
        twice = sorted({name for name in head if head.count(name) > 1} & set(wanted.values()))
        if twice:
            raise DataError(f"there are two columns {twice[0]!r}", where=where, remedy="keep one")
        places = {name: head.index(column) for name, column in wanted.items() if column in head}
        yield lines.number, list(places)
        chosen, width = list(places.values()), len(head)
        for row in reader:
            if len(row) != width:
                raise DataError(
                    f"the row has {len(row)} fields, the header {width}",
                    where=f"{path}:{lines.number}",
                    remedy='quote a value that holds the separator: "a, b"',
                )
            yield lines.number, [row[place] for place in chosen]
    except csv.Error as error:
        raise DataError(
            f"the row cannot be read: {error}",
            where=f"{path}:{lines.number}",
            remedy='close every quote, and write a quote inside of one twice: "5"" pipe"',
        ) from error


def _json_rows(
    path: Path, wanted: Mapping[str, str], needed: Iterable[str], *, tabs: bool
) -> Iterator[tuple[int, list[str]]]:
    del tabs  # of the other format
    names: list[str] = []
    for line, text in numbered_lines(path):
        where = f"{path}:{line}"
        record = json_record(text, where)
        if not names:
            _check_columns(list(record), wanted, needed, where)
            # Optional fields may come later: only clicked rows have a dwell time in many logs.
            names = [name for name in wanted if name != "rank" or wanted[name] in record]
            yield line, names
        yield line, [_text(record.get(wanted[name]), wanted[name], where) for name in names]
    if not names:
        raise DataError("the log is empty", where=str(path), remedy="log one row a shown document")


def _text(value: Any, name: str, where: str) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"{name!r} holds half of a surrogate pair, which is not a character",
                where=where,
                remedy="write the text as valid UTF-8",
            ) from None
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise DataError(
        f"{name!r} is a list or an object", where=where, remedy="write a text or a number"
    )


def _refuse_twice(there: Sequence[str], path: Path) -> None:
    twice = next((name for name in there if there.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"there are two columns {twice!r}", where=str(path), remedy="leave one of them out"
        )


def _as_text(column: pa.Array, name: str, path: Path) -> pa.Array:
    """The column as strings; a duration of dwell_s in seconds, whatever its unit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_duration(column.type):
        if name != "dwell_s":
            raise DataError(
                f"{name} is a duration", where=str(path), remedy=f"write {name} as a plain column"
            )
        nanoseconds = pc.cast(pc.cast(column, pa.duration("ns")), pa.int64())
        column = pc.divide(pc.cast(nanoseconds, pa.float64()), 1e9)
    return pc.cast(column, pa.large_string())


def _parquet(path: Path, wanted: Mapping[str, str], needed: Iterable[str]) -> Iterator[Block]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    find_file(path)
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            there = schema.names
            _refuse_twice(there, path)
            _check_columns(there, wanted, needed, str(path))
            places = {name: column for name, column in wanted.items() if column in there}
            row = 1
            for batch in file.iter_batches(_ROWS, columns=list(dict.fromkeys(places.values()))):
                columns = {
                    name: pc.fill_null(_as_text(batch[column], name, path), "")
                    for name, column in places.items()
                }
                yield Block(columns, range(row, row + len(batch)))
                row += len(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"the Parquet file cannot be read: {reason}",
            where=str(path),
            remedy="write it again; query, ids, rank and clicked are plain columns",
        ) from error
