"""Runs as TREC files whose order every evaluator reads as ours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from benchharness.evaluation.result import Run

_TAG = "benchharness"
_SPACE = re.compile(r"\s")


def trec_lines(run: Run) -> Iterator[str]:
    """`query_id Q0 doc_id rank score tag` for each document retrieved, best first.

    trec_eval sorts by the score as a 32-bit float and ignores the rank, so the scores written
    here strictly decrease in float32: a tie takes the next lower number. The true scores are in
    per_query.jsonl. White space in an id would shift the columns and is percent-encoded.
    """
    for query_id, doc_ids, scores in zip(run.query_ids, run.doc_ids, run.scores, strict=True):
        query = _column(query_id)
        shown = strictly_decreasing(scores).astype("U").tolist()
        for rank, (doc_id, score) in enumerate(zip(doc_ids, shown, strict=True), start=1):
            yield f"{query} Q0 {_column(doc_id)} {rank} {score} {_TAG}\n"


def strictly_decreasing(scores: Sequence[float]) -> NDArray[np.float32]:
    """The scores in float32, each lowered just as far as it takes to be below the one before.

    scores: not increasing, [k]; -inf (never meant to be retrieved) becomes a very low number.
    """
    import numpy as np

    lowest = np.float32(np.finfo(np.float32).min / 2)  # leaves room below for further ties
    exact = np.asarray(scores, dtype=np.float32)
    exact = np.where(exact >= lowest, exact, lowest)
    if (np.diff(exact) < 0).all():
        return exact
    found = exact.copy()
    down = np.float32(-np.inf)
    for row in range(1, len(found)):
        if found[row] >= found[row - 1]:
            found[row] = np.nextafter(found[row - 1], down)
    return found


def _column(name: str) -> str:
    return _SPACE.sub(lambda space: quote(space[0]), name) or "%"
