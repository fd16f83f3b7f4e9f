"""The texts asked of the cache by key, and the vectors found so far."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from benchharness.errors import ModelError
from benchharness.models.batches import take, text_keys
from benchharness.models.shards import Shard, Shelf

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_IN_MEMORY_BYTES = 2 << 30  # a larger result is mapped to an unnamed file


class Wanted:
    """The texts asked for, by key, and the vectors found so far.

    keys: the distinct keys in order; [u]. A vector is put at the first text of its key; at the
    end it is copied to equal texts.
    """

    def __init__(self, texts: Sequence[str], spec: str) -> None:
        import numpy as np

        self._texts = texts
        self._spec = spec
        keys = text_keys(texts)
        self.keys, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        self._first = first.astype(np.int64)
        self._inverse = inverse.reshape(-1)
        self._have = np.zeros(len(self.keys), dtype=bool)
        self._vectors: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def missing(self) -> bool:
        return not bool(self._have.all())

    def missing_rows(self) -> NDArray[np.int64]:
        import numpy as np

        return np.flatnonzero(~self._have)

    def selection(self, rows: NDArray[np.int64]) -> Sequence[str]:
        """The texts of those keys, still unread."""
        return _Selection(self._texts, self._first[rows])

    def fill(self, shelf: Shelf, seen: set[str]) -> None:
        """Takes what the shelf has in shards that were not seen yet."""
        if not self.missing():
            return
        names = tuple(name for name in shelf.names() if name not in seen)
        seen.update(names)
        for shard in shelf.read(names):
            self._take(shard)

    def _take(self, shard: Shard) -> None:
        import numpy as np

        rows = np.searchsorted(self.keys, shard.keys)
        inside = np.flatnonzero(rows < len(self.keys))
        matching = inside[self.keys[rows[inside]] == shard.keys[inside]]
        if len(matching):
            self.put(rows[matching], shard.vectors[matching])

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        target = self._target(vectors)
        target[self._first[rows]] = vectors
        self._have[rows] = True

    def result(self) -> NDArray[np.float32]:
        import numpy as np

        if self._vectors is None:
            return np.zeros((0, 0), dtype=np.float32)
        source = self._first[self._inverse]
        repeats = np.flatnonzero(source != np.arange(len(source)))
        self._vectors[repeats] = self._vectors[source[repeats]]
        return self._vectors

    def _target(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._vectors is None:
            self._vectors = _empty(len(self._inverse), vectors.shape[1])
        if vectors.ndim != 2 or vectors.shape[1] != self._vectors.shape[1]:
            shape = " x ".join(map(str, vectors.shape))
            raise ModelError(
                f"{self._spec} gave vectors of shape {shape}, and earlier ones had "
                f"{self._vectors.shape[1]} components",
                remedy="one fingerprint has one dimension; this is a defect of the encoder",
            )
        return self._vectors


@dataclass(frozen=True)
class _Selection(Sequence[str]):
    """Some rows of a sequence of texts, read when they are asked for."""

    texts: Sequence[str]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return take(self.texts, self.rows[index])
        return self.texts[int(self.rows[index])]

    def take(self, rows: NDArray[np.int64]) -> list[str]:
        return take(self.texts, self.rows[rows])


def _empty(rows: int, dim: int) -> NDArray[np.float32]:
    import numpy as np

    if rows * dim * 4 <= _IN_MEMORY_BYTES:
        return np.zeros((rows, dim), dtype=np.float32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, dim))
