"""Texts with labels, and their file format: JSON lines, or a table.

    {"text": "where is my card", "label": "card_arrival"}

or a CSV file with the header text,label; each plain, .gz or .zst.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchharness.data.fields import json_record, text_of, whole_characters
from benchharness.data.lines import numbered_lines
from benchharness.errors import DataError
from benchharness.judge.numbers import format_count

_COLUMNS = ("text", "label")
_EXAMPLE = 'write one object a line, {"text": "…", "label": "…"}, or a CSV table text,label'


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and the label of each, in the order of the file `source`."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    source: str


def read_labelled(path: Path) -> LabelledTexts:
    """The texts of a file in its order; numbers as labels become texts. Raises DataError."""
    found = [(text, label) for _, text, label in labelled_rows(path)]
    if not found:
        raise DataError("the file holds no text with a label", where=str(path), remedy=_EXAMPLE)
    texts, labels = zip(*found, strict=True)
    return LabelledTexts(texts, labels, str(path))


def labelled_rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yields (file:line, text, label) of a file, one at a time. Raises DataError."""
    rows = _csv_rows(path) if ".csv" in path.suffixes else _json_rows(path)
    for row, where in rows:
        yield where, _text(row, where), _label(row, where)


def _json_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    for number, line in numbered_lines(path):
        where = f"{path}:{number}"
        row = json_record(line, where)
        _refuse_others(row, where)
        yield row, where


def _csv_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    reader = csv.reader(_all_lines(path), strict=True)
    header: list[str] | None = None
    where = f"{path}:1"
    try:
        for cells in reader:
            if cells and header is None:
                header = [cell.strip() for cell in cells]
                _check_header(header, where)
            elif cells and header is not None:
                if len(cells) != len(header):
                    raise DataError(
                        f"the row has {format_count(len(cells), 'column')}, not {len(header)}",
                        where=where, remedy="put a text that holds commas in double quotes",
                    )  # fmt: skip
                yield dict(zip(header, cells, strict=True)), where
            where = f"{path}:{reader.line_num + 1}"  # where the next row begins
    except csv.Error as error:
        raise DataError(
            f"not valid CSV: {error}", where=where,
            remedy='put texts in double quotes, and write a double quote within them twice: ""',
        ) from error  # fmt: skip


def _all_lines(path: Path) -> Iterator[str]:
    """Yields the lines with the blank ones, which may stand within a quoted text."""
    last = 0
    for number, line in numbered_lines(path):
        yield from ["\n"] * (number - last - 1)
        yield f"{line}\n"
        last = number


def _check_header(header: Sequence[str], where: str) -> None:
    _refuse_others(header, where)
    if sorted(header) != sorted(_COLUMNS):
        raise DataError(
            f"the header is {','.join(header)!r}", where=where,
            remedy="the first line of a CSV file is text,label",
        )  # fmt: skip


def _refuse_others(columns: Iterable[str], where: str) -> None:
    unknown = sorted(set(columns) - set(_COLUMNS))
    if unknown:
        raise DataError(
            f"unknown column {unknown[0]!r}", where=where,
            remedy="remove it: only text and label are read, and a second label would be lost",
        )  # fmt: skip


def _text(row: Mapping[str, Any], where: str) -> str:
    text = text_of(row, where)
    if not text.strip():
        raise DataError("the text is empty", where=where, remedy="remove the row")
    return text


def _label(row: Mapping[str, Any], where: str) -> str:
    value = row.get("label")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # tables with a gap write whole numbers as 3.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"the label is {value!r}", where=where,
            remedy="a label is a text that is not empty, or a number",
        )  # fmt: skip
    return whole_characters(value.strip(), "label", where)
