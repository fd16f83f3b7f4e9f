"""What a number of queries can show."""

import numpy as np
import pytest
from scipy import stats

from benchharness.gate import Gate
from benchharness.judge.power import (
    minimum_detectable_effect,
    queries_for,
    queries_needed,
    queries_to_settle,
    unresolved,
)


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


@pytest.mark.parametrize(
    ("low", "high", "delta", "needed"),
    [
        (-0.03, 0.01, -0.01, 4000),  # (0.02 / 0.01)^2 = 4 times as many, to leave -0.02 or 0
        (-0.035, -0.003, -0.019, 256_000),  # next to the margin: (0.016 / 0.001)^2
        (-0.06, 0.01, -0.025, 1960),  # beyond the margin: 0 must be left, (0.035 / 0.025)^2
        (-0.06, 0.02, -0.02, 4000),  # a drop of exactly the margin
        (-0.03, 0.05, 0.01, 1778),  # a gain: -0.02 must be left, (0.04 / 0.03)^2
    ],
)
def test_an_interval_must_leave_the_margin_or_zero(low, high, delta, needed):
    """1,000 queries and a margin of 0.02; which end is the nearer answer depends on the drop."""
    assert queries_to_settle(1000, low, high, delta, 0.02) == pytest.approx(needed, abs=1)


def test_a_difference_of_nothing_never_beats_a_champion():
    """Without a margin, 0 is the end to leave, and the difference lies on it."""
    assert queries_to_settle(1000, -0.01, 0.01, 0.0, 0.0) is None


@pytest.mark.parametrize(("margin", "n"), [(0.02, 1546), (0.05, 248), (0.01, 6183)])
def test_queries_for_a_margin_are_the_first_that_resolve_it(margin, n):
    """0.1 * (2.4865 / margin)^2; one less does not."""
    assert queries_for(margin) == n
    assert minimum_detectable_effect(n) <= margin < minimum_detectable_effect(n - 1)


def test_a_margin_that_so_few_queries_cannot_resolve_is_told_with_the_number_that_would():
    gate = Gate.regression("recall@10", margin=0.02)

    assert unresolved(gate, 200) == (
        "regression-recall@10 asks for a margin of 0.02 on 200 queries, which show differences "
        "from 0.056 (where 1 query in 10 changes); 1,546 queries would resolve it"
    )
    assert unresolved(gate, 1545)
    assert unresolved(gate, 1546) == ""


def test_a_stricter_alpha_needs_more_queries():
    strict = Gate.regression("recall@10", margin=0.02, alpha=0.01)

    assert unresolved(strict, 1546)
    assert unresolved(strict, queries_for(0.02, alpha=0.01)) == ""


@pytest.mark.parametrize(
    "gate",
    [
        Gate.floor("recall@10", 0.5),
        Gate.beats("champ", "recall@10"),
        Gate.slice("recall@10", "lang", minimum=0.5),
        Gate.cost("size", at_most=1e9),
    ],
    ids=lambda gate: gate.kind,
)
def test_a_gate_without_a_margin_has_none_to_resolve(gate):
    assert unresolved(gate, 10) == ""
