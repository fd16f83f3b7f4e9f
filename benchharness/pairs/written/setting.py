"""What is asked for: how texts are cut, which queries are wanted and what they must pass."""

from __future__ import annotations

from dataclasses import dataclass

from benchharness.errors import ModelError, UsageError, did_you_mean
from benchharness.models.encoder import Encoder

# In the order in which they are asked for; the first letters, which name them in a key, differ.
TYPES = ("question", "keywords", "paraphrase", "how-to", "misspelt")
_MOST_QUERIES = 10
_SHORTEST_PASSAGE = 16  # tokens: below, a passage is hardly a sentence


@dataclass(frozen=True)
class Setting:
    """How queries are made; the defaults are those of `benchharness generate`.

    types:          of the queries, among TYPES.
    queries:        for each passage, of as many types as there are.
    passage_tokens: the longest passage, in tokens of the model that is to be trained.
    overlap:        tokens that neighbouring passages of a document may share.
    min_words:      shorter passages are not asked about.
    passages:       how many are asked about, by a seeded choice; None for all.
    round_trip:     a query's passage must be among the model's first so many; 0 for no such rule.
    answer_tokens:  the longest answer.
    with_test_documents: asks about documents that are relevant to test queries, too.
    seed:           of every choice.
    """

    types: tuple[str, ...] = TYPES
    queries: int = 3
    passage_tokens: int = 256
    overlap: int = 0
    min_words: int = 8
    passages: int | None = None
    round_trip: int = 20
    answer_tokens: int = 1000
    with_test_documents: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.types if name not in TYPES]
        if unknown:
            raise UsageError(
                f"unknown type of query {unknown[0]!r}", remedy=did_you_mean(unknown[0], TYPES)
            )
        if not self.types or len(set(self.types)) < len(self.types):
            raise UsageError(
                "types of queries are named once each, and at least one",
                remedy=f"name some of {', '.join(TYPES)}",
            )
        # One order, so that the order in which types are named changes no prompt.
        object.__setattr__(self, "types", tuple(name for name in TYPES if name in self.types))
        _need("queries", self.queries, 1, _MOST_QUERIES)
        _need("passage_tokens", self.passage_tokens, _SHORTEST_PASSAGE, None)
        _need("overlap", self.overlap, 0, self.passage_tokens // 2)
        _need("min_words", self.min_words, 0, None)
        _need("round_trip", self.round_trip, 0, None)
        _need("answer_tokens", self.answer_tokens, 50, None)
        if self.passages is not None:
            _need("passages", self.passages, 1, None)

    def capacity(self, encoder: Encoder) -> int:
        """The longest passage in tokens: no longer than the model reads, special tokens included.

        Raises ModelError where the model reads hardly a sentence.
        """
        if encoder.max_length is None:
            return self.passage_tokens
        if encoder.max_length < _SHORTEST_PASSAGE:
            raise ModelError(
                f"the model reads {encoder.max_length} tokens, and a passage has "
                f"{_SHORTEST_PASSAGE} at least",
                where=encoder.spec,
                remedy="name another model, or a longer @max_length",
            )
        return min(self.passage_tokens, encoder.max_length)


def _need(name: str, value: int, least: int, most: int | None) -> None:
    if value < least or (most is not None and value > most):
        upper = "" if most is None else f" to {most:,}"
        option = f"--{name.replace('_', '-')}"
        raise UsageError(
            f"{option} is {value:,}", remedy=f"{option} is a whole number from {least:,}{upper}"
        )
