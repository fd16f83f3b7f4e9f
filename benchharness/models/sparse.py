"""A sparse encoder (SPLADE and its kin) as a `Ranker`: one weight for each word of a vocabulary.

A score is the dot product of two sparse vectors. It is added up in float64, dimension by dimension
in their order, so that neither batches nor the other documents change a bit of it given the
vectors. Source: T. Formal et al., SPLADE v2: sparse lexical and expansion model for information
retrieval, 2021.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchharness.errors import UsageError
from benchharness.models.blueprint import Blueprint
from benchharness.models.encoder import Role
from benchharness.models.kept import Kept
from benchharness.models.local_ranker import OPTIONS, LocalRanker
from benchharness.models.saved_kind import saved_settings
from benchharness.models.spec import EncoderOptions, ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csc_matrix

MAX_ACTIVE_DIMS = "max_active_dims"
SPARSE_OPTIONS = (*OPTIONS, MAX_ACTIVE_DIMS)
_BYTES = 8  # of an active dimension: its number and its weight, 4 each


@dataclass(frozen=True, eq=False)
class Postings:
    """The documents' vectors by dimension; [documents, dimensions], float32.

    lengths: of each document's vector, in float64; 1 where scores are dot products; [documents].
    """

    columns: csc_matrix
    lengths: NDArray[np.float64]


class SparseRanker(LocalRanker):
    """Scores every document by the words that it shares with the query, as the model weighs them.

    max_active_dims: the largest weights of a text that are kept; None for the model's own number.
    Raises UsageError where that is no whole number of at least 1.
    """

    version = "sparse/1"
    kind = "sparse encoder"

    def __init__(
        self,
        spec: str,
        blueprint: Blueprint,
        options: EncoderOptions,
        max_active_dims: int | None = None,
    ) -> None:
        super().__init__(spec, blueprint, options)
        folder = blueprint.folder
        own = saved_settings(folder).get(MAX_ACTIVE_DIMS) if folder is not None else None
        self.max_active_dims: int | None = own if max_active_dims is None else max_active_dims
        self._kept: Kept[Sequence[str], Postings] = Kept()

    @classmethod
    def of(cls, spec: ModelSpec, blueprint: Blueprint, options: EncoderOptions) -> SparseRanker:
        """The ranker of a spec. Raises UsageError for a wrong option."""
        spec.refuse_options(SPARSE_OPTIONS)
        value = spec.option(MAX_ACTIVE_DIMS)
        if value is not None and (not value.isdecimal() or int(value) < 1):
            raise UsageError(
                f"{MAX_ACTIVE_DIMS}={value!r} is not a whole number of at least 1",
                where=spec.text,
                remedy=f"write {spec.name}@{MAX_ACTIVE_DIMS}=256",
            )
        return cls(spec.text, blueprint, options, None if value is None else int(value))

    def _own_identity(self) -> Mapping[str, object]:
        return {MAX_ACTIVE_DIMS: self.max_active_dims}

    @property
    def details(self) -> Mapping[str, str]:
        dim, most = self._blueprint.dim, self.max_active_dims
        found = {
            **super().details,
            "vocabulary": "known once loaded" if dim is None else f"{dim} dimensions",
            "active dimensions": "no limit" if most is None else f"at most {most}",
        }
        if self._measured:
            active = self._measured["bytes_per_vector"] / _BYTES
            found["active dimensions of a document"] = f"{active:.1f} on average"
        return found

    def scores(
        self, documents: Sequence[str], queries: Sequence[str]
    ) -> Iterator[NDArray[np.float32]]:
        """One row of scores over all documents for each query, in order; [len(documents)].

        -inf where document and query share no dimension. Queries are encoded one by one, so that
        a row does not depend on the other queries. The vectors of the last `documents` are kept.
        Raises ModelError where the model cannot be loaded or gives numbers that are not finite.
        """
        import numpy as np

        if not len(queries):
            return
        postings = self._kept.of(documents, self._postings)
        for query in queries:
            (vector,) = self._vectors([query], "query")
            yield _row(postings, vector.astype(np.float64), cosine=self._is_cosine)

    @property
    def _is_cosine(self) -> bool:
        return self._blueprint.similarity == "cosine"

    def _postings(self, documents: Sequence[str]) -> Postings:
        import numpy as np
        from scipy.sparse import csc_matrix

        rows, columns, weights = [], [], []
        width = 0
        for positions, texts in self.batches(documents, "document"):
            vectors = self._vectors(texts, "document")
            text, dimension = np.nonzero(vectors)
            rows.append(positions[text])
            columns.append(dimension)
            weights.append(vectors[text, dimension])
            width = vectors.shape[1]
        if not rows:
            return Postings(csc_matrix((0, 0), dtype=np.float32), np.zeros(0))
        values = np.concatenate(weights)
        found = csc_matrix(
            (values, (np.concatenate(rows), np.concatenate(columns))),
            shape=(len(documents), width),
        )
        self._measured = {"bytes_per_vector": _BYTES * len(values) / len(documents)}
        return Postings(found, self._lengths(found))

    def _lengths(self, found: csc_matrix) -> NDArray[np.float64]:
        import numpy as np

        if not self._is_cosine:
            return np.ones(found.shape[0])
        squares = found.astype(np.float64).power(2) @ np.ones(found.shape[1])
        lengths: NDArray[np.float64] = np.sqrt(squares)
        return lengths

    def _vectors(self, texts: list[str], role: Role) -> NDArray[np.float32]:
        """The texts' vectors as they are with all their zeros; [texts, dimensions]."""
        model = self.loaded
        encode = model.encode_query if role == "query" else model.encode_document
        with self.forward():
            found = encode(
                texts,
                prompt=self.prompts[role],
                batch_size=len(texts),
                show_progress_bar=False,
                convert_to_sparse_tensor=False,
                save_to_cpu=True,
                max_active_dims=self.max_active_dims,
            )
        vectors: NDArray[np.float32] = found.float().numpy()
        self.refuse_broken(vectors, texts)
        return vectors

    def _load(self) -> Any:
        model = super()._load()
        if self.options.max_length is not None:
            model.max_seq_length = self.options.max_length
        return model


def _row(postings: Postings, query: NDArray[np.float64], *, cosine: bool) -> NDArray[np.float32]:
    """The score of every document; [documents].

    Products of two float32 numbers are exact in float64, and a column is added after the one
    before it: the order of a sum is that of the dimensions, whatever else is in the matrix.
    """
    import numpy as np

    row = np.full(postings.columns.shape[0], -np.inf, dtype=np.float32)
    active = np.flatnonzero(query)
    if not len(active) or not len(row):
        return row
    shared = postings.columns[:, active].astype(np.float64)
    sums = shared @ query[active]
    if cosine:
        length = np.sqrt((query[active] * query[active]).sum())
        sums /= length * np.where(postings.lengths > 0, postings.lengths, 1.0)
    has_common = np.zeros(len(row), dtype=bool)
    has_common[shared.indices] = True
    row[has_common] = sums[has_common]
    return row
