"""The mean of a measure over queries, with the interval that the decision reads.

Where the textbook interval is known to be too narrow (0/1 values, or nearly all values equal)
another takes its place; `Estimate.method` names the one that was used.
"""

from __future__ import annotations

import math
from collections import Counter
from statistics import NormalDist
from typing import TYPE_CHECKING

from benchharness.errors import DataError
from benchharness.judge.power import minimum_detectable_effect, queries_needed
from benchharness.judge.verdict import Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["estimate", "minimum_detectable_effect", "queries_needed"]

_CONFIDENCE = 0.95
# With fewer values than this beside the most frequent one, the variance that the sample shows
# says little: 98 ones and two halves have a t interval that misses most of what may come.
_FEW = 10

Interval = tuple[float, float]


def estimate(
    values: Sequence[float] | NDArray[np.float64], ceiling: float | None = None
) -> Estimate:
    """The mean of the queries' values with its two-sided 95 % interval.

    values:  one value for each judged query, [n], n at least 1, in [0, 1] for benchharness' own
             measures. Other measures may exceed 1; the largest value seen then stands for the
             range where the interval needs one.
    ceiling: mean of a perfect ranker, if known; the interval ends there.

    The interval is Wilson's score interval where all values are 0 or 1 (method "wilson") and
    Student's t otherwise ("student-t"). Where fewer than 10 values differ from the most
    frequent one, it is the wider of Student's t and Wilson's at (mean, n) ("wilson-bound"): a
    value in [0, 1] with mean p has at most the variance p * (1 - p), so that Wilson's covers.
    The interval always contains the mean. A value that is not finite makes all of it nan
    (method "undefined"). Raises DataError where there is no value.
    """
    numbers = [float(value) for value in values]
    n = len(numbers)
    if n == 0:
        raise DataError(
            "no judged query: there is nothing to take a mean of",
            remedy="check the qrels: at least one query needs a relevant document",
        )
    if not all(math.isfinite(number) for number in numbers):
        return Estimate(math.nan, (math.nan, math.nan), n, "undefined", ceiling)
    mean = math.fsum(numbers) / n
    (low, high), method = _interval(numbers, mean)
    top = ceiling if ceiling is not None else 1.0 if max(numbers) <= 1 else math.inf
    # A mean at the very end of the range may lie a rounding error outside the formula's ends.
    ci95 = (min(max(low, 0.0), mean), max(min(high, top), mean))
    return Estimate(mean, ci95, n, method, ceiling)


def _interval(numbers: list[float], mean: float) -> tuple[Interval, str]:
    n = len(numbers)
    if all(number in (0.0, 1.0) for number in numbers):
        return wilson(mean, n), "wilson"
    scale = max(1.0, *numbers)
    low, high = wilson(min(mean / scale, 1.0), n)
    bound = (low * scale, high * scale)
    if n == 1:
        return bound, "wilson-bound"
    t = _student(numbers, mean)
    most_frequent = Counter(numbers).most_common(1)[0][1]
    if n - most_frequent < _FEW and bound[1] - bound[0] > t[1] - t[0]:
        return bound, "wilson-bound"
    return t, "student-t"


def wilson(share: float, n: int) -> Interval:
    """Wilson's score interval of a share observed in n trials, at 95 %.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference
    (1927); equals scipy.stats.binomtest(...).proportion_ci(method="wilson").
    """
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def _student(numbers: list[float], mean: float) -> Interval:
    from scipy.special import stdtrit

    n = len(numbers)
    variance = math.fsum((number - mean) ** 2 for number in numbers) / (n - 1)
    half = float(stdtrit(n - 1, (1 + _CONFIDENCE) / 2)) * math.sqrt(variance / n)
    return mean - half, mean + half
