"""Near-duplicate texts by MinHash over word triples, in numpy.

Texts are near duplicates where the Jaccard similarity of their sets of word triples is at least
0.9. MinHash proposes pairs, the sets decide, so no pair is reported that is not one; a true pair
is missed with a probability below one in a thousand.

Source: Broder, On the resemblance and containment of documents, 1997.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

SIMILARITY = 0.9
BLANK = 0  # key of a text without a character
_WORD = re.compile(r"\w+")
_WIDTH = 3  # words in a shingle
_BANDS, _ROWS = 12, 5  # at similarity 0.9 some band agrees in all but 2 of 100,000 pairs
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def normalised(text: str) -> str:
    """The text without regard to case and blanks: equal ones count as the same text."""
    return " ".join(text.casefold().split())


def text_key(text: str) -> int:
    """64 bits that are equal for texts that are equal but for case and blanks; BLANK without text.

    Not the text itself: that of 100,000 long documents would be in memory twice.
    """
    plain = normalised(text)
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") or 1) if plain else BLANK


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """The groups of texts that are near duplicates of one another, by their positions.

    Each group is in order of position and has at least two members, the groups in order of the
    first; a member is near to at least one other member. Texts under 3 words are in no group.
    """
    import numpy as np

    hashes, starts = _shingles(texts)
    long_enough = np.flatnonzero(np.diff(starts))
    if len(long_enough) < 2:
        return []
    parent = list(range(len(texts)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    sets: dict[int, NDArray[np.uint64]] = {}

    def shingle_set(position: int) -> NDArray[np.uint64]:
        if position not in sets:
            sets[position] = np.unique(hashes[starts[position] : starts[position + 1]])
        return sets[position]

    for first, second in _candidates(hashes, starts, long_enough):
        low, high = sorted((root(first), root(second)))
        if low != high and _jaccard(shingle_set(first), shingle_set(second)) >= SIMILARITY:
            parent[high] = low
    groups: dict[int, list[int]] = {}
    for position in long_enough.tolist():
        groups.setdefault(root(position), []).append(position)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _shingles(texts: Iterable[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hashes of the word triples of all texts, where each text's begin); [m], [n + 1]."""
    import numpy as np

    known: dict[str, int] = {}  # word -> number, so that each distinct word is hashed once
    numbers: list[int] = []
    counts: list[int] = []
    for text in texts:
        words = _WORD.findall(text.casefold())
        numbers.extend(known.setdefault(word, len(known)) for word in words)
        counts.append(len(words))
    encoded = (word.encode() for word in known)
    vocabulary = np.fromiter(
        (zlib.crc32(word) << 32 | zlib.crc32(word, 1) for word in encoded), np.uint64, len(known)
    )
    words_of = vocabulary[np.array(numbers, dtype=np.int64)]
    ends = np.cumsum(np.array(counts, dtype=np.int64))
    triples = np.maximum(np.array(counts, dtype=np.int64) - _WIDTH + 1, 0)
    starts = np.concatenate([[0], np.cumsum(triples)]).astype(np.int64)
    if not starts[-1]:
        return np.zeros(0, np.uint64), starts
    # Row i of `first` is the word at which the i-th triple begins; none crosses two texts.
    first = np.repeat(ends - np.array(counts) - starts[:-1], triples) + np.arange(starts[-1])
    mixed = np.zeros(len(first), dtype=np.uint64)
    for offset, multiplier in enumerate(_MULTIPLIERS):
        mixed ^= (words_of[first + offset] + np.uint64(offset)) * np.uint64(multiplier)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32)), starts


def _candidates(
    hashes: NDArray[np.uint64], starts: NDArray[np.int64], rows: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Yields pairs of texts that agree in a whole band: neighbours, and each with the first."""
    import numpy as np

    multipliers = np.random.default_rng(0).integers(1, 2**63, (_BANDS, _ROWS), dtype=np.uint64)
    at = starts[rows]
    for band in multipliers:
        key = np.zeros(len(rows), dtype=np.uint64)
        for multiplier in band:
            permuted = hashes * (multiplier | np.uint64(1))
            permuted ^= permuted >> np.uint64(31)
            smallest = np.minimum.reduceat(permuted, at)
            key = (key ^ smallest) * np.uint64(_MULTIPLIERS[0])
            key ^= key >> np.uint64(32)
        order = np.argsort(key, kind="stable")
        edges = np.flatnonzero(np.diff(key[order])) + 1
        for group in np.split(rows[order], edges):
            if len(group) < 2:
                continue
            members = group.tolist()
            yield from itertools.pairwise(members)
            yield from ((members[0], other) for other in members[2:])


def _jaccard(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    import numpy as np

    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
