"""Token counts from a tokenizer.json alone, nothing cut off and nothing padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchharness.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Counts the tokens of some strings, with or without the tokenizer's special tokens.
TokenCounter = Callable[[list[str], bool], list[int]]
_BLOCK_ROWS = 2048  # strings that are tokenised together


def fast_counter(tokenizer: Path, *, lower_case: bool) -> TokenCounter:
    """The counter of a tokenizer.json. Raises ModelError where the file cannot be read."""
    from tokenizers import Tokenizer, normalizers

    try:
        loaded: Any = Tokenizer.from_file(str(tokenizer))
    except Exception as error:
        # The library raises bare Exceptions for every unreadable file.
        raise ModelError(
            f"the tokenizer cannot be read: {error}",
            where=str(tokenizer),
            remedy="save the model again with its tokenizer",
        ) from error
    loaded.no_truncation()
    loaded.no_padding()
    if lower_case:
        own = [loaded.normalizer] if loaded.normalizer is not None else []
        loaded.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])

    def count(texts: list[str], special: bool) -> list[int]:
        encodings = loaded.encode_batch_fast(texts, add_special_tokens=special)
        return [len(encoding) for encoding in encodings]

    return count


def slow_counter(tokenizer: Callable[..., Any]) -> TokenCounter:
    """The counter of a tokenizer of transformers, for models without a tokenizer.json."""

    def count(texts: list[str], special: bool) -> list[int]:
        found = tokenizer(texts, add_special_tokens=special, truncation=False, padding=False,
                       verbose=False)  # fmt: skip
        return [len(ids) for ids in found["input_ids"]]

    return count


def count_all(counter: TokenCounter, texts: Sequence[str], *, special: bool) -> NDArray[np.int64]:
    """How many tokens each text has; [n]."""
    import numpy as np

    counts = np.zeros(len(texts), dtype=np.int64)
    for start, block in blocks(texts):
        counts[start : start + len(block)] = counter(block, special)
    return counts


def blocks(texts: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The texts in order as lists of strings with their first position, a few at a time."""
    for start in range(0, len(texts), _BLOCK_ROWS):
        yield start, list(texts[start : start + _BLOCK_ROWS])
