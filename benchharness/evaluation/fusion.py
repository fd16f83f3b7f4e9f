"""Several rankings of the same queries, fused into one by ranx.

ranx is used with its traps closed. It leaves equal scores to an unstable sort, so what reads ranks
is given our ranks instead of scores. It fails on a run without a document, so a query that every
run answers stands beside the real ones. It gives the only document of a list, and all of a list
with equal scores, the 0 that unretrieved documents have: one more document below them makes min-max
and sum say what they mean. The order of what comes back is ours: (-score, row) in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.evaluation.ranx_door import ranx_opened
from benchharness.evaluation.search import UNRANKED_SCORE, Hits, best_of
from benchharness.models.fusion_spec import METHODS, Fusion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = dict[str, dict[str, float]]  # query -> document -> score

_RANK_NORMS = ("rank", "borda")
_SPREAD_NORMS = ("min-max", "sum")
# Ids that no row has: rows are numbers.
_BELOW = "below"
_ANSWERED = "answered"


def fuse(hits: Sequence[Hits], fusion: Fusion, k: int) -> Hits:
    """The k best documents of each query by the fused scores of several systems.

    hits:   of each part, for the same queries in the same order; as deep as shall count.
    Documents that no part retrieved are not retrieved, and neither are those without a token
    (UNRANKED_SCORE), which no part has evidence of. Each query is fused on its own, so neither
    the other queries nor k change a score. Equal scores in float32 are ordered by row.

    Raises UsageError where the scores cannot be normalised as asked.
    """
    import numpy as np

    queries = len(hits[0].rows)
    if any(len(each.rows) != queries for each in hits):
        raise ValueError("the parts of a fusion answer different queries")
    method = METHODS[fusion.method]
    by_rank = method.reads == "ranks" or fusion.norm in _RANK_NORMS
    runs = [_run(part, by_rank, fusion, number) for number, part in enumerate(hits, start=1)]
    fused = _fused(runs, fusion)
    found = [
        (query, int(doc), score)
        for query in range(queries)
        for doc, score in fused[_id(query)].items()
        if doc != _BELOW
    ]
    query_rows = np.array([query for query, _, _ in found], dtype=np.int64)
    doc_rows = np.array([doc for _, doc, _ in found], dtype=np.int64)
    scores = np.array([score for _, _, score in found], dtype=np.float64).astype(np.float32)
    scores += np.float32(0.0)  # -0.0 is 0.0
    return best_of(query_rows, doc_rows, scores, queries, k)


def _run(hits: Hits, by_rank: bool, fusion: Fusion, number: int) -> Scores:
    """What ranx is given of one part; every query is in it, in order of its id."""
    import numpy as np

    counted = (hits.rows >= 0) & (hits.scores != np.float32(UNRANKED_SCORE))
    if not np.isfinite(hits.scores[counted]).all():
        raise ValueError(f"part {number} of a fusion has scores that are not finite")
    run: Scores = {_ANSWERED: {_id(0): 1.0}}
    for query in range(len(hits.rows)):
        docs = hits.rows[query, counted[query]].tolist()
        scores = hits.scores[query, counted[query]].astype(np.float64)
        given = np.arange(len(docs), 0, -1, dtype=np.float64) if by_rank else scores
        run[_id(query)] = dict(zip(map(_id, docs), given.tolist(), strict=True))
        if docs and not by_rank:
            _make_normal(run[_id(query)], scores, fusion, number)
        elif not docs and fusion.norm == "zmuv":
            run[_id(query)][_BELOW] = 0.0  # the mean of nothing is an error where it is compiled
    return run


def _make_normal(
    found: dict[str, float], scores: NDArray[np.float64], fusion: Fusion, number: int
) -> None:
    """Adds what a normalisation needs to be defined; raises UsageError where nothing helps."""
    best, worst = float(scores.max()), float(scores.min())
    if fusion.norm in _SPREAD_NORMS and best == worst:
        found[_BELOW] = worst - max(1.0, abs(worst))
    if fusion.norm == "max" and best <= 0:
        raise UsageError(
            f"norm=max divides by the best score of a query, and system {number} of the fusion "
            f"has a query whose best score is {best:g}",
            where=f"fusion {fusion}",
            remedy="take norm=min-max",
        )


def _fused(runs: Sequence[Scores], fusion: Fusion) -> Scores:
    """query -> document -> fused score, as ranx has it."""
    method = METHODS[fusion.method]
    params: dict[str, object] = {}
    if fusion.weights:
        params["weights"] = list(fusion.weights)
    if fusion.parameter is not None:
        params[method.parameter] = fusion.parameter
    norm = fusion.norm if fusion.norm not in ("", "none") else None
    with ranx_opened() as ranx:
        fused = ranx.fuse(
            [ranx.Run(run) for run in runs], norm=norm, method=method.ranx, params=params
        )
        return {query: fused[query] for query in fused.get_query_ids()}


def _id(row: int) -> str:
    # All of one length: where numba's compiler is on, it starts again for each new length.
    return f"{row:010d}"
