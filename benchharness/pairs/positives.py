"""What is no negative of a query: its positives, by id and by text, and the query itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.data.similarity import BLANK, text_key
from benchharness.data.texts import TextTable
from benchharness.pairs.pair import Pair

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Known:
    """What is no negative of a query, and what its margin is taken from.

    by_id, by_text: corpus rows. scored: rows of its positives, by id or text.
    absent: positives that the corpus does not have. keys: of texts that are no negatives.
    """

    by_id: frozenset[int]
    by_text: frozenset[int]
    scored: tuple[int, ...]
    absent: tuple[str, ...]
    keys: frozenset[int]


def known_of(
    pairs: Sequence[Pair],
    corpus: TextTable,
    keys: NDArray[np.uint64],
    relevant: Mapping[str, Collection[str]],
    relevant_by_text: Mapping[int, Collection[str]],
) -> dict[int, Known]:
    """Key of each query's text -> what is known of it.

    relevant: query_id -> doc ids judged relevant. relevant_by_text: key of the query's text ->
    likewise.
    """
    by_query_id: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.query_id:
            ids = by_query_id.setdefault(pair.query_id, set(relevant.get(pair.query_id, ())))
            ids.update([pair.doc_id] if pair.doc_id else [])
    grouped: dict[int, list[Pair]] = {}
    for pair in pairs:
        grouped.setdefault(text_key(pair.query), []).append(pair)
    doc_ids = {key: set(relevant_by_text.get(key, ())) for key in grouped}
    for key, members in grouped.items():
        for pair in members:
            doc_ids[key].update(by_query_id.get(pair.query_id, [pair.doc_id]))
    every = sorted(set().union(*doc_ids.values()) - {""})
    row_of = dict(zip(every, corpus.rows_of(every).tolist(), strict=True))
    texts = {text_key(pair.positive) for pair in pairs} | grouped.keys()
    texts |= {int(keys[row]) for row in row_of.values() if row >= 0}
    rows_with = _rows_with(keys, texts - {BLANK})
    found = {}
    for key, members in grouped.items():
        by_id = frozenset(row for name in doc_ids[key] if (row := row_of.get(name, -1)) >= 0)
        same = {text_key(pair.positive) for pair in members} | {int(keys[row]) for row in by_id}
        copies = frozenset(row for text in same for row in rows_with.get(text, ()))
        absent = {
            pair.positive
            for pair in members
            if row_of.get(pair.doc_id, -1) < 0 and text_key(pair.positive) not in rows_with
        }
        found[key] = Known(
            by_id=by_id,
            by_text=(copies | frozenset(rows_with.get(key, ()))) - by_id,
            scored=tuple(sorted(by_id | copies)),
            absent=tuple(sorted(absent)),
            keys=frozenset(same | {key}),
        )
    return found


def _rows_with(keys: NDArray[np.uint64], wanted: set[int]) -> dict[int, tuple[int, ...]]:
    """Each wanted key that a row has -> its rows in order."""
    import numpy as np

    found: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.isin(keys, np.array(sorted(wanted), dtype=np.uint64))).tolist():
        found.setdefault(int(keys[row]), []).append(row)
    return {key: tuple(rows) for key, rows in found.items()}
