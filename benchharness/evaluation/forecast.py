"""What measuring a system would encode, before anything is encoded or paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchharness.data.dataset import Dataset
from benchharness.evaluation.measure import limited
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, Role, System, encoders_of


class Work(Protocol):
    """What a model behind a URL says of texts; see `models.endpoint.encoder.Workload`."""

    @property
    def requests(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def is_exact(self) -> bool: ...
    @property
    def price_usd(self) -> float | None: ...


@dataclass(frozen=True)
class Forecast:
    """The texts of one role for one encoder.

    texts:  distinct ones; `cached` of them would not be encoded again.
    work:   requests, tokens and price of the others; None for a model on this machine.
    """

    model: str
    role: Role
    texts: int
    cached: int
    work: Work | None = None

    @property
    def missing(self) -> int:
        return self.texts - self.cached


def forecast(
    dataset: Dataset, system: System, cache: EmbeddingCache, limit: int | None = None
) -> tuple[Forecast, ...]:
    """Documents and judged queries for each encoder that the system is or is made of.

    Nothing for a system that encodes nothing. Asks a model behind a URL for its identity, and for
    nothing else. limit: as in `measure_system`. Raises ModelError.
    """
    relevance = dataset.relevance
    if limit is not None and limit < len(relevance):
        relevance = limited(relevance, limit)
    queries = [dataset.queries[name] for name in relevance.query_ids if name in dataset.queries]
    found = []
    for encoder in {one.fingerprint: one for one in encoders_of(system)}.values():
        found.append(_of(encoder, dataset.corpus.texts, "document", cache))
        found.append(_of(encoder, queries, "query", cache))
    return tuple(found)


def _of(encoder: Encoder, texts: Sequence[str], role: Role, cache: EmbeddingCache) -> Forecast:
    rows, distinct = cache.missing(encoder, texts, role)
    ask = getattr(encoder, "workload", None)
    work = None if ask is None else ask([texts[row] for row in rows.tolist()], role)
    return Forecast(encoder.spec, role, distinct, distinct - len(rows), work)
