"""What a system under test must be able to do: `Encoder`, `Ranker` and `Pipeline`.

An encoder turns texts into vectors, and the evaluation searches them exactly. A ranker (BM25)
scores documents by itself. A pipeline says of which systems it is made and how they work together;
the evaluation does it. All carry a fingerprint of everything that changes their output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from benchharness.progress import Listener, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeIs

# "pair" is a query and a document read together, whose score is kept as a vector of one component.
Role = Literal["query", "document", "pair"]


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


class Pipeline(Protocol):
    """Several systems that answer together; see `Encoder` for the shared fields.

    parts: the systems, in the order in which the spec names them.
    """

    @property
    def spec(self) -> str: ...
    @property
    def parts(self) -> Sequence[System]: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def trainable(self) -> bool: ...
    @property
    def details(self) -> Mapping[str, str]: ...
    @property
    def encode_path(self) -> str: ...


class PairScorer(Protocol):
    """Scores pairs of a query and a text that it reads together, and cannot search by itself."""

    spec: str

    @property
    def fingerprint(self) -> str: ...

    def pair_scores(
        self, pairs: Sequence[tuple[str, str]], listener: Listener = silent
    ) -> NDArray[np.float32]:
        """The score of each (query, text), in their order; [n], finite, higher is better."""
        ...


System = Encoder | Ranker | Pipeline


def is_encoder(system: object) -> TypeIs[Encoder]:
    """Whether the system turns texts into vectors; asks for no property, so it costs nothing."""
    return hasattr(type(system), "encode")


def is_pipeline(system: object) -> TypeIs[Pipeline]:
    """Whether the system is made of others."""
    return hasattr(system, "parts")


def scores_pairs(system: object) -> TypeIs[PairScorer]:
    """Whether the system reads a query and a text together."""
    return hasattr(type(system), "pair_scores")


class View(Protocol):
    """An encoder whose vectors are made of another's, so that one encode serves both.

    whole: that encoder; None where this one stands by itself after all.
    """

    @property
    def whole(self) -> Encoder | None: ...

    def cut(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The own vectors of what `whole` gave; [n, fewer]."""
        ...


def whole_of(encoder: Encoder) -> Encoder:
    """The encoder whose vectors are kept: that of a view, or the encoder itself."""
    whole: Encoder | None = getattr(encoder, "whole", None)
    return encoder if whole is None else whole


def cut_of(encoder: Encoder, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The encoder's vectors, made of those of `whole_of(encoder)`."""
    if whole_of(encoder) is encoder:
        return vectors
    view: View = encoder  # type: ignore[assignment]  # what has a `whole` has a `cut`
    return view.cut(vectors)


def encoders_of(system: System) -> Iterator[Encoder]:
    """Yields the encoders that a system is or is made of, in the order of its spec."""
    if is_encoder(system):
        yield system
    elif is_pipeline(system):
        for part in system.parts:
            yield from encoders_of(part)
