"""The nouns of a measurement: `Run` (what was retrieved) and `Result` (what that is worth)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Run:
    """The documents retrieved for each judged query, best first, ties by doc_id.

    query_ids: every judged query, in order of id, answered or not; [n].
    doc_ids:   for each query its retrieved ids, at most `depth`; lists of equal length to scores.
    scores:    float32 scores in the same order; equal scores stand in order of doc_id.
    """

    query_ids: tuple[str, ...]
    doc_ids: tuple[tuple[str, ...], ...]
    scores: tuple[tuple[float, ...], ...]
    depth: int


@dataclass(frozen=True)
class Fingerprints:
    """sha256 (hex) of the content behind a result: the data, part by part, and the model."""

    corpus: str
    queries: str
    qrels: str
    template: str
    model: str


@dataclass(frozen=True)
class QueryFacts:
    """What else is known of a query: enough to compare its value with another result's.

    digest:   of its text and judgments; queries of equal digest may be compared.
    relevant: rank (from 1) of each relevant document in the run; one that is not there has none.
    groups:   the query's metadata, by which slices are cut.
    """

    digest: str = ""
    relevant: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Result:
    """What one model is worth on one dataset, query by query.

    suite:         name of the suite, or of the dataset where there is none.
    values:        measure (spelled `recall@10`) -> value of each query in the order of
                   `run.query_ids`; [n] float64 in [0, 1] for benchharness' own measures.
    ceilings:      measure -> mean value of a perfect ranker, for recall@k; absent otherwise.
    capped_recall: values of hits / min(k, relevant) for recall@10, [n]: the decision uses it
                   where the ceiling is below 1.
    ties:          cut-off k -> number of queries with equal scores at ranks k and k + 1.
    counts:        facts counted on the way (documents, queries left out, unanswered …).
    details:       the model's prompts, pooling … and the data's notes, for reports.
    environment:   library versions, device and encode path.
    timings:       seconds by stage, with `…_per_second` rates; never compared byte for byte.
    limit:         number of queries kept by a limit, None for the whole suite.
    facts:         of each query, in the order of `run.query_ids`.
    costs:         "dimension" and "size" (bytes of the weights), where the model says them.
    drop_same_id:  whether a document with the query's own id was left out of its ranking.
    """

    suite: str
    model: str
    run: Run
    fingerprints: Fingerprints
    values: Mapping[str, NDArray[np.float64]]
    ceilings: Mapping[str, float]
    capped_recall: NDArray[np.float64]
    ties: Mapping[int, int]
    counts: Mapping[str, int]
    trainable: bool
    query_origin: str = "people"
    details: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    limit: int | None = None
    facts: tuple[QueryFacts, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    drop_same_id: bool = False

    @property
    def query_ids(self) -> tuple[str, ...]:
        return self.run.query_ids
