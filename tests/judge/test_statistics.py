"""The interval of a mean: against scipy.stats, by hand, and by how often it covers the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchharness.errors import DataError
from benchharness.judge.statistics import estimate, wilson

shares = st.floats(0, 1)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (1, 1), (0, 30), (195, 300), (650, 1000), (7, 7)])
def test_zero_one_values_get_wilsons_interval(hits, n):
    """All values 0 or 1: the score interval, equal to scipy's to 1e-12."""
    found = estimate([1.0] * hits + [0.0] * (n - hits))

    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert found.method == "wilson"
    assert found.value == hits / n
    assert found.ci95 == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_other_values_get_students_interval():
    """Values between 0 and 1, most of them different: Student's t, equal to scipy's to 1e-12."""
    values = np.random.default_rng(7).beta(2, 3, 200)

    found = estimate(values)

    expected = stats.t.interval(0.95, 199, loc=values.mean(), scale=stats.sem(values))
    assert found.method == "student-t"
    assert found.ci95 == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.65, 50, 0.51, 0.77), (0.65, 400, 0.60, 0.70), (0.80, 100, 0.71, 0.87)],
)
def test_interval_is_as_wide_as_the_tables_say(share, n, low, high):
    """Published two-digit values of Wilson's interval."""
    found = wilson(share, n)

    assert [round(end, 2) for end in found] == [low, high]


def test_few_differing_values_get_the_wider_interval():
    """9 of 100 differ: Wilson at (mean, n); the tenth makes it Student's t."""
    nine = estimate([1.0] * 91 + [0.5] * 9)
    ten = estimate([1.0] * 90 + [0.5] * 10)

    assert nine.method == "wilson-bound"
    assert nine.ci95 == pytest.approx(wilson(0.955, 100))
    assert ten.method == "student-t"


def test_equal_values_are_not_certain():
    """Variance 0 in the sample says little of the variance: 20 halves have a wide interval."""
    found = estimate([0.5] * 20)

    assert found.method == "wilson-bound"
    assert found.ci95 == pytest.approx(wilson(0.5, 20))


def test_one_query_says_almost_nothing():
    """n = 1: Wilson at (value, 1), for a value between 0 and 1 too."""
    found = estimate([0.5])

    assert found.n == 1
    assert found.ci95 == pytest.approx((0.0546, 0.9454), abs=1e-4)


def test_ceiling_ends_the_interval():
    """No ranker gets beyond the ceiling, so neither does the interval."""
    found = estimate([0.0, 0.027, 0.05, 0.01] * 3, ceiling=0.027)

    assert found.ci95[1] == 0.027
    assert found.ceiling == 0.027


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_rounding_never_puts_the_mean_outside(value):
    """All queries lost, or all won: the formula's end may miss 0 or 1 by a last bit."""
    for n in range(1, 400):
        low, high = estimate([value] * n).ci95

        assert low <= value <= high


def test_no_query_is_an_error():
    """A mean of nothing is not 0."""
    with pytest.raises(DataError, match="no judged query"):
        estimate([])


def test_value_that_is_not_finite_makes_the_estimate_undefined():
    """NaN is handed on to the gates, which call it an error; it is never dropped."""
    found = estimate([0.5, math.nan, 1.0])

    assert found.method == "undefined"
    assert math.isnan(found.value)
    assert all(map(math.isnan, found.ci95))


def test_values_above_one_are_not_clipped_at_one():
    """DCG and other foreign measures may exceed 1."""
    values = np.random.default_rng(3).gamma(2.0, 2.0, 300)

    found = estimate(values)

    assert found.ci95[0] < values.mean() < found.ci95[1]
    assert found.ci95[1] > 1


@given(st.lists(shares, min_size=1, max_size=60), st.none() | shares)
def test_interval_holds_the_mean_and_stays_in_range(values, ceiling):
    """0 <= low <= value <= high <= 1, whatever the values."""
    found = estimate(values, ceiling)

    low, high = found.ci95
    assert 0 <= low <= found.value <= high <= 1
    assert found.value == math.fsum(values) / len(values)


@given(st.permutations([0.0, 0.25, 0.1, 1.0, 0.7, 0.3, 1 / 3, 0.9]))
def test_order_of_queries_does_not_matter(values):
    """Sums are exact, so that a permutation gives the same bits."""
    assert estimate(values) == estimate(sorted(values))


def _coverage(draw, truth, n, trials=2000):
    """How often the interval of n drawn values holds the truth."""
    rng = np.random.default_rng(20_260)
    hits = 0
    for _ in range(trials):
        low, high = estimate(draw(rng, n)).ci95
        hits += low <= truth <= high
    return hits / trials


@pytest.mark.parametrize(("share", "n"), [(0.65, 50), (0.80, 200), (0.97, 100), (0.05, 30)])
def test_zero_one_interval_covers_about_95_percent(share, n):
    """Simulated: between 93 and 98 % of intervals hold the true share."""
    covered = _coverage(lambda rng, n: (rng.random(n) < share).astype(float), share, n)

    assert 0.93 <= covered <= 0.98


def test_graded_interval_covers_about_95_percent():
    """Simulated: nDCG-like values, a third of them 0."""
    levels = np.array([0.0, 0.3, 0.5, 0.63, 1.0])
    weights = np.array([0.35, 0.1, 0.15, 0.1, 0.3])
    truth = float(levels @ weights)

    covered = _coverage(lambda rng, n: rng.choice(levels, n, p=weights), truth, 150)

    assert 0.935 <= covered <= 0.965


def test_rare_losses_are_covered_where_students_interval_fails():
    """1 % of the queries lose half: t alone covers far less than 95 %, the wider one does not."""
    n, truth = 100, 0.995

    def draw(rng, n):
        return np.where(rng.random(n) < 0.01, 0.5, 1.0)

    def student_covers(values):
        half = stats.t.ppf(0.975, n - 1) * stats.sem(values)
        return abs(values.mean() - truth) <= half

    rng = np.random.default_rng(1)
    alone = np.mean([student_covers(draw(rng, n)) for _ in range(1000)])

    covered = _coverage(draw, truth, n, trials=1000)

    assert alone < 0.80
    assert covered >= 0.95
