"""The one pipeline from a dataset and a system to a `Result`.

    texts -> encode (cached) -> exact top-k -> Run -> measures

Front ends, gates and training all measure through here.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset, Relevance
from benchharness.evaluation import metrics, ranx_measures
from benchharness.evaluation.result import Fingerprints, QueryFacts, Result, Run
from benchharness.evaluation.retrieval import Clock, searcher_of
from benchharness.evaluation.search import Hits, drop, ties_at
from benchharness.measures import Measure
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import System, is_encoder, is_pipeline
from benchharness.progress import Listener, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The decision on fine-tuning turns on this cut-off.
DECISION_CUT = 10
_LIBRARIES = (
    "benchharness", "torch", "sentence-transformers", "transformers", "numpy", "bm25s", "ranx",
)  # fmt: skip


def measure_system(
    dataset: Dataset,
    system: System,
    measures: Sequence[Measure],
    *,
    name: str,
    cache: EmbeddingCache,
    depth: int = 100,
    drop_same_id: bool = False,
    limit: int | None = None,
    listener: Listener = silent,
) -> Result:
    """What the system is worth on the dataset, query by query.

    Every judged query with a relevant document counts, in order of query_id; one without a text
    or without an answer counts as 0. The run keeps `depth` documents (at least the largest
    cut-off), in order of (-score, doc_id). `limit` keeps that many queries, chosen by a hash of
    their ids; a limit that leaves nothing out is none. Raises ModelError where vectors are not
    finite or have a wrong dimension.
    """
    clock = Clock()
    if limit is not None and limit >= len(dataset.relevance):
        limit = None  # nothing is left out
    relevance = limited(dataset.relevance, limit)
    depth = max([depth, DECISION_CUT, *(measure.k or 0 for measure in measures)])
    asked = [row for row, query in enumerate(relevance.query_ids) if query in dataset.queries]
    hits, counts = _retrieve(
        dataset, system, relevance, asked, depth + drop_same_id, cache, clock, listener
    )
    if drop_same_id:
        hits = drop(hits, dataset.corpus.rows_of(relevance.query_ids), depth)
    with clock.stage("score"):
        run = _run(dataset, relevance, hits, depth)
        graded = metrics.grade(hits.rows, relevance)
        values = _values(measures, graded, run, dataset)
    counts |= {
        "documents": len(dataset.corpus),
        "queries": len(relevance),
        "queries_without_positive": dataset.queries_without_positive,
        "queries_without_text": len(relevance) - len(asked),
        "dangling_positives": int((relevance.doc_rows < 0).sum()),
    }
    cuts = sorted({measure.k for measure in measures if measure.k is not None})
    data, model = dataset.fingerprint, system.fingerprint
    return Result(
        suite=name,
        model=system.spec,
        run=run,
        fingerprints=Fingerprints(data.corpus, data.queries, data.qrels, data.template, model),
        values=values,
        ceilings={
            str(measure): metrics.recall_ceiling(relevance, measure.k)
            for measure in measures
            if measure.name == "recall" and measure.k is not None
        },
        capped_recall=metrics.capped_recall(graded, DECISION_CUT),
        ties={cut: ties_at(hits, cut) for cut in cuts},
        counts=counts,
        trainable=system.trainable,
        query_origin=dataset.query_origin,
        details=_details(dataset, system),
        environment=_environment(system, cache),
        timings=_timings(clock),
        limit=limit,
        facts=_facts(dataset, relevance, hits.rows, graded),
        costs=dict(getattr(system, "costs", {})),
        drop_same_id=drop_same_id,
    )


def _facts(
    dataset: Dataset, relevance: Relevance, rows: NDArray[np.int64], graded: metrics.Graded
) -> tuple[QueryFacts, ...]:
    """Digest, ranks of the relevant documents and metadata of each query."""
    import numpy as np

    ranks: list[dict[str, int]] = [{} for _ in relevance.query_ids]
    queries, places = np.nonzero(graded.grades > 0)
    names = dataset.corpus.ids.take(rows[queries, places])
    for query, place, name in zip(queries.tolist(), places.tolist(), names, strict=True):
        ranks[query][name] = place + 1
    digests = dataset.query_digests
    return tuple(
        QueryFacts(digests[query_id], ranks[row], dataset.groups.get(query_id, {}))
        for row, query_id in enumerate(relevance.query_ids)
    )


def limited(relevance: Relevance, limit: int | None) -> Relevance:
    """The judgments of `limit` queries, the smallest by a hash of their ids: seeded, stable."""
    import numpy as np

    if limit is None:
        return relevance
    digests = [hashlib.sha256(query_id.encode()).hexdigest() for query_id in relevance.query_ids]
    chosen = sorted(sorted(range(len(digests)), key=digests.__getitem__)[:limit])
    rows = np.concatenate(
        [np.arange(relevance.starts[row], relevance.starts[row + 1]) for row in chosen]
    )
    counts = np.diff(relevance.starts)[chosen]
    return Relevance(
        query_ids=tuple(relevance.query_ids[row] for row in chosen),
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        doc_rows=relevance.doc_rows[rows],
        grades=relevance.grades[rows],
    )


def _retrieve(
    dataset: Dataset,
    system: System,
    relevance: Relevance,
    asked: Sequence[int],
    depth: int,
    cache: EmbeddingCache,
    clock: Clock,
    listener: Listener,
) -> tuple[Hits, dict[str, int]]:
    """Hits of every judged query; those that were not asked have none."""
    import numpy as np

    texts = [dataset.queries[relevance.query_ids[row]] for row in asked]
    query_ids = [relevance.query_ids[row] for row in asked]
    searcher = searcher_of(system, dataset.corpus, cache=cache, listener=listener, clock=clock)
    found = searcher.search(texts, query_ids, depth)
    width = found.rows.shape[1]
    hits = Hits(
        np.full((len(relevance), width), -1, dtype=np.int64),
        np.full((len(relevance), width), -np.inf, dtype=np.float32),
    )
    hits.rows[asked], hits.scores[asked] = found.rows, found.scores
    return hits, dict(searcher.counts)


def _run(dataset: Dataset, relevance: Relevance, hits: Hits, depth: int) -> Run:
    import numpy as np

    # Each retrieved id once: a lookup in the corpus costs more than one in a dict.
    rows = np.unique(hits.rows[hits.rows >= 0])
    names = dict(zip(rows.tolist(), dataset.corpus.ids.take(rows), strict=True))
    found = (hits.rows >= 0).sum(axis=1).tolist()
    return Run(
        relevance.query_ids,
        tuple(
            tuple(names[row] for row in line[:count])
            for line, count in zip(hits.rows.tolist(), found, strict=True)
        ),
        tuple(tuple(line[:count]) for line, count in zip(hits.scores.tolist(), found, strict=True)),
        depth,
    )


def _values(
    measures: Sequence[Measure], graded: metrics.Graded, run: Run, dataset: Dataset
) -> dict[str, NDArray[np.float64]]:
    own = {str(measure): metrics.values(measure, graded) for measure in measures if measure.is_own}
    others = [measure for measure in measures if not measure.is_own]
    found = ranx_measures.values(others, run, dataset.qrels) if others else {}
    return {str(measure): (own | found)[str(measure)] for measure in measures}


def _details(dataset: Dataset, system: System) -> dict[str, str]:
    data = {f"data: {key}": value for key, value in dataset.details}
    left_out = {f"left out: {reason}": str(count) for reason, count in dataset.left_out}
    return {"data": dataset.name} | data | left_out | dict(system.details)


def _environment(system: System, cache: EmbeddingCache) -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found | {"encode_path": _encode_path(system, cache)}


def _encode_path(system: System, cache: EmbeddingCache) -> str:
    """How the vectors were made: those from the cache as is kept beside them, perhaps elsewhere."""
    if is_pipeline(system):
        paths = (_encode_path(part, cache) for part in system.parts)
        return "; ".join(dict.fromkeys(paths))
    kept = cache.encode_paths(system, "document") if is_encoder(system) else ()
    return "; ".join(kept) or system.encode_path


def _timings(clock: Clock) -> dict[str, float]:
    found = {f"{stage.replace(' ', '_')}_s": spent for stage, spent in clock.seconds.items()}
    if clock.encoded:  # nothing where every vector came from the cache
        found["documents_encoded"] = clock.encoded
        found["documents_per_second"] = clock.encoded / found["encode_documents_s"]
    return found
