"""What a number of queries can show: the smallest visible effect, and how many would settle it."""

from __future__ import annotations

import math
from statistics import NormalDist


def minimum_detectable_effect(
    n: int, churn: float = 0.1, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest true difference of means that a paired comparison of `n` queries finds.

    churn: share of the queries whose value changes at all (0.02 for a re-run, 0.1 for a light
    fine-tune, 0.25 for another model). One-sided at `alpha`, found in the share `power` of
    cases: 2.49 * sqrt(churn / n) by default. A result above `churn` means that no outcome of
    that size exists: the suite cannot tell at all.

    Raises ValueError where n is below 1, or alpha, power or churn is no share.
    """
    if n < 1 or not 0 < churn <= 1 or not 0 < alpha < 1 or not 0 < power < 1:
        raise ValueError(f"n={n}, churn={churn}, alpha={alpha}, power={power} is out of range")
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha) + normal.inv_cdf(power)) * math.sqrt(churn / n)


def queries_needed(n: int, low: float, high: float, value: float, threshold: float) -> int | None:
    """About how many queries would move the interval off the threshold, None if no number would.

    An interval shrinks with the root of the number of queries, so that is
    n * (half-width / distance)^2, rounded up, and more than the `n` that did not do. None where
    `value` is the threshold itself.
    """
    distance = abs(value - threshold)
    if distance == 0 or not math.isfinite(distance):
        return None
    needed = n * ((high - low) / 2 / distance) ** 2
    if not math.isfinite(needed):
        return None
    return max(n + 1, math.ceil(needed))
