"""What a number of queries can show: the smallest visible effect, and how many would settle it."""

from __future__ import annotations

import math
from statistics import NormalDist

from benchharness.gate import ComparisonGate, Gate

# Nobody labels twenty times as many queries to settle a question.
OUT_OF_REACH = 20


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


def queries_to_settle(n: int, low: float, high: float, delta: float, margin: float) -> int | None:
    """About how many queries would make an inconclusive comparison a pass or a regression.

    The nearer end that the interval must leave: -margin where the difference is above it, else
    0. None where the difference lies on that end.
    """
    threshold = -margin if delta > -margin else 0.0
    return queries_needed(n, low, high, delta, threshold)


def queries_for(margin: float, churn: float = 0.1, alpha: float = 0.05, power: float = 0.8) -> int:
    """The smallest n whose minimum detectable effect is the margin."""
    return math.ceil(churn * (minimum_detectable_effect(1, 1.0, alpha, power) / margin) ** 2)


def unresolved(gate: Gate, n: int) -> str:
    """A sentence where n queries are too few for the gate's margin; else empty.

    Too few where a model that is just as good, and changes one query in ten, would pass in less
    than four of five runs.
    """
    if not isinstance(gate, ComparisonGate) or not gate.margin:
        return ""
    effect = minimum_detectable_effect(n, alpha=gate.alpha)
    if effect <= gate.margin:
        return ""
    needed = queries_for(gate.margin, alpha=gate.alpha)
    return (
        f"{gate.name} asks for a margin of {gate.margin:g} on {n:,} queries, which show "
        f"differences from {effect:.3f} (where 1 query in 10 changes); "
        f"{needed:,} queries would resolve it"
    )
