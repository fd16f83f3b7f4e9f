"""Paired differences: the interval that decides a regression gate, p-values for tables, and Holm.

The interval alone decides. Its error rates, also where nearly all queries keep their value or a
few lose everything, are shown by `benchmarks/gate_errors.py` and printed in docs/gate-errors.md.

All sums are exact (math.fsum) or over sorted values without BLAS: neither threads nor the order
of the queries change a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from benchharness.judge.numbers import TOLERANCE, order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Interval = tuple[float, float]

# With fewer changed queries than this their spread says little of what may still come.
_FEW = 10
# Up to this many changed queries all 2^k signs are tried: as many as drawn ones at most.
_ENUMERATED = 12
# Signs drawn at a time: 4 million differences are 32 MB.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences (after - before) with its two-sided 1 - 2*alpha interval.

    interval: holds `delta`; (nan, nan) where a value is not finite.
    n:        queries.
    method:   "tango", "student-t", "student-t, clopper-pearson", or "undefined" where a value
              is not finite.
    won, lost, tied: queries with after > before, after < before, and equal within 1e-12.
    """

    delta: float
    interval: Interval
    n: int
    method: str
    won: int
    lost: int
    tied: int


def difference(
    before: NDArray[np.float64], after: NDArray[np.float64], alpha: float = 0.05
) -> Difference:
    """The mean difference of a measure between two sides, with the interval that decides.

    before, after: values of the same queries in the same order, [n], n at least 1, in [0, 1].
                   Measures that exceed 1 have the largest value seen as the end of their range.
    alpha:         one-sided, above 0 and below 0.5; 0.05 gives the 90 % interval.

    Where all values are 0 or 1: Tango's score interval. Otherwise Student's t, where

    - the lower end is not above that of the same sample with `unseen(alpha)` = 1.2 more
      queries that lost everything, nor the upper end below that with as many that won
      everything: a loss of 1 in 50 queries is absent from a third of all samples of 50, and
      what is absent has no spread;
    - with fewer than 10 changed queries, the lower end is not above minus the one-sided
      Clopper-Pearson bound on the share of queries that got worse, times the largest loss
      ("student-t, clopper-pearson"). n = 1 has no t.

    Raises ValueError where the sides have no values or not equally many, or alpha is no risk.
    """
    import numpy as np

    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if old.shape != new.shape or old.ndim != 1 or not len(old):
        raise ValueError(f"values of shapes {old.shape} and {new.shape} are no pairs")
    _check_alpha(alpha)
    changes = new - old
    n = len(changes)
    won, lost = int((changes > TOLERANCE).sum()), int((changes < -TOLERANCE).sum())
    tied = n - won - lost
    if not np.isfinite(changes).all():
        return Difference(math.nan, (math.nan, math.nan), n, "undefined", won, lost, tied)
    delta = math.fsum(changes) / n
    if np.isin(old, (0.0, 1.0)).all() and np.isin(new, (0.0, 1.0)).all():
        return Difference(delta, tango(won, lost, n, alpha), n, "tango", won, lost, tied)
    largest = max(1.0, float(old.max()), float(new.max()))
    low, high = graded(changes, alpha, largest)
    method = "student-t"
    if won + lost < _FEW:
        low = min(low, -largest * clopper_pearson(lost, n, alpha))
        method = "student-t, clopper-pearson"
    interval = (max(min(low, delta), -largest), min(max(high, delta), largest))
    return Difference(delta, interval, n, method, won, lost, tied)


def clustered_difference(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    groups: Sequence[str],
    alpha: float = 0.05,
) -> Difference:
    """`difference` for queries that belong together in groups, such as by a shared document.

    groups: the name of each query's group, [n]. Changes within a group need not be independent:
            at each end the interval is the wider of `difference` and `graded` over the groups,
            so that losses of whole groups that were not seen count as groups. Where every query
            is a group of its own there is only `difference`.

    Raises ValueError as `difference` does, and where not every query has a group.

    Source: the linearised variance of a ratio of cluster totals (W. G. Cochran, Sampling
    Techniques, 1977, 9A).
    """
    import numpy as np

    found = difference(before, after, alpha)
    if len(groups) != found.n:
        raise ValueError(f"{len(groups)} groups of {found.n} queries")
    _, numbers = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    count = int(numbers.max()) + 1
    if count == found.n or not math.isfinite(found.delta):
        return found
    changes = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    sizes = np.bincount(numbers)
    together = np.split(changes[np.argsort(numbers)], np.cumsum(sizes)[:-1])
    residuals = np.array([math.fsum(own) for own in together]) - sizes * found.delta
    largest = max(1.0, float(np.max(before)), float(np.max(after)))
    # Each group's share of the difference: their mean is delta, their variance the linearised one.
    shares = found.delta + residuals * count / found.n
    low, high = graded(shares, alpha, largest) if count > 1 else (-largest, largest)
    low, high = min(low, found.interval[0]), max(high, found.interval[1])
    interval = max(low, -largest), min(high, largest)
    return replace(found, interval=interval, method=f"{found.method}, {count} groups")


def outcome_of(found: Difference, margin: float) -> str:
    """What the interval says of the margin, as one word.

    improved:  all of the interval lies above 0.
    pass:      all of it lies above -margin.
    regressed: all of it lies below 0, and the drop is at least the margin.

    Numbers within 1e-12 of each other are the same number. With margin 0 nothing but
    "improved" passes. An interval that is not a number is "inconclusive".
    """
    low, high = found.interval
    if not (math.isfinite(low) and math.isfinite(high)):
        return "inconclusive"
    if order(low, 0.0) > 0:
        return "improved"
    if order(low, -margin) > 0:
        return "pass"
    if order(high, 0.0) < 0 and order(-found.delta, margin) >= 0:
        return "regressed"
    return "inconclusive"


def tango(gains: int, losses: int, n: int, alpha: float) -> Interval:
    """Tango's score interval of (gains - losses) / n, two-sided at 1 - 2*alpha.

    gains, losses: queries of n that went from 0 to 1 and from 1 to 0. Where there are none, the
    interval is exactly +-z^2 / (n + z^2).

    Raises ValueError where the counts exceed n, or alpha is no risk.
    Source: T. Tango, Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design, Statistics in Medicine 17 (1998).
    """
    if min(gains, losses) < 0 or n < 1 or gains + losses > n:
        raise ValueError(f"{gains} gains and {losses} losses of {n} queries")
    _check_alpha(alpha)
    z = NormalDist().inv_cdf(1 - alpha)
    if gains == losses == 0:
        end = z * z / (n + z * z)
        return -end, end
    # The lower end is minus the upper end of the sides swapped, bit for bit.
    return -_tango_high(losses, gains, n, z), _tango_high(gains, losses, n, z)


def _tango_high(gains: int, losses: int, n: int, z: float) -> float:
    """The largest true difference that the score test at z does not reject."""

    def rejected(difference: float) -> bool:
        expected = _losses_if(difference, gains, losses, n)
        variance = 2 * expected + difference * (1 - difference)
        return n * difference - (gains - losses) > z * math.sqrt(max(n * variance, 0.0))

    return _bisect(rejected, (gains - losses) / n, 1.0)


def _losses_if(difference: float, gains: int, losses: int, n: int) -> float:
    """The likeliest share of losses where the true difference of the shares is given."""
    a = 2 * n
    b = (2 * n - gains + losses) * difference - gains - losses
    c = -losses * difference * (1 - difference)
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    # Both are the same root; the one without a difference of nearly equal numbers is used.
    share = (root - b) / (2 * a) if b <= 0 else -2 * c / (root + b)
    return max(share, 0.0, -difference)


def _bisect(beyond: Callable[[float], bool], inside: float, outside: float) -> float:
    """The last float before `beyond`, between a point inside and one that may lie outside."""
    if not beyond(outside):
        return outside
    while True:
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            return inside
        if beyond(middle):
            outside = middle
        else:
            inside = middle


def graded(changes: NDArray[np.float64], alpha: float, largest: float = 1.0) -> Interval:
    """Student's t interval of the mean change, widened for losses and gains not yet seen.

    largest: the largest change that a query can make.
    The ends may lie beyond it: whoever calls it knows the range.
    """
    extra = unseen(alpha)
    low, _ = student_t(changes, alpha, extra, -largest)
    _, high = student_t(changes, alpha, extra, largest)
    if len(changes) == 1:
        return low, high
    plain = student_t(changes, alpha)
    return min(low, plain[0]), max(high, plain[1])


def student_t(
    changes: NDArray[np.float64], alpha: float, extra: float = 0.0, value: float = 0.0
) -> Interval:
    """Student's t interval of a mean at 1 - 2*alpha, after adding `extra` changes of `value`.

    extra need not be whole; changes and extra together are more than 1. Without extra it is
    scipy.stats.ttest_1samp(...).confidence_interval(1 - 2*alpha).
    """
    from scipy.special import stdtrit

    n = len(changes)
    mean = math.fsum(changes) / n
    squares = math.fsum((changes - mean) ** 2)
    total = n + extra
    squares += n * extra / total * (value - mean) ** 2
    mean += extra / total * (value - mean)
    half = float(stdtrit(total - 1, 1 - alpha)) * math.sqrt(squares / (total - 1) / total)
    return mean - half, mean + half


def unseen(alpha: float) -> float:
    """How many queries that lost everything are added before the lower end is taken: 1.197.

    The x with x + z*sqrt(x) = -ln(alpha). With it, a large sample without any change has the
    lower end ln(alpha) / n, which is the exact (Clopper-Pearson) bound on losses that n queries
    did not show; at 5 % that is the rule of three. With k full losses it stays near the exact
    bound: over all k, a drop that just fits is missed in at most 5.7 % of samples.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    return ((math.sqrt(z * z - 4 * math.log(alpha)) - z) / 2) ** 2


def clopper_pearson(count: int, n: int, alpha: float) -> float:
    """The one-sided exact upper bound at 1 - alpha of a share of which `count` of n were seen."""
    from scipy.special import betaincinv

    return 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - alpha))


def sign_flip_p(differences: NDArray[np.float64], *, seed: int = 0, flips: int = 10_000) -> float:
    """The one-sided p-value that the mean fell: small where after is clearly worse.

    Under the hypothesis that the differences are symmetric about 0, every sign is as likely as
    its opposite: the share of sign patterns whose sum is at most the sum seen. Where at most 12
    differ by more than 1e-12, all patterns are tried; otherwise `flips` drawn ones b, as
    (b + 1) / (flips + 1). 1.0 where nothing differs, nan where a difference is not finite.
    """
    import numpy as np

    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        return math.nan
    changed = values[np.abs(values) > TOLERANCE]
    if not len(changed):
        return 1.0
    sizes = np.sort(np.abs(changed))
    total = math.fsum(sizes)
    # A pattern's sum is twice that of its gains, less all sizes. The rounding of long sums
    # grows with their size, and so does what counts as equal.
    at_most = (math.fsum(changed) + total + TOLERANCE * max(1.0, total)) / 2
    if len(sizes) <= _ENUMERATED:
        patterns = np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1
        return float((_gains(patterns, sizes) <= at_most).mean())
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, _BLOCK // len(sizes))
    fewer = 0
    for start in range(0, flips, rows):
        shape = (min(rows, flips - start), len(sizes))
        patterns = generator.integers(0, 2, size=shape, dtype=np.uint8)
        fewer += int((_gains(patterns, sizes) <= at_most).sum())
    return (fewer + 1) / (flips + 1)


def _gains(patterns: NDArray[np.generic], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of the sizes that each pattern makes gains; no BLAS, whose bits hang on threads."""
    import numpy as np

    sums: NDArray[np.float64] = np.where(patterns, sizes, 0.0).sum(axis=1)
    return sums


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """The p-values adjusted for their number, in the given order.

    Those at most alpha may be called real together: the chance that any of them is not stays
    below alpha. Source: S. Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return tuple(adjusted)


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha={alpha} is no one-sided risk between 0 and 0.5")
