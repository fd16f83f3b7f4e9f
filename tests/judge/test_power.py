"""What a number of queries can show."""

import numpy as np
import pytest
from scipy import stats

from benchharness.judge.power import minimum_detectable_effect, queries_needed


@pytest.mark.parametrize(
    ("n", "churn", "points"),
    [(50, 0.02, 5.0), (50, 0.10, 11.1), (200, 0.10, 5.6), (500, 0.25, 5.6), (2000, 0.02, 0.8)],
)
def test_detectable_effect_is_as_tabled(n, churn, points):
    """2.49 * sqrt(churn / n), in points of the measure."""
    assert minimum_detectable_effect(n, churn) * 100 == pytest.approx(points, abs=0.06)


def test_detectable_effect_uses_the_normal_quantiles():
    """z(1 - alpha) + z(power), against scipy."""
    quantiles = stats.norm.ppf(0.99) + stats.norm.ppf(0.9)

    found = minimum_detectable_effect(100, 0.2, alpha=0.01, power=0.9)

    assert found == pytest.approx(quantiles * np.sqrt(0.2 / 100))


def test_detectable_effect_is_found_in_80_percent_of_cases():
    """Simulated: 10 % of 400 queries change, with the mean gain that should be seen."""
    n, churn = 400, 0.1
    effect = minimum_detectable_effect(n, churn)
    up = (churn + effect) / 2
    rng = np.random.default_rng(5)
    deltas = rng.choice([1.0, -1.0, 0.0], (4000, n), p=[up, churn - up, 1 - churn])
    z = deltas.mean(axis=1) / (deltas.std(axis=1, ddof=1) / np.sqrt(n))

    power = (z > stats.norm.ppf(0.95)).mean()

    assert power == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("wrong", [{"n": 0}, {"churn": 0.0}, {"alpha": 1.0}, {"power": 0.0}])
def test_impossible_arguments_are_refused(wrong):
    """A share outside 0 to 1, or no query, has no effect to detect."""
    with pytest.raises(ValueError, match="out of range"):
        minimum_detectable_effect(**{"n": 100, **wrong})


@pytest.mark.parametrize(
    ("n", "low", "high", "value", "threshold", "needed"),
    [
        (100, 0.55, 0.75, 0.625, 0.65, 1600),  # (0.1 / 0.025)^2 = 16 times as many
        (300, 0.60, 0.70, 0.64, 0.65, 7500),
        (100, 0.55, 0.65, 0.65, 0.65, None),  # at the threshold: no number would do
        (100, 0.60, 0.66, 0.61, 0.65, 101),  # a lopsided interval: at least one more
    ],
)
def test_queries_needed_grow_with_the_square(n, low, high, value, threshold, needed):
    """n * (half-width / distance)^2, rounded up, more than n."""
    assert queries_needed(n, low, high, value, threshold) == needed
