"""Queries of one model against documents of another: what an index is worth that was not rebuilt.

Nobody wants this, and at equal dimensions nothing fails: so it is measured, once, on purpose.
Everywhere else vectors of two models never meet.
"""

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


class Mixed:
    """An encoder that takes queries from one model and documents from another.

    cache: of both models' own vectors; keep those of this one in none.
    """

    def __init__(self, queries: Encoder, documents: Encoder, cache: EmbeddingCache) -> None:
        self.spec = f"queries of {queries.spec}, documents of {documents.spec}"
        self._sides: Mapping[str, Encoder] = {"query": queries, "document": documents}
        self._cache = cache

    @property
    def fingerprint(self) -> str:
        sides = "\n".join(f"{role} {one.fingerprint}" for role, one in self._sides.items())
        return hashlib.sha256(f"mixed\n{sides}".encode()).hexdigest()

    @property
    def trainable(self) -> bool:
        return False

    @property
    def max_length(self) -> int | None:
        return self._sides["document"].max_length

    @property
    def details(self) -> Mapping[str, str]:
        return {"kind": "mixed", **{f"{role} model": one.spec for role, one in self._sides.items()}}

    @property
    def encode_path(self) -> str:
        return "; ".join(dict.fromkeys(one.encode_path for one in self._sides.values()))

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """All vectors of that role's model in one batch. Raises UsageError for pairs."""
        import numpy as np

        if role not in self._sides:
            raise UsageError("a mixed encoder reads no pairs", where=self.spec)
        vectors = self._cache.encode(self._sides[role], texts, role)
        yield np.arange(len(vectors), dtype=np.int64), vectors

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """The smaller count of both models: a text may be empty for the one and not the other."""
        import numpy as np

        counts = [one.token_counts(texts) for one in self._sides.values()]
        return np.minimum(counts[0], counts[1])

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        return self._sides["document"].tokens_per_word(words)
