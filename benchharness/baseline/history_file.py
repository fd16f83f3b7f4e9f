"""A history that is kept in a file: one line of JSON for each result, as another job wrote it."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchharness.baseline.history import History, Point
from benchharness.data.fields import json_record, text_of
from benchharness.data.lines import find_file, numbered_lines
from benchharness.errors import DataError


def read_history(path: Path) -> tuple[History, ...]:
    """The points by suite and model, in order of first appearance; points in order of the file.

    A line is `{"suite", "model", "commit", "day", "means", "n"}`, with a `note` where there is one:
    `day` is a date such as 2026-11-25, `means` has a number for each measure. Raises DataError
    with path:line for anything else.
    """
    points: dict[tuple[str, str], list[Point]] = {}
    for number, line in numbered_lines(find_file(path)):
        where = f"{path}:{number}"
        record = json_record(line, where)
        pair = text_of(record, where, "suite"), text_of(record, where, "model")
        points.setdefault(pair, []).append(_point(record, where))
    return tuple(History(suite, model, tuple(own)) for (suite, model), own in points.items())


def _point(record: Mapping[str, Any], where: str) -> Point:
    commit, day = text_of(record, where, "commit"), text_of(record, where, "day")
    note = text_of(record, where, "note") if "note" in record else ""
    try:
        datetime.date.fromisoformat(day)
    except ValueError as error:
        raise DataError(
            f"{day!r} is no date", where=where, remedy="write days as 2026-11-25"
        ) from error
    n = record.get("n")
    if not isinstance(n, int) or isinstance(n, bool) or n < 1:
        raise DataError(
            f"'n' is {n!r}, not a number of queries", where=where, remedy="give each line its n"
        )
    means = record.get("means")
    if not isinstance(means, Mapping) or not all(map(_is_number, means.values())):
        raise DataError(
            "'means' is no table of measures and numbers",
            where=where,
            remedy='such as "means": {"recall@10": 0.71}',
        )
    return Point(commit, day, {str(name): float(mean) for name, mean in means.items()}, n, note)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]
