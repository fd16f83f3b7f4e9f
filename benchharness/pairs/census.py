"""One pass over files of pairs: every text as a key of 64 bits, so that 300,000 pairs are small.

A pair costs 56 bytes, and 16 more for each negative. Of the texts themselves a sample stays in
memory, that of near duplicates.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.data.lines import find_file, numbered_lines
from benchharness.data.similarity import normalised, text_key
from benchharness.errors import DataError
from benchharness.models.encoder import Encoder
from benchharness.pairs.leaks import NEAR_SAMPLE
from benchharness.pairs.pair import Pair, parse_pair, source_of
from benchharness.progress import Listener, Step, silent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN = 3  # places named in a finding
SHORTEST_QUERY = 2  # characters
LONGEST_QUERY = 64  # words; longer ones are seldom what people type
_PAIRS_A_STEP = 5_000  # between two steps that a listener hears of
_TEXTS_AT_ONCE = 1024  # positives whose tokens are counted together


@dataclass
class Tally:
    """How often something was seen, and the first few places as file:line."""

    count: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, place: str) -> None:
        self.count += 1
        if len(self.places) < SHOWN:
            self.places.append(place)


@dataclass
class SourceTally:
    """Pairs of one source; of those, synthetic ones and those with negatives."""

    pairs: int = 0
    synthetic: int = 0
    with_negatives: int = 0


@dataclass
class Census:
    """What one pass counted.

    queries, positives, negatives: `text_key`s; negatives of pair i are those from starts[i] to
             starts[i + 1].
    exact:   hashes of the texts as they stand: query, positive, negatives of each pair in turn.
             Python's own, which differ between processes, so they are compared and nothing else.
    query_ids, doc_ids: hashes of ids, likewise; 0 without one.
    files, lines: number of the file, and of its line.
    unreadable: lines, and what is wrong with the first. tallies: of what is seen in a pair alone.
    query_sample: key -> text of the 20,000 smallest keys, a random choice that no order changes.
    truncated: positives (each text once) that the model cuts off; `positive_texts` were counted.
    """

    paths: tuple[Path, ...]
    queries: array[int] = field(default_factory=lambda: array("Q"))
    positives: array[int] = field(default_factory=lambda: array("Q"))
    negatives: array[int] = field(default_factory=lambda: array("Q"))
    starts: array[int] = field(default_factory=lambda: array("Q", [0]))
    exact: array[int] = field(default_factory=lambda: array("q"))
    query_ids: array[int] = field(default_factory=lambda: array("q"))
    doc_ids: array[int] = field(default_factory=lambda: array("q"))
    files: array[int] = field(default_factory=lambda: array("H"))
    lines: array[int] = field(default_factory=lambda: array("Q"))
    unreadable: Tally = field(default_factory=Tally)
    first_reason: str = ""
    tallies: dict[str, Tally] = field(default_factory=dict)
    sources: dict[str, SourceTally] = field(default_factory=dict)
    query_sample: dict[int, str] = field(default_factory=dict)
    truncated: Tally = field(default_factory=Tally)
    positive_texts: int = 0

    def __len__(self) -> int:
        return len(self.queries)

    def column(self, name: str) -> NDArray[np.uint64]:
        """The keys of that name: queries, positives, negatives, query_ids or doc_ids."""
        import numpy as np

        return np.array(getattr(self, name)).astype(np.uint64)

    def place(self, row: int) -> str:
        return f"{self.paths[self.files[row]]}:{self.lines[row]}"

    def places(self, rows: Sequence[int] | NDArray[np.int64]) -> str:
        """The first few rows as file:line, in the order of the files."""
        return ", ".join(self.place(int(row)) for row in sorted(int(one) for one in rows)[:SHOWN])

    def tally(self, name: str) -> Tally:
        return self.tallies.setdefault(name, Tally())

    def batch_rows(self) -> list[tuple[int, ...]]:
        """The exact texts of each pair, shown once whatever its weight; the positive first."""
        found, at = [], 0
        for row in range(len(self)):
            width = 2 + self.starts[row + 1] - self.starts[row]
            query, positive, *others = self.exact[at : at + width]
            found.append((positive, query, *others))
            at += width
        return found


def take_census(
    paths: Sequence[Path], model: Encoder | None = None, listener: Listener = silent
) -> Census:
    """What the files hold, read once and line by line; unreadable lines are counted.

    model: whose length positives are held against. Raises DataError where there is no such file.
    """
    census = Census(tuple(paths))
    sample = _Smallest(census.query_sample)
    lengths = _Lengths(census, model) if model is not None and model.max_length else None
    for number, path in enumerate(paths):
        for line, pair in _pairs_of(path, census):
            if len(census) % _PAIRS_A_STEP == 0:
                listener(Step(f"read {path.name}", len(census), 0, "pairs"))
            _add(census, pair, number, line)
            sample.offer(census.queries[-1], pair.query)
            if lengths is not None:
                lengths.offer(census.positives[-1], pair.positive, census.place(len(census) - 1))
    if lengths is not None:
        lengths.count()
    return census


def _pairs_of(path: Path, census: Census) -> Iterator[tuple[int, Pair]]:
    lines = numbered_lines(find_file(path))
    while True:
        try:
            number, line = next(lines, (0, ""))
            if not number:
                return
            pair = parse_pair(line, f"{path}:{number}", source_of(path))
        except (
            DataError
        ) as error:  # after one that is not of a pair, such as of UTF-8, reading ends
            census.unreadable.add(error.where)
            census.first_reason = census.first_reason or error.message
            continue
        yield number, pair


def _add(census: Census, pair: Pair, file: int, line: int) -> None:
    census.queries.append(text_key(pair.query))
    census.positives.append(text_key(pair.positive))
    keys = [text_key(text) for text in pair.negatives]
    census.negatives.extend(keys)
    census.starts.append(len(census.negatives))
    census.exact.extend(map(hash, (pair.query, pair.positive, *pair.negatives)))
    census.query_ids.append(hash(pair.query_id) if pair.query_id else 0)
    census.doc_ids.append(hash(pair.doc_id) if pair.doc_id else 0)
    census.files.append(file)
    census.lines.append(line)
    source = census.sources.setdefault(pair.source, SourceTally())
    source.pairs += 1
    source.synthetic += pair.synthetic
    source.with_negatives += bool(pair.negatives)
    place = f"{census.paths[file]}:{line}"
    for name in _seen_alone(pair, census.queries[-1], census.positives[-1], keys):
        census.tally(name).add(place)


def _seen_alone(pair: Pair, query: int, positive: int, negatives: Sequence[int]) -> Iterator[str]:
    """Yields the names of what is odd about a pair by itself."""
    if len(pair.query.strip()) < SHORTEST_QUERY:
        yield "short-query"
    if len(pair.query.split()) > LONGEST_QUERY:
        yield "long-query"
    if query == positive:
        yield "identical-sides"
    elif normalised(pair.query) in normalised(pair.positive):
        yield "query-in-positive"
    if query in negatives:
        yield "query-as-negative"
    if len(set(negatives)) < len(negatives):
        yield "repeated-negative"


class _Smallest:
    """Keeps the texts of the smallest keys in `kept`: keys are hashes, so it is a random choice."""

    def __init__(self, kept: dict[int, str]) -> None:
        self._kept = kept
        self._largest: list[int] = []  # negated, so that the largest key is on top

    def offer(self, key: int, text: str) -> None:
        if key in self._kept or (len(self._kept) == NEAR_SAMPLE and key > -self._largest[0]):
            return
        self._kept[key] = text
        heapq.heappush(self._largest, -key)
        if len(self._kept) > NEAR_SAMPLE:
            del self._kept[-heapq.heappop(self._largest)]


class _Lengths:
    """Counts the tokens of each positive text once, many together."""

    def __init__(self, census: Census, model: Encoder) -> None:
        self._census = census
        self._model = model
        self._prompt = getattr(model, "prompts", {}).get("document", "")
        self._seen: set[int] = set()
        self._waiting: list[tuple[str, str]] = []

    def offer(self, key: int, text: str, place: str) -> None:
        if key in self._seen:
            return
        self._seen.add(key)
        self._waiting.append((self._prompt + text, place))
        if len(self._waiting) == _TEXTS_AT_ONCE:
            self.count()

    def count(self) -> None:
        counts = self._model.token_counts([text for text, _ in self._waiting]).tolist()
        for (_, place), count in zip(self._waiting, counts, strict=True):
            if count > (self._model.max_length or count):
                self._census.truncated.add(place)
        self._census.positive_texts += len(self._waiting)
        self._waiting.clear()
