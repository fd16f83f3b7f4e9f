"""`DevSet`: the queries that pick a step, and the part of the corpus that they are searched in.

Searching the whole corpus at every evaluation would cost more than the training. The part holds
every relevant document, what the base model finds first, and others drawn at random; values on
it are higher than on the whole corpus, and serve to compare steps only.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from benchharness.data.dataset import Dataset, Qrels
from benchharness.data.texts import TextTable
from benchharness.errors import ModelError
from benchharness.evaluation.measure import measure_system
from benchharness.evaluation.result import Result
from benchharness.measures import parse_measure
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder
from benchharness.train.curve import Evaluation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST = 5  # ranks of the base model whose documents are always there
_PROBED = 64  # documents whose similarity to each other stands for that of unrelated texts


@dataclass(frozen=True, eq=False)
class DevSet:
    """dataset: the dev queries with their part of the corpus. measure: what picks the step."""

    dataset: Dataset
    measure: str

    def evaluate(self, encoder: Encoder, step: int, epoch: float) -> Evaluation:
        """The encoder at a step; nan where its vectors are not finite."""
        try:
            value = float(self.values(encoder).mean())
        except ModelError:  # vectors that are not finite, or zero
            return Evaluation(step, epoch, math.nan, math.nan)
        return Evaluation(step, epoch, value, self._similarity(encoder))

    def values(self, encoder: Encoder) -> NDArray[np.float64]:
        """The measure of each dev query; [n]. Raises ModelError for vectors that are none."""
        found = measure_system(
            self.dataset,
            encoder,
            [parse_measure(self.measure)],
            name="dev",
            cache=EmbeddingCache.none(),
        )
        return found.values[self.measure]

    def _similarity(self, encoder: Encoder) -> float:
        import numpy as np

        texts = self._probe
        if len(texts) < 2:
            return math.nan  # no two documents
        vectors = np.zeros((len(texts), 0))
        for rows, batch in encoder.encode(texts, "document"):
            if not vectors.shape[1]:
                vectors = np.zeros((len(texts), batch.shape[1]))
            vectors[rows] = batch
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit = vectors / np.where(norms == 0, 1.0, norms)
        n = len(unit)
        return float(((unit.sum(axis=0) ** 2).sum() - (unit**2).sum()) / (n * (n - 1)))

    @cached_property
    def _probe(self) -> list[str]:
        ids = sorted(range(len(self.dataset.corpus)), key=_drawn)[:_PROBED]
        return list(self.dataset.corpus.texts.take(ids))


def make_dev_set(
    judged: Dataset, query_ids: Collection[str], base: Result, documents: int, measure: str
) -> DevSet:
    """The dev set of those queries of the training side.

    base: the base model's result on the training side, which knows what it finds first.
    documents: size of the part of the corpus, unless more are relevant or found first.
    """
    import numpy as np

    rows = [row for row, query_id in enumerate(judged.qrels.query_ids) if query_id in query_ids]
    kept = [
        (
            judged.qrels.query_ids[row],
            judged.qrels.doc_ids[row],
            int(judged.qrels.relevance[row]),
            0,
        )
        for row in rows
    ]
    found = dict(zip(base.run.query_ids, base.run.doc_ids, strict=True))
    wanted = [doc_id for _, doc_id, _, _ in kept]
    wanted += [doc_id for query_id in query_ids for doc_id in found.get(query_id, ())[:_FIRST]]
    places = judged.corpus.rows_of(list(dict.fromkeys(wanted)))
    chosen = set(places[places >= 0].tolist())
    size = len(judged.corpus)
    if len(chosen) < documents:
        others = range(size) if documents >= size else sorted(range(size), key=_drawn)
        for row in others:
            if len(chosen) >= min(documents, size):
                break
            chosen.add(row)
    order = np.array(sorted(chosen), dtype=np.int64)
    ids = judged.corpus.ids.take(order)
    texts = judged.corpus.texts.take(order)
    return DevSet(
        Dataset(
            name="dev",
            corpus=TextTable.of(zip(ids, texts, strict=True), source="dev"),
            queries={one: judged.queries[one] for one in sorted(query_ids)},
            qrels=Qrels.of(kept),
        ),
        measure,
    )


def _drawn(row: int) -> bytes:
    return hashlib.blake2b(row.to_bytes(8, "little"), digest_size=8).digest()
