"""`Pair`: one training example, a query with a document that answers it; and its file format.

A file of pairs holds one JSON object a line:

    {"query": "reset my pin", "positive": "To reset the PIN, …", "source": "clicks"}

query and positive are needed. Optional: `query_id` and `doc_id` (a positive whose doc_id or text
stands in the corpus can also be judged), `negatives` (list of texts that do not answer),
`source` (where the pair is from, default the file's name), `weight` (times that it is shown in
an epoch, default 1), `synthetic` (true where no person asked; default false) and `provenance`
(what made the pair, names and texts: model, prompt, passage …).

Every line of a file that is written here has the same fields, so that `datasets` can load it:
`load_dataset("json", data_files="pairs.jsonl")`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
    "provenance",
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A query and a text that answers it.

    query_id, doc_id: "" where the pair is not judged on a corpus.
    negatives: texts that do not answer it, hardest first.
    source:    where it is from; mixtures are reported by it.
    weight:    how often it is shown in an epoch on average, above 0.
    synthetic: whether no person asked the query.
    provenance: what made it, as (name, text) in order of name.
    """

    query: str
    positive: str
    query_id: str = ""
    doc_id: str = ""
    negatives: tuple[str, ...] = ()
    source: str = JUDGMENTS
    weight: float = 1.0
    synthetic: bool = False
    provenance: tuple[tuple[str, str], ...] = ()


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of a file, in its order. Raises DataError with file and line."""
    found = tuple(pair for _, pair in numbered_pairs(path))
    if not found:
        raise DataError("the file holds no pair", where=str(path), remedy=_EXAMPLE)
    return found


def numbered_pairs(path: Path) -> Iterator[tuple[int, Pair]]:
    """Yields (line, pair) of a file, one at a time. Raises DataError with file and line."""
    for number, line in numbered_lines(find_file(path)):
        yield number, parse_pair(line, f"{path}:{number}", source_of(path))


def pair_lines(pairs: Iterable[Pair], fields: Collection[str] | None = None) -> Iterator[str]:
    """The lines of a file of pairs, every one with the same fields.

    fields: the optional ones to write (default: those that say something in any of the pairs,
            which are then all in memory at once). The provenance of all has the same names then.
    """
    names: set[str] = set()
    if fields is None:
        pairs = list(pairs)
        fields = [name for name in _OPTIONAL if any(map(_OPTIONAL[name], pairs))]
        names = {name for pair in pairs for name, _ in pair.provenance}
    for pair in pairs:
        row: dict[str, object] = {"query": pair.query, "positive": pair.positive}
        row |= {name: getattr(pair, name) for name in _OPTIONAL if name in fields}
        if "provenance" in row:
            row["provenance"] = dict.fromkeys(sorted(names), "") | dict(pair.provenance)
        yield json.dumps(row, ensure_ascii=False) + "\n"


# Optional field -> whether it says something of a pair.
_OPTIONAL: Mapping[str, Callable[[Pair], bool]] = {
    "query_id": lambda pair: bool(pair.query_id),
    "doc_id": lambda pair: bool(pair.doc_id),
    "source": lambda pair: bool(pair.source),
    "negatives": lambda pair: bool(pair.negatives),
    "weight": lambda pair: pair.weight != 1.0,
    "synthetic": lambda pair: pair.synthetic,
    "provenance": lambda pair: bool(pair.provenance),
}
_EXAMPLE = 'write one object a line: {"query": "…", "positive": "…"}'


def source_of(path: Path) -> str:
    """The source of pairs that name none: the name of their file without its endings."""
    return path.name.partition(".")[0]


def parse_pair(line: str, where: str, source: str) -> Pair:
    """The pair of one line. source: where it names none. Raises DataError, with `where`."""
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
    provenance = row.get("provenance", {})
    _need(_is_provenance(provenance), "provenance", row, where)
    negatives = row.get("negatives", [])
    _need(_is_texts(negatives), "negatives", row, where)
    weight = row.get("weight", 1.0)
    _need(_is_weight(weight), "weight", row, where)
    _need(isinstance(row.get("synthetic", False), bool), "synthetic", row, where)
    for name in ("query", "positive", "query_id", "doc_id", "source"):
        whole_characters(row.get(name, ""), name, where)
    for text in negatives:
        whole_characters(text, "negatives", where)
    for text in (*provenance, *provenance.values()):
        whole_characters(text, "provenance", where)
    return Pair(
        query=row["query"],
        positive=row["positive"],
        query_id=row.get("query_id", ""),
        doc_id=row.get("doc_id", ""),
        negatives=tuple(negatives),
        source=row.get("source") or source,
        weight=float(weight),
        synthetic=row.get("synthetic", False),
        provenance=tuple(sorted((name, text) for name, text in provenance.items() if text)),
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value)


def _is_provenance(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_weight(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 < value <= sys.float_info.max


def _need(fits: object, name: str, row: dict[str, Any], where: str) -> None:
    wanted = {
        "negatives": "a list of texts",
        "weight": "a number above 0",
        "synthetic": "true or false",
        "provenance": "an object of names and texts",
    }
    if not fits:
        raise DataError(
            f"{name} is {row.get(name)!r}", where=where,
            remedy=f"{name} is {wanted.get(name, 'a text that is not empty')}",
        )  # fmt: skip
