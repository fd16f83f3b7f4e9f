"""Vectors as an index of fewer bits holds them, from the full ones that are in the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from benchharness.errors import UsageError, did_you_mean
from benchharness.models.cache import EmbeddingCache, Vectors
from benchharness.models.encoder import Encoder, Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLOAT = "float32"
Precision = Literal["int8", "binary"]
CODES = get_args(Precision)
# Of a component, in bits.
CODE_BITS = {"int8": 8, "binary": 1}
# Vectors made into codes at a time; changes no code.
_BLOCK_ROWS = 65_536


class Quantised:
    """What an index of int8 or binary codes scores by, as vectors whose dot product is the score.

    The codes are those of sentence-transformers' `quantize_embeddings`; nothing is scored again by
    full vectors:

    - int8: of a document, component by component, one of 256 steps on the range that it has over
      the vectors of `calibration`; what lies outside is clipped. The score is the dot product of
      the query's full vector with the decoded steps (their middles), as faiss' scalar quantiser
      and others have it. The bare product of the codes would leave out the offsets of the ranges:
      it loses several points of recall that no index has to lose.
    - binary: 1 where a component is above 0, else -1, on both sides. The score is
      dim - 2 * Hamming distance, which ranks as an index of packed bits by Hamming distance does.

    A vector of zeros (a text without a token) stays one, so that it still ranks last.

    calibration: the documents that the ranges are taken from; binary codes need none.
    cache:       where the full vectors are; query_cache: those of queries, where elsewhere.

    Raises UsageError for another precision, and where int8 has nothing to be calibrated on.
    """

    def __init__(
        self,
        encoder: Encoder,
        precision: str,
        calibration: Sequence[str],
        cache: EmbeddingCache,
        query_cache: Vectors | None = None,
    ) -> None:
        if precision not in CODES:
            raise UsageError(
                f"unknown precision {precision!r}",
                where=encoder.spec,
                remedy=did_you_mean(precision, CODES),
            )
        if precision == "int8" and not len(calibration):
            raise UsageError(
                "int8 needs documents for the range of each component",
                where=encoder.spec,
                remedy="give it the documents of the corpus",
            )
        self.spec = f"{encoder.spec}, {precision}"
        self.precision: Precision = "int8" if precision == "int8" else "binary"
        self._encoder = encoder
        self._calibration = calibration
        self._cache = cache
        self._query_cache: Vectors = query_cache or cache

    @cached_property
    def fingerprint(self) -> str:
        """Of the encoder, the precision and, for int8, the set of calibration texts."""
        parts = [self._encoder.fingerprint, self.precision]
        if self.precision == "int8":
            parts += sorted({hashlib.sha256(one.encode()).hexdigest() for one in self._calibration})
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def trainable(self) -> bool:
        return False

    @property
    def max_length(self) -> int | None:
        return self._encoder.max_length

    @property
    def details(self) -> Mapping[str, str]:
        return {**self._encoder.details, "precision": self.precision}

    @property
    def costs(self) -> Mapping[str, float]:
        """The encoder's, and the "bytes_per_vector" of the codes, where its dimension is known."""
        found = dict(getattr(self._encoder, "costs", {}))
        if "dimension" in found:
            found["bytes_per_vector"] = float(
                -(-found["dimension"] * CODE_BITS[self.precision] // 8)
            )
        return found

    @property
    def encode_path(self) -> str:
        return self._encoder.encode_path

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """What the codes stand for, in order, many at a time; of int8 queries the full vectors."""
        import numpy as np

        cache: Vectors = self._query_cache if role == "query" else self._cache
        full = cache.encode(self._encoder, texts, role)
        for start in range(0, len(full), _BLOCK_ROWS):
            block = np.asarray(full[start : start + _BLOCK_ROWS])
            is_full = self.precision == "int8" and role == "query"
            found = block if is_full else self._decoded(block)
            found[~block.any(axis=1)] = 0.0
            yield np.arange(start, start + len(block), dtype=np.int64), found

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return self._encoder.token_counts(texts)

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return self._encoder.tokens_per_word(words)

    def _decoded(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np
        from sentence_transformers.util.quantization import quantize_embeddings

        ranges = self._ranges if self.precision == "int8" else None
        codes: NDArray[np.int8] = np.asarray(
            quantize_embeddings(vectors, self.precision, ranges=ranges), dtype=np.int8
        )
        if self.precision == "int8":
            low, high = self._ranges
            middles: NDArray[np.float32] = codes.astype(np.float32) + np.float32(128.5)
            found: NDArray[np.float32] = low + middles * ((high - low) / 255)
            return np.where(high > low, found, low).astype(np.float32)
        # Eight components in a byte, of which 128 was taken.
        packed: NDArray[np.uint8] = codes.view(np.uint8) ^ np.uint8(0x80)
        bits = np.unpackbits(packed, axis=1, count=vectors.shape[1])
        return bits.astype(np.float32) * 2 - 1

    @cached_property
    def _ranges(self) -> NDArray[np.float32]:
        """The smallest and the largest value of each component; [2, dim]."""
        import numpy as np

        vectors = self._cache.encode(self._encoder, self._calibration, "document")
        return np.stack([vectors.min(axis=0), vectors.max(axis=0)])
