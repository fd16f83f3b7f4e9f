"""Every measure that benchharness does not compute itself, from ranx.

ranx is used with its traps closed: through its door, through `Qrels` and `Run` (plain dicts are
aligned by insertion order), and with strictly decreasing scores made from our own ranking (its
ties follow insertion order).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchharness.data.dataset import Qrels
from benchharness.errors import DataError
from benchharness.evaluation.ranx_door import ranx_opened
from benchharness.evaluation.result import Run
from benchharness.measures import Measure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def values(measures: Sequence[Measure], run: Run, qrels: Qrels) -> dict[str, NDArray[np.float64]]:
    """Spelled measure -> value of each query in the order of `run.query_ids`; [n] float64.

    Measures without a cut-off see the documents kept in the run. Queries without an answer
    count as 0. Raises DataError where ranx knows no value.
    """
    import numpy as np

    wanted = set(run.query_ids)
    judged: dict[str, dict[str, int]] = {}
    rows = zip(qrels.query_ids, qrels.doc_ids, qrels.relevance.tolist(), strict=True)
    for query_id, doc_id, relevance in rows:
        if query_id in wanted:
            judged.setdefault(query_id, {})[doc_id] = max(relevance, 0)
    answered = {
        query_id: {doc_id: float(len(doc_ids) - rank) for rank, doc_id in enumerate(doc_ids)}
        for query_id, doc_ids in zip(run.query_ids, run.doc_ids, strict=True)
        if doc_ids
    }
    asked = [query_id for query_id in run.query_ids if query_id in answered]
    scores = _evaluate(measures, judged, answered, asked) if asked else {}
    found = {}
    for measure in measures:
        by_query = scores.get(_spelled(measure), {})
        column = [float(by_query.get(query_id, 0.0)) for query_id in run.query_ids]
        found[str(measure)] = np.array(column, dtype=np.float64)
        _refuse_undefined(measure, found[str(measure)], run.query_ids)
    return found


def _evaluate(
    measures: Sequence[Measure],
    judged: Mapping[str, Mapping[str, int]],
    answered: Mapping[str, Mapping[str, float]],
    asked: Sequence[str],
) -> Mapping[str, Mapping[str, float]]:
    """ranx' name of each measure -> query_id -> value."""
    with ranx_opened() as ranx:
        qrels = ranx.Qrels({query_id: judged[query_id] for query_id in asked})
        run = ranx.Run({query_id: answered[query_id] for query_id in asked})
        ranx.evaluate(qrels, run, [_spelled(measure) for measure in measures], return_mean=False)
    scores: Mapping[str, Mapping[str, float]] = run.scores
    return scores


def _refuse_undefined(
    measure: Measure, column: NDArray[np.float64], query_ids: Sequence[str]
) -> None:
    """Raises DataError where the measure has no value: a mean over NaN judges nothing."""
    import numpy as np

    undefined = np.flatnonzero(~np.isfinite(column))
    if len(undefined):
        raise DataError(
            f"{measure} is undefined for {len(undefined)} of {len(column)} queries",
            where=f"query {query_ids[undefined[0]]!r}",
            remedy="name another measure; bpref needs judged documents that are not relevant",
        )


def _spelled(measure: Measure) -> str:
    name = f"{measure.name}.{measure.persistence}" if measure.persistence else measure.name
    return f"{name}@{measure.k}" if measure.k is not None else name
