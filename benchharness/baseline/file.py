"""A baseline as the text of a file that is reviewed like code: sorted, one query a line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchharness.baseline.record import Acceptance, Baseline, KeptQuery
from benchharness.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA = 1
_LETTERS = 4  # of a short document hash
# What reading something else than a baseline raises.
_WRONG = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def lines_of(baseline: Baseline) -> Iterator[str]:
    """The file, line by line: the same bytes for the same baseline.

    Values are the shortest decimals that read back as the same number; whole ones have no point.
    """
    measures = sorted(baseline.values)
    head = {
        "schema": SCHEMA,
        "suite": baseline.suite,
        "model": baseline.model_spec,
        "fingerprints": {
            "corpus": baseline.corpus,
            "model": baseline.model,
            "template": baseline.template,
        },
        "protocol": {"depth": baseline.depth, "drop_same_id": baseline.drop_same_id},
        "environment": dict(sorted(baseline.environment.items())),
        "accepted": [asdict(one) for one in baseline.accepted],
        "noise": dict(sorted(baseline.noise.items())),
        "n": len(baseline),
        "means": {name: _number(baseline.mean(name)) for name in measures},
        "measures": measures,
    }
    text = json.dumps(head, indent=1, ensure_ascii=False, allow_nan=False)
    yield text.removesuffix("\n}") + ',\n "queries": {'
    columns = [baseline.values[name].tolist() for name in measures]
    before = "\n"
    rows = {query_id: row for row, query_id in enumerate(baseline.queries)}
    for query_id, row in sorted(rows.items()):
        kept = baseline.queries[query_id]
        entry: dict[str, object] = {
            "judged": kept.digest,
            "values": [_number(column[row]) for column in columns],
            "relevant": dict(sorted(kept.relevant.items(), key=lambda one: (one[1], one[0]))),
            "top": "".join(kept.top),
        }
        if kept.groups:
            entry["groups"] = dict(sorted(kept.groups.items()))
        shown = json.dumps(entry, ensure_ascii=False, allow_nan=False)
        yield f"{before}  {json.dumps(query_id, ensure_ascii=False)}: {shown}"
        before = ",\n"
    yield "\n }\n}\n"


def parse(text: str, place: str) -> Baseline:
    """The baseline that a file holds. Raises DataError for anything but a whole baseline."""
    content = _content(text, place)
    try:
        return _baseline(content, place)
    except _WRONG as error:
        raise _damaged(place, f"{type(error).__name__}: {error}") from error


def size_of(text: str, place: str) -> int:
    """The number of queries that a file says it holds. Raises DataError."""
    content = _content(text, place)
    try:
        return int(content["n"])
    except _WRONG as error:
        raise _damaged(place, "it does not say how many queries it holds") from error


def _content(text: str, place: str) -> Mapping[str, Any]:
    try:
        content: Mapping[str, Any] = json.loads(text, object_pairs_hook=_once_each)
        schema = content["schema"]
    except _WRONG as error:
        raise _damaged(place, "it is not a baseline of benchharness") from error
    if schema != SCHEMA:
        raise _damaged(place, f"its schema is {schema!r}, this version reads {SCHEMA}")
    return content


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The table; a name that stands there twice, as after a bad merge, is an error."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _damaged(place: str, message: str) -> DataError:
    return DataError(
        f"the baseline cannot be used: {message}",
        where=place,
        remedy="restore the file from git, or write it again with --bench-update=all",
    )


def _baseline(content: Mapping[str, Any], place: str) -> Baseline:
    prints, protocol = content["fingerprints"], content["protocol"]
    measures, rows = content["measures"], content["queries"]
    if len(rows) != content["n"]:
        raise ValueError(f"it says {content['n']} queries and holds {len(rows)}")
    if not rows:
        raise ValueError("it holds no queries")
    found = sorted(rows)
    baseline = Baseline(
        suite=content["suite"],
        model_spec=content["model"],
        place=place,
        corpus=prints["corpus"],
        template=prints["template"],
        model=prints["model"],
        depth=int(protocol["depth"]),
        drop_same_id=bool(protocol["drop_same_id"]),
        environment={str(name): str(value) for name, value in content["environment"].items()},
        values=_columns(measures, [rows[query_id]["values"] for query_id in found]),
        queries={query_id: _kept(rows[query_id]) for query_id in found},
        noise={str(name): _finite(value) for name, value in content["noise"].items()},
        accepted=tuple(_acceptance(one) for one in content["accepted"]),
    )
    _check_means(baseline, content["means"])
    return baseline


def _check_means(baseline: Baseline, means: Mapping[str, Any]) -> None:
    """Raises ValueError where values were changed by hand, or merged from two versions."""
    for name in baseline.values:
        if baseline.mean(name) != means[name]:
            raise ValueError(f"the mean of {name} is not {means[name]}")


def _acceptance(one: Mapping[str, Any]) -> Acceptance:
    before, after = _finite(one["before"]), _finite(one["after"])
    return Acceptance(str(one["date"]), str(one["measure"]), before, after, str(one["reason"]))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a finite number")
    return number


def _columns(measures: list[str], rows: list[list[float]]) -> dict[str, NDArray[np.float64]]:
    import numpy as np

    if any(len(row) != len(measures) for row in rows):
        raise ValueError(f"a query has another number of values than {measures}")
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(measures))
    if not np.isfinite(table).all():
        raise ValueError("a value is not a finite number")
    return {name: table[:, column].copy() for column, name in enumerate(measures)}


def _kept(row: Mapping[str, Any]) -> KeptQuery:
    top = str(row["top"])
    if len(top) % _LETTERS:
        raise ValueError(f"{top!r} is no row of hashes of {_LETTERS} letters")
    return KeptQuery(
        digest=str(row["judged"]),
        relevant={str(doc_id): int(rank) for doc_id, rank in row["relevant"].items()},
        top=tuple(top[start : start + _LETTERS] for start in range(0, len(top), _LETTERS)),
        groups={str(name): str(value) for name, value in row.get("groups", {}).items()},
    )


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else float(value)
