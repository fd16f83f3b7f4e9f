"""p-values of every pair among several systems, from one set of sign flips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchharness.judge.numbers import TOLERANCE
from benchharness.judge.paired import holm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# After Holm over P pairs no p-value is below P / (flips + 1): with fewer flips a pair, a board of
# many rows could not tell anything apart.
_FLIPS = 10_000
_FLIPS_A_PAIR = 200
# Up to this many changed queries all 2^k signs are tried: as many as drawn ones at most.
_ENUMERATED = 12
# Signs held at a time: 4 million floats are 32 MB.
_BLOCK = 1 << 22


def pairwise_p(
    values: NDArray[np.float64], *, seed: int = 0, flips: int | None = None
) -> NDArray[np.float64]:
    """The two-sided p-value of each pair's mean difference; [m, m], symmetric, 1 on the diagonal.

    values: of m systems on the same n queries, [m, n], finite.
    flips:  None for 10,000, or 200 for each pair where that is more.

    Under the hypothesis that a pair's differences are symmetric about 0, every sign is as likely
    as its opposite: the share of sign patterns whose sum is as far from 0 as the one seen. Where
    at most 12 queries differ by more than 1e-12, all patterns are tried; otherwise b of the drawn
    ones give (b + 1) / (flips + 1). All pairs share the draws: flipping the signs of the queries
    flips those of every difference, so that one product serves any number of pairs.
    """
    import numpy as np

    m = len(values)
    found = np.ones((m, m))
    drawn = np.zeros((m, m), dtype=bool)
    far = np.zeros((m, m))
    for i in range(m):
        for j in range(i + 1, m):
            changes = values[i] - values[j]
            changes = changes[np.abs(changes) > TOLERANCE]
            if len(changes) <= _ENUMERATED:
                found[i, j] = found[j, i] = _exact(changes)
                continue
            # The rounding of a sum grows with what is added; it must not part equal sums.
            slack = TOLERANCE * max(1.0, float(np.abs(values[[i, j]]).sum()))
            drawn[i, j], far[i, j] = True, abs(math.fsum(changes)) - slack
    if drawn.any():
        count = max(_FLIPS, _FLIPS_A_PAIR * (m * (m - 1) // 2)) if flips is None else flips
        chance = (_as_far(values, far, seed, count) + 1) / (count + 1)
        found[drawn] = chance[drawn]
        found.T[drawn] = chance[drawn]
    return found


def holm_over_pairs(
    p_values: NDArray[np.float64], family: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """The symmetric p-values, adjusted for the number of pairs; [m, m].

    family: [m, m] symmetric, the pairs that are compared (default: all); the others have 1.

    Any pair of the family may be looked at afterwards, that of the best and the second too,
    although the data chose it: the chance that one of equal systems is called different stays
    below alpha.
    """
    import numpy as np

    first, second = np.triu_indices(len(p_values), 1)
    if family is not None:
        compared = family[first, second]
        first, second = first[compared], second[compared]
    adjusted = np.ones_like(p_values)
    adjusted[first, second] = holm(p_values[first, second].tolist())
    adjusted[second, first] = adjusted[first, second]
    return adjusted


def _exact(changes: NDArray[np.float64]) -> float:
    """The share of all sign patterns whose sum is as far from 0; 1 where nothing changed."""
    import numpy as np

    if not len(changes):
        return 1.0
    sizes = np.sort(np.abs(changes))
    signs = (np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1) * 2.0 - 1.0
    far = abs(math.fsum(changes)) - TOLERANCE * max(1.0, float(sizes.sum()))
    return float((np.abs((signs * sizes).sum(axis=1)) >= far).mean())


def _as_far(
    values: NDArray[np.float64], far: NDArray[np.float64], seed: int, flips: int
) -> NDArray[np.int64]:
    """How many drawn patterns bring a pair's sum to `far` or beyond; [m, m], above the diagonal."""
    import numpy as np

    m, n = values.shape
    generator = np.random.Generator(np.random.PCG64(seed))
    counts = np.zeros((m, m), dtype=np.int64)
    rows, width = max(1, _BLOCK // n), -(-n // 8)
    for start in range(0, flips, rows):
        height = min(rows, flips - start)
        drawn = np.frombuffer(generator.bytes(height * width), dtype=np.uint8)
        bits = np.unpackbits(drawn.reshape(height, width), axis=1, count=n)
        signs = bits * 2.0 - 1.0
        sums = signs @ values.T
        for i in range(m - 1):
            apart = np.abs(sums[:, i : i + 1] - sums[:, i + 1 :])
            counts[i, i + 1 :] += (apart >= far[i, i + 1 :]).sum(axis=0)
    return counts
