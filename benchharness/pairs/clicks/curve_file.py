"""A curve that a user gives: rank -> examination, as JSON or CSV, or of an earlier report."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchharness.data.lines import find_file, numbered_lines
from benchharness.errors import DataError

_HEAD = ["rank", "examination"]
_FORMS = 'write {"1": 1.0, "2": 0.6, …} as .json, or lines "rank,examination" as .csv'


def read_curve(path: Path) -> dict[int, float]:
    """rank -> examination above 0, in order of rank; not yet relative to rank 1.

    A report of this command is read as well. Raises DataError with the place of what is wrong.
    """
    rows = _json(path) if path.suffix == ".json" else _csv(path)
    found: dict[int, float] = {}
    for where, rank, examination in rows:
        number, value = _whole(rank), _number(examination)
        if number is None:
            raise DataError(
                f"the rank is {rank!r}", where=where, remedy="ranks are whole numbers from 1"
            )
        if value is None:
            raise DataError(
                f"the examination of rank {number} is {examination!r}",
                where=where,
                remedy="examinations are numbers above 0",
            )
        if number in found:
            raise DataError(f"rank {number} is given twice", where=where, remedy="keep one")
        found[number] = value
    if 1 not in found:
        raise DataError("the curve has no rank 1", where=str(path), remedy=_FORMS)
    return dict(sorted(found.items()))


def _json(path: Path) -> Iterator[tuple[str, Any, Any]]:
    text = "\n".join(line for _, line in numbered_lines(find_file(path)))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the curve is not valid JSON: {error}", where=str(path), remedy=_FORMS
        ) from error
    rows: Iterable[tuple[Any, Any]]
    try:
        if "curve" in content:
            rows = [(one["rank"], one["examination"]) for one in content["curve"]["ranks"]]
        else:
            rows = content.items()
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError("the curve is no object", where=str(path), remedy=_FORMS) from error
    for rank, examination in rows:
        yield str(path), rank, examination


def _csv(path: Path) -> Iterator[tuple[str, Any, Any]]:
    rows = (
        (f"{path}:{number}", [field.strip() for field in row])
        for number, line in numbered_lines(find_file(path))
        for row in csv.reader([line])
    )
    where, head = next(rows, (str(path), []))
    if head != _HEAD:
        raise DataError("the first line is not 'rank,examination'", where=where, remedy=_FORMS)
    for where, row in rows:
        if len(row) != len(_HEAD):
            raise DataError(f"the row has {len(row)} fields, not 2", where=where, remedy=_FORMS)
        yield where, row[0], row[1]


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


def _number(value: Any) -> float | None:
    """The number above 0 that a value or a text is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None
