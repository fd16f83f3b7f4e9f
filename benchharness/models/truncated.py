"""Vectors cut to fewer components, from the full ones that are in the cache already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from benchharness.errors import UsageError
from benchharness.models.cache import EmbeddingCache
from benchharness.models.encoder import Encoder, Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Truncated:
    """The first `dim` components of an encoder's vectors, at length 1 again unless it compares
    by dot product.

    One full-size encode serves every dimension. The numbers are those of `SPEC@dim=…` but for
    the last bits, because that cuts before the length is made 1.
    """

    def __init__(self, encoder: Encoder, dim: int, cache: EmbeddingCache) -> None:
        full = getattr(encoder, "dim", None)
        if dim < 1 or (full is not None and dim > full):
            raise _too_long(encoder.spec, full, dim)
        self.spec = f"{encoder.spec} cut to {dim}"
        self.dim = dim
        self._encoder = encoder
        self._cache = cache

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self._encoder.fingerprint} cut to {self.dim}".encode()).hexdigest()

    @property
    def trainable(self) -> bool:
        return False

    @property
    def max_length(self) -> int | None:
        return self._encoder.max_length

    @property
    def details(self) -> Mapping[str, str]:
        return {**self._encoder.details, "dimension": str(self.dim)}

    @property
    def costs(self) -> Mapping[str, float]:
        return {**getattr(self._encoder, "costs", {}), "dimension": float(self.dim)}

    @property
    def encode_path(self) -> str:
        return self._encoder.encode_path

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All vectors in one batch. Raises UsageError where the full ones are shorter."""
        import numpy as np

        whole = self._cache.encode(self._encoder, texts, role)
        if len(whole) and whole.shape[1] < self.dim:  # an encoder need not know it beforehand
            raise _too_long(self._encoder.spec, whole.shape[1], self.dim)
        full = whole[:, : self.dim].astype(np.float64)
        if self._encoder.details.get("similarity") != "dot":
            norms = np.linalg.norm(full, axis=1, keepdims=True)
            norms[norms == 0] = 1.0
            full = full / norms
        yield np.arange(len(full), dtype=np.int64), full.astype(np.float32)

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return self._encoder.token_counts(texts)

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return self._encoder.tokens_per_word(words)


def _too_long(spec: str, full: int | None, dim: int) -> UsageError:
    return UsageError(
        f"vectors of {full} components cannot be cut to {dim}",
        where=spec,
        remedy=f"name a dimension from 1 to {full}",
    )
