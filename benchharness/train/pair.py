"""`Pair`: one training example, a query with a document that answers it; and its file format.

A file of pairs holds one JSON object a line:

    {"query": "reset my pin", "positive": "To reset the PIN, …", "source": "clicks"}

query and positive are needed. Optional: `query_id` and `doc_id` (a positive whose doc_id or text
stands in the corpus can also be judged), `negatives` (list of texts that do not answer),
`source` (where the pair is from, default the file's name), `weight` (times that it is shown in
an epoch, default 1) and `synthetic` (true where no person asked; default false).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchharness.data.fields import whole_characters
from benchharness.data.lines import find_file, numbered_lines
from benchharness.errors import DataError

# The source of pairs that come from relevance judgments.
JUDGMENTS = "judgments"
_KNOWN = (
    "query", "positive", "query_id", "doc_id", "negatives", "source", "weight", "synthetic",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A query and a text that answers it.

    query_id, doc_id: "" where the pair is not judged on a corpus.
    negatives: texts that do not answer it, hardest first.
    source:    where it is from; mixtures are reported by it.
    weight:    how often it is shown in an epoch on average, above 0.
    synthetic: whether no person asked the query.
    """

    query: str
    positive: str
    query_id: str = ""
    doc_id: str = ""
    negatives: tuple[str, ...] = ()
    source: str = JUDGMENTS
    weight: float = 1.0
    synthetic: bool = False


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of a file, in its order. Raises DataError with file and line."""
    found = tuple(
        _parse(line, f"{path}:{number}", path.name.partition(".")[0])
        for number, line in numbered_lines(find_file(path))
    )
    if not found:
        raise DataError("the file holds no pair", where=str(path), remedy=_EXAMPLE)
    return found


def pair_lines(pairs: Iterable[Pair]) -> Iterator[str]:
    """The lines of a file of pairs; fields that say nothing are left out."""
    for pair in pairs:
        row: dict[str, object] = {"query": pair.query, "positive": pair.positive}
        for name in ("query_id", "doc_id", "source"):
            if getattr(pair, name):
                row[name] = getattr(pair, name)
        if pair.negatives:
            row["negatives"] = list(pair.negatives)
        if pair.weight != 1.0:
            row["weight"] = pair.weight
        if pair.synthetic:
            row["synthetic"] = True
        yield json.dumps(row, ensure_ascii=False) + "\n"


_EXAMPLE = 'write one object a line: {"query": "…", "positive": "…"}'


def _parse(line: str, where: str, source: str) -> Pair:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise DataError("the line is no JSON object", where=where, remedy=_EXAMPLE)
    unknown = sorted(row.keys() - set(_KNOWN))
    if unknown:
        raise DataError(
            f"unknown field {unknown[0]!r}: a column too many would be taken for a negative",
            where=where,
            remedy=f"remove it; known are {', '.join(_KNOWN)}",
        )
    for name in ("query", "positive"):
        _need(isinstance(row.get(name), str) and row[name].strip(), name, row, where)
    for name in ("query_id", "doc_id", "source"):
        _need(isinstance(row.get(name, ""), str), name, row, where)
    negatives = row.get("negatives", [])
    _need(_is_texts(negatives), "negatives", row, where)
    weight = row.get("weight", 1.0)
    _need(_is_weight(weight), "weight", row, where)
    _need(isinstance(row.get("synthetic", False), bool), "synthetic", row, where)
    for name in ("query", "positive", "query_id", "doc_id", "source"):
        whole_characters(row.get(name, ""), name, where)
    for text in negatives:
        whole_characters(text, "negatives", where)
    return Pair(
        query=row["query"],
        positive=row["positive"],
        query_id=row.get("query_id", ""),
        doc_id=row.get("doc_id", ""),
        negatives=tuple(negatives),
        source=row.get("source") or source,
        weight=float(weight),
        synthetic=row.get("synthetic", False),
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value)


def _is_weight(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value <= sys.float_info.max


def _need(fits: object, name: str, row: dict[str, Any], where: str) -> None:
    wanted = {
        "negatives": "a list of texts",
        "weight": "a number above 0",
        "synthetic": "true or false",
    }
    if not fits:
        raise DataError(
            f"{name} is {row.get(name)!r}", where=where,
            remedy=f"{name} is {wanted.get(name, 'a text that is not empty')}",
        )  # fmt: skip
