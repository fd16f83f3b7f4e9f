"""Which batches an epoch has where no text may come twice in a batch, and what they leave out.

The trainer ends an epoch after as many batches as rows / batch size. sentence-transformers'
NO_DUPLICATES sampler puts a row off where one of its texts is in the batch already, so that
batches may come out smaller than asked; what is left after the last batch is not shown at all.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIZES = (16, 32, 64, 128)
_LARGEST = 1_024
_FINE_ROWS = 20_000


@dataclass(frozen=True)
class Epoch:
    """One epoch of a batch size.

    batches:  in which the trainer ends it. full: of those, with as many rows as asked.
    left_out: rows that are in none of them.
    """

    batch_size: int
    batches: int
    full: int
    left_out: int


def epoch_of(rows: Sequence[Collection[int]], batch_size: int, *, seed: int = 0) -> Epoch:
    """What an epoch of the rows holds, in an order drawn by the seed.

    rows: the texts of each, as keys; the first is the positive's.
    """
    batches = math.ceil(len(rows) / batch_size)
    order = _shuffled(len(rows), seed)
    sizes = [len(one) for one in itertools.islice(batches_of(rows, order, batch_size), batches)]
    return Epoch(batch_size, batches, sizes.count(batch_size), len(rows) - sum(sizes))


def largest_without_loss(rows: Sequence[Collection[int]], *, seed: int = 0) -> int:
    """The largest of the `sizes_tried` whose epoch leaves nothing out; 1 always does.

    Every size is tried by itself, the largest first: a smaller one may leave out more, where its
    last batches happen to meet one document.
    """
    tried = sizes_tried(len({next(iter(row)) for row in rows}), len(rows))
    return next(size for size in tried if not epoch_of(rows, size, seed=seed).left_out)


def sizes_tried(positives: int, rows: int) -> tuple[int, ...]:
    """From the largest: as many rows as there are distinct positives, then multiples of 8, 4, 2, 1.

    Up to 1,024; above 20,000 rows powers of 2 in place of the multiples, for the time it takes.
    """
    most = min(positives, _LARGEST)
    fine = range(8, most + 1, 8)
    coarse = [2**power for power in range(3, 11) if 2**power <= most]
    sizes = {most, *(fine if rows <= _FINE_ROWS else coarse), 4, 2, 1}
    return tuple(sorted((size for size in sizes if size <= most), reverse=True))


def batches_of(
    rows: Sequence[Collection[int]], order: Sequence[int] | NDArray[np.int64], batch_size: int
) -> Iterator[list[int]]:
    """Yields the batches that NO_DUPLICATES makes of the rows in `order`, the last ones too.

    The library walks over all rows that are left for every batch. Here only the first row of each
    positive that is left is looked at, since two rows of one positive never meet: the same
    batches, in a time that does not grow with the square of the rows.
    """
    waiting = _by_positive(rows, order)
    heads = [(own[-1][0], first) for first, own in waiting.items()]
    heapq.heapify(heads)
    while heads:
        taken: list[int] = []
        seen: set[int] = set()
        put_off: dict[int, list[tuple[int, int]]] = {}  # by positive, of those looked at
        while heads and len(taken) < batch_size:
            place, first = heapq.heappop(heads)
            own = waiting[first]
            if not own or own[-1][0] != place:
                continue  # it was looked at in an earlier batch, and stands in the heap again
            _, row = own.pop()
            later = put_off.setdefault(first, [])
            if seen.isdisjoint(rows[row]):
                taken.append(row)
                seen.update(rows[row])
                continue
            later.append((place, row))
            if first not in seen and own:
                heapq.heappush(heads, (own[-1][0], first))
        for first, later in put_off.items():
            own = waiting[first]
            own.extend(reversed(later))
            if own:
                heapq.heappush(heads, (own[-1][0], first))
        if taken:
            yield taken


def _by_positive(
    rows: Sequence[Collection[int]], order: Sequence[int] | NDArray[np.int64]
) -> dict[int, list[tuple[int, int]]]:
    """Key of each positive -> (place in the order, row), the last place first."""
    found: dict[int, list[tuple[int, int]]] = {}
    for place in range(len(order) - 1, -1, -1):
        row = int(order[place])
        found.setdefault(next(iter(rows[row])), []).append((place, row))
    return found


def _shuffled(count: int, seed: int) -> NDArray[np.int64]:
    import numpy as np

    return np.random.default_rng(seed).permutation(count)
