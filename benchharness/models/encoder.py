"""What a system under test must be able to do: the `Encoder` and `Ranker` protocols.

An encoder turns texts into vectors, and the evaluation searches them exactly. A ranker (BM25,
later rerankers and hybrids) scores documents by itself. Both carry a fingerprint of everything
that changes their output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

Role = Literal["query", "document"]


class Encoder(Protocol):
    """Turns texts into vectors whose dot product is the score.

    spec:        the model spec it was opened from.
    fingerprint: sha256 (hex) of weights, tokenizer, prompts, pooling, normalisation, dimension,
                 maximum length and dtype. Computed without loading the weights into torch.
    trainable:   whether benchharness could fine-tune it.
    max_length:  tokens that are read of a text, special tokens included; None for no limit.
    details:     prompts, pooling, dimension … for the report, as strings.
    """

    spec: str

    @property
    def fingerprint(self) -> str: ...
    @property
    def trainable(self) -> bool: ...
    @property
    def max_length(self) -> int | None: ...
    @property
    def details(self) -> Mapping[str, str]: ...

    @property
    def encode_path(self) -> str:
        """What else may change the last bits: device, library versions, batch plan."""
        ...

    def encode(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Finished batches as (positions in `texts` [b], vectors [b, dim] float32).

        Batches are cut by the texts alone (sorted by token count, then text), never by workers,
        and come in any order; together they hold every position once.
        """
        ...

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens each text has, special tokens included and nothing cut off; [n].

        Light: loads the tokenizer only, never the weights.
        """
        ...

    def tokens_per_word(self, words: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens the tokenizer makes of each word, without special tokens; [n]."""
        ...


class Ranker(Protocol):
    """Scores every document for a query by itself; see `Encoder` for the shared fields."""

    spec: str

    @property
    def fingerprint(self) -> str: ...
    @property
    def trainable(self) -> bool: ...
    @property
    def details(self) -> Mapping[str, str]: ...
    @property
    def encode_path(self) -> str: ...

    def scores(
        self, documents: Sequence[str], queries: Sequence[str]
    ) -> Iterator[NDArray[np.float32]]:
        """One row of scores over all documents for each query, in order; [len(documents)].

        A document that must not be retrieved at all scores -inf.
        """
        ...


def is_encoder(system: Encoder | Ranker) -> TypeIs[Encoder]:
    """Whether the system turns texts into vectors; asks for no property, so it costs nothing."""
    return hasattr(type(system), "encode")
