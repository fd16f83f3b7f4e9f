"""How texts are cut into batches: by the texts alone, in bounded memory.

A batch's make-up changes the last bits of its vectors, so the cut must not depend on the order
in which texts are given, on workers or on what happened to be free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchharness.models.tokens import blocks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNLIMITED = 1 << 40  # tokens, where only the number of texts counts
WINDOW = 16_384  # texts that are Python strings, and sorted by length, at the same time


@dataclass(frozen=True)
class Budget:
    """At most `texts` in a batch, and `tokens` with the padding (one text may have more)."""

    tokens: int
    texts: int

    def __str__(self) -> str:
        tokens = f"{self.tokens} tokens and " if self.tokens < UNLIMITED else ""
        return f"batches of at most {tokens}{self.texts} texts"


# A batch that stays in a core's cache is fastest: 16k tokens are 1.8 times slower than 2k.
CPU = Budget(tokens=2048, texts=64)
ACCELERATOR = Budget(tokens=16_384, texts=256)
# Bags of tokens need no padding, and each row is added up by itself.
UNPADDED = Budget(tokens=262_144, texts=1024)
# Of int8 weights: the range that a batch's numbers are rounded in comes from all of its texts. One
# by one they are also a third faster (docs/backends.md).
SINGLE = Budget(tokens=UNLIMITED, texts=1)


def text_keys(texts: Sequence[str]) -> NDArray[np.bytes_]:
    """sha256 of each text's UTF-8 bytes, as 32 raw bytes; [n]."""
    import numpy as np

    keys = np.zeros(len(texts), dtype="S32")
    for start, block in blocks(texts):
        digests = [hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest() for t in block]
        keys[start : start + len(block)] = digests
    return keys


def take(texts: Sequence[str], rows: NDArray[np.int64]) -> list[str]:
    """The texts of `rows`; in one go where the sequence can (an Arrow column)."""
    many = getattr(texts, "take", None)
    if many is not None:
        found: list[str] = many(rows)
        return found
    return [texts[row] for row in rows.tolist()]


def windows(texts: Sequence[str], size: int = WINDOW) -> Iterator[NDArray[np.int64]]:
    """Positions of up to `size` texts at a time, in order of the texts' hashes.

    A window is so a random sample of the texts, the same one in whatever order they are given.
    """
    import numpy as np

    order = np.argsort(text_keys(texts), kind="stable").astype(np.int64)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def cut(
    texts: Sequence[str], counts: NDArray[np.int64], budget: Budget
) -> Iterator[NDArray[np.int64]]:
    """Positions of each batch: longest texts first, equal lengths in order of the text."""
    import numpy as np

    order = sorted(range(len(texts)), key=lambda row: (-int(counts[row]), texts[row]))
    start = 0
    while start < len(order):
        longest = max(1, int(counts[order[start]]))
        size = min(budget.texts, max(1, budget.tokens // longest))
        yield np.array(order[start : start + size], dtype=np.int64)
        start += size
