"""Scores of pairs as vectors of one component, so that the embedding cache keeps them.

Reading a query and a document together is the most expensive thing that a pipeline does; kept like
vectors, a score is computed once for each pair of texts, whatever the run, and a killed one loses
seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, overload

from benchharness.models.batches import take, windows
from benchharness.models.encoder import PairScorer, Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAIRS_AT_ONCE = 1024  # scored together; a change of this changes last bits


class PairScores:
    """The `Encoder` of the role "pair": the score of each pair; [1] for each text."""

    trainable = False
    max_length = None

    def __init__(self, scorer: PairScorer) -> None:
        self.spec = scorer.spec
        self._scorer = scorer

    @property
    def fingerprint(self) -> str:
        return self._scorer.fingerprint

    @property
    def details(self) -> Mapping[str, str]:
        return {"kind": "scores of pairs"}

    @property
    def encode_path(self) -> str:
        return f"pairs, {_PAIRS_AT_ONCE} at once"

    def encode(
        self,
        texts: Sequence[str],
        role: Role,  # noqa: ARG002
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for window in windows(texts, _PAIRS_AT_ONCE):
            pairs = [_pair(text) for text in take(texts, window)]
            yield window, self._scorer.pair_scores(pairs).reshape(-1, 1)

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:  # noqa: ARG002
        raise TypeError("pairs are not counted in tokens")

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:  # noqa: ARG002
        raise TypeError("pairs are not counted in tokens")


class PairTexts(Sequence[str]):
    """The text of each (query, document) pair, made when it is asked for: length:query document.

    query_rows [n] of `queries`, doc_rows [n] of `documents`.
    """

    def __init__(
        self,
        queries: Sequence[str],
        documents: Sequence[str],
        query_rows: NDArray[np.int64],
        doc_rows: NDArray[np.int64],
    ) -> None:
        self._queries = queries
        self._documents = documents
        self._query_rows = query_rows
        self._doc_rows = doc_rows

    def __len__(self) -> int:
        return len(self._query_rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        import numpy as np

        rows = np.arange(len(self))[index]
        return self.take(rows) if isinstance(index, slice) else self.take(np.array([rows]))[0]

    def take(self, rows: NDArray[np.int64]) -> list[str]:
        documents = take(self._documents, self._doc_rows[rows])
        queries = (self._queries[row] for row in self._query_rows[rows].tolist())
        return [_text(query, text) for query, text in zip(queries, documents, strict=True)]


def _text(query: str, document: str) -> str:
    return f"{len(query)}:{query}{document}"


def _pair(text: str) -> tuple[str, str]:
    length, _, both = text.partition(":")
    return both[: int(length)], both[int(length) :]
