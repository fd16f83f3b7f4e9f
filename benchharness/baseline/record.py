"""`Baseline`: what is kept of a result, so that a later one can be compared with it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchharness.evaluation.result import QueryFacts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from benchharness.evaluation.result import Result

# Ranks whose documents are remembered, so that newcomers can be told from old ones.
TOP = 10


@dataclass(frozen=True)
class Acceptance:
    """A drop that somebody accepted when the baseline was updated."""

    date: str
    measure: str
    before: float
    after: float
    reason: str


@dataclass(frozen=True)
class KeptQuery:
    """A query of a baseline.

    digest:   of its text and judgments.
    relevant: rank (from 1) of each relevant document in the run.
    top:      short hashes of the documents at ranks 1 to 10.
    groups:   the query's metadata: to which slices it belonged.
    """

    digest: str
    relevant: Mapping[str, int]
    top: tuple[str, ...]
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Baseline:
    """A result as it is kept: values of every query, and the fingerprints of what made them.

    place:        where it was read from, for messages.
    corpus, template, model: fingerprints (sha256, hex).
    depth, drop_same_id: how the run was made.
    environment:  library versions and hardware.
    values:       measure -> value of each query, in the order of `queries`.
    queries:      query_id -> what is kept of it, in order of id.
    noise:        measure -> the largest difference of its mean that other batch sizes, threads
                  or dtypes made (`benchharness noise --record`); empty where nobody looked.
    accepted:     drops that were accepted, oldest first.
    """

    suite: str
    model_spec: str
    place: str
    corpus: str
    template: str
    model: str
    depth: int
    drop_same_id: bool
    environment: Mapping[str, str]
    values: Mapping[str, NDArray[np.float64]]
    queries: Mapping[str, KeptQuery]
    noise: Mapping[str, float] = field(default_factory=dict)
    accepted: tuple[Acceptance, ...] = ()

    def __len__(self) -> int:
        return len(self.queries)

    @classmethod
    def of(
        cls,
        result: Result,
        place: str,
        *,
        noise: Mapping[str, float] | None = None,
        accepted: tuple[Acceptance, ...] = (),
    ) -> Baseline:
        """What is kept of a result."""
        prints = result.fingerprints
        facts = result.facts or (QueryFacts(),) * len(result.query_ids)
        kept = (
            KeptQuery(
                digest=fact.digest,
                relevant=dict(fact.relevant),
                top=tuple(map(short, doc_ids[:TOP])),
                groups=dict(fact.groups),
            )
            for fact, doc_ids in zip(facts, result.run.doc_ids, strict=True)
        )
        return cls(
            suite=result.suite,
            model_spec=result.model,
            place=place,
            corpus=prints.corpus,
            template=prints.template,
            model=prints.model,
            depth=result.run.depth,
            drop_same_id=result.drop_same_id,
            environment=dict(result.environment),
            values=dict(result.values),
            queries=dict(zip(result.query_ids, kept, strict=True)),
            noise=dict(noise or {}),
            accepted=accepted,
        )

    def mean(self, measure: str) -> float:
        """The mean over all its queries."""
        import math

        values = self.values[measure]
        return math.fsum(values.tolist()) / len(values)


def short(doc_id: str) -> str:
    """Four letters that stand for a document id: one in 16 million is taken for another."""
    digest = hashlib.sha256(doc_id.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest[:3]).decode("ascii")
