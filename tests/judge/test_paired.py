"""The interval of a paired difference and its p-values, against independent implementations."""

import itertools
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from benchharness.judge.paired import (
    Difference,
    clopper_pearson,
    clustered_difference,
    difference,
    graded,
    holm,
    outcome_of,
    sign_flip_p,
    student_t,
    tango,
    unseen,
)

Z = stats.norm.ppf(0.95)


def pairs(gains, losses, n):
    """0/1 values of n queries: `gains` rise, `losses` fall, the rest are 1 on both sides."""
    before = np.array([0.0] * gains + [1.0] * (n - gains))
    after = np.array([1.0] * gains + [0.0] * losses + [1.0] * (n - gains - losses))
    return before, after


def of_changes(changes):
    """Graded values around 0.5 that change by these amounts."""
    changes = np.asarray(changes, dtype=np.float64)
    return 0.5 - changes / 2, 0.5 + changes / 2


def quartic(b, c, n, alpha):
    """The ends of Tango's interval as roots of a quartic (Yang, Sun and Hardin 2013)."""
    g = stats.norm.ppf(1 - alpha) ** 2
    d = b - c
    m = [
        n**2 * (n / g + 1) ** 2,
        -n * d * (n / g + 1) * (4 * n / g + 1),
        2 * n * d**2 * (3 * n / g + 2) / g - n**2 * ((b + c) / g + 1),
        n * d * (2 * (b + c) / g + 1) - d**3 * (4 * n / g + 1) / g,
        d**2 * (d**2 / g - (b + c)) / g,
    ]
    roots = np.roots(np.array(m) / m[0])
    real = sorted(root.real for root in roots if abs(root.imag) < 1e-7)
    return real[0], real[-1]


def score(delta, b, c, n):
    """Tango's statistic, the losses under the hypothesis found by maximising the likelihood."""

    def minus_log_likelihood(losses):
        gains = losses + delta
        return -(
            special.xlogy(b, gains)
            + special.xlogy(c, losses)
            + special.xlogy(n - b - c, max(1 - gains - losses, 0))
        )

    low, high = max(0.0, -delta), (1 - delta) / 2
    found = optimize.minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    )
    return (b - c - n * delta) / math.sqrt(n * (2 * found.x + delta * (1 - delta)))


counts = st.integers(1, 300).flatmap(
    lambda n: st.integers(0, n).flatmap(
        lambda gains: st.tuples(st.just(gains), st.integers(0, n - gains), st.just(n))
    )
)
alphas = st.sampled_from([0.005, 0.01, 0.025, 0.05, 0.1, 0.2])
values = st.sampled_from([0.0, 0.2, 0.25, 1 / 3, 0.5, 0.63093, 1.0]) | st.floats(0, 1)
graded_pairs = st.lists(st.tuples(values, values), min_size=1, max_size=60)
binary_pairs = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0])] * 2), min_size=1, max_size=60)
any_pairs = graded_pairs | binary_pairs


# Tango


def test_tango_agrees_with_propcis():
    """R's PropCIs::scoreci.mp(25, 28, 618, 0.90), whose estimand is (28 - 25) / 618."""
    low, high = tango(28, 25, 618, 0.05)

    assert (round(low, 4), round(high, 4)) == (-0.0148, 0.0247)


def test_tango_agrees_with_a_published_table():
    """Airway hyper-responsiveness, 1 and 7 discordant of 21 pairs at 95 % (Bentur et al. 2009)."""
    low, high = tango(1, 7, 21, 0.025)

    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


@pytest.mark.parametrize("seed", range(30))
def test_tango_agrees_with_its_closed_form(seed):
    """Random tables: the roots of a quartic, to 1e-6."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(10, 1500))
    gains, losses, _ = rng.multinomial(n, rng.dirichlet([1, 1, 4])).tolist()
    alpha = rng.choice([0.01, 0.025, 0.05, 0.1])

    found = tango(gains, losses, n, alpha)

    assert found == pytest.approx(quartic(gains, losses, n, alpha), abs=1e-6)


@pytest.mark.parametrize(
    ("gains", "losses", "n"), [(3, 9, 40), (0, 5, 50), (7, 0, 30), (60, 41, 400), (1, 1, 900)]
)
def test_ends_of_tango_are_just_rejected_by_the_score_test(gains, losses, n):
    """At both ends the constrained maximum likelihood gives |score| = z."""
    low, high = tango(gains, losses, n, 0.05)

    assert score(low, gains, losses, n) == pytest.approx(Z, abs=1e-5)
    assert score(high, gains, losses, n) == pytest.approx(-Z, abs=1e-5)


@pytest.mark.parametrize("n", [1, 5, 50, 1000])
def test_no_discordant_pair_is_not_certainty(n):
    """Exactly +-z^2 / (n + z^2)."""
    end = Z**2 / (n + Z**2)

    assert tango(0, 0, n, 0.05) == pytest.approx((-end, end), rel=1e-14)


@pytest.mark.parametrize(("gains", "losses", "delta"), [(9, 0, 1.0), (0, 9, -1.0)])
def test_tango_ends_at_one_where_every_query_changes_the_same_way(gains, losses, delta):
    low, high = tango(gains, losses, 9, 0.05)

    assert delta in (low, high)
    assert -1 <= low < high <= 1


@pytest.mark.parametrize("table", [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_counts_that_are_no_table_are_refused(table):
    with pytest.raises(ValueError, match="gains"):
        tango(*table, 0.05)


@settings(max_examples=60, deadline=None)
@given(counts, alphas)
def test_swapping_the_sides_mirrors_tango(table, alpha):
    """Bit for bit: what is gained one way is lost the other."""
    gains, losses, n = table
    low, high = tango(gains, losses, n, alpha)

    assert tango(losses, gains, n, alpha) == (-high, -low)


@settings(max_examples=60, deadline=None)
@given(counts, alphas)
def test_a_loss_for_a_gain_never_raises_tangos_lower_end(table, alpha):
    gains, losses, n = table
    assume(gains > 0)

    before, _ = tango(gains, losses, n, alpha)
    after, _ = tango(gains - 1, losses + 1, n, alpha)

    assert after <= before


@settings(max_examples=60, deadline=None)
@given(counts, alphas)
def test_one_more_loss_never_raises_an_end_of_tango(table, alpha):
    """What the exact error rates of benchmarks/gate_errors.py rest on."""
    gains, losses, n = table
    assume(gains + losses < n)

    low, high = tango(gains, losses, n, alpha)
    lower, upper = tango(gains, losses + 1, n, alpha)

    assert lower <= low
    assert upper <= high


# Student's t, and what is added to it


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_student_t_is_scipys(seed, alpha):
    """To 1e-12, on random differences."""
    changes = np.random.default_rng(seed).normal(0.02, 0.3, 150)

    found = student_t(changes, alpha)

    expected = stats.ttest_1samp(changes, 0).confidence_interval(1 - 2 * alpha)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("extra", [1, 3])
def test_added_queries_count_like_real_ones(extra):
    """A whole number of them: scipy's interval of the longer sample."""
    changes = np.random.default_rng(4).normal(0, 0.2, 80)

    found = student_t(changes, 0.05, extra, -1.0)

    longer = stats.ttest_1samp([*changes, *[-1.0] * extra], 0).confidence_interval(0.90)
    assert found == pytest.approx((longer.low, longer.high), abs=1e-12)


def test_graded_differences_get_t_with_the_queries_added():
    """Lower end with 1.2 full losses more, upper end with as many full gains."""
    before, after = np.random.default_rng(8).beta(2, 2, (2, 300))

    found = difference(before, after)

    changes, extra = after - before, unseen(0.05)
    low, _ = student_t(changes, 0.05, extra, -1.0)
    _, high = student_t(changes, 0.05, extra, 1.0)
    assert found.method == "student-t"
    assert found.interval == (low, high)
    assert extra == pytest.approx(1.1965, abs=1e-4)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), alphas)
def test_the_interval_is_never_narrower_than_t(changes, alpha):
    low, high = graded(np.array(changes), alpha)

    plain_low, plain_high = student_t(np.array(changes), alpha)
    assert low <= plain_low
    assert high >= plain_high


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), alphas)
def test_swapping_the_sides_mirrors_t(changes, alpha):
    """Bit for bit, with the added queries and without."""
    changes = np.array(changes)

    for interval in (student_t, graded):
        low, high = interval(changes, alpha)
        assert interval(-changes, alpha) == (-high, -low)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_added_queries_stand_for_losses_that_were_not_seen(alpha):
    """Without any change the end of a large sample is the exact bound, -ln(alpha) / n."""
    n = 100_000

    low, high = graded(np.zeros(n), alpha)

    exact = 1 - alpha ** (1 / n)
    assert (low, high) == pytest.approx((-exact, exact), rel=1e-3)


def test_a_drop_in_full_losses_is_passed_over_in_at_most_5_7_percent():
    """Large n: after k losses the end is that of k + 1.2; the worst k is the fifth or so."""
    extra = unseen(0.05)

    missed = [stats.poisson.cdf(k, k + extra + Z * math.sqrt(k + extra)) for k in range(2000)]

    assert missed[0] == pytest.approx(0.05, abs=1e-9)
    assert max(missed) == pytest.approx(0.0565, abs=5e-4)


def test_small_changes_do_not_hide_full_losses_that_50_queries_cannot_show():
    """25 changes of 0.001: t alone ends at -0.0003, as if no query could lose all."""
    changes = np.tile([0.001, -0.001, 0, 0], 13)[:50]
    plain = student_t(changes, 0.05)

    found = difference(*of_changes(changes))

    assert plain[0] > -0.001
    assert found.method == "student-t"
    assert found.interval[0] < math.log(0.05) / 51
    assert outcome_of(found, 0.05) == "inconclusive"


@pytest.mark.parametrize(("count", "n"), [(0, 50), (1, 50), (9, 200), (49, 50), (50, 50)])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_clopper_pearson_is_scipys(count, n, alpha):
    """The upper end of the two-sided interval at 1 - 2*alpha, to 1e-12."""
    expected = stats.binomtest(count, n).proportion_ci(1 - 2 * alpha, method="exact").high

    assert clopper_pearson(count, n, alpha) == pytest.approx(expected, abs=1e-12)


def test_few_changed_queries_are_guarded_by_the_share_that_got_worse():
    """4 of 9 changes are losses: the bound on 4 of 200; the tenth change makes it t."""
    nine = of_changes([-0.1] * 4 + [0.2] * 5 + [0.0] * 191)
    ten = of_changes([-0.1] * 4 + [0.2] * 6 + [0.0] * 190)

    guarded, free = difference(*nine), difference(*ten)

    bound = stats.binomtest(4, 200).proportion_ci(0.90, method="exact").high
    assert guarded.method == "student-t, clopper-pearson"
    assert guarded.interval[0] == pytest.approx(-bound, abs=1e-12)
    assert free.method == "student-t"
    assert free.interval[0] > guarded.interval[0]


def test_few_large_losses_are_still_regressed():
    """6 of 50 lose all and none gains: the guard of the lower end does not widen the upper."""
    before, after = np.full(50, 0.5), np.full(50, 0.5)
    before[:6], after[:6] = 1.0, 0.0

    found = difference(before, after)

    assert found.interval[1] < 0
    assert outcome_of(found, 0.05) == "regressed"


def test_measures_beyond_one_have_the_largest_value_as_range():
    """DCG up to 8: a query may lose 8, and the bounds scale with it."""
    before, after = of_changes([-0.1] * 4 + [0.2] * 5 + [0.0] * 191)

    found = difference(8 * before, 8 * after)
    largest = max(float((8 * before).max()), float((8 * after).max()))

    assert largest > 1
    assert found.interval[0] == pytest.approx(-largest * clopper_pearson(4, 200, 0.05))


# What holds for every interval


def test_values_of_zero_and_one_get_tango():
    found = difference(*pairs(4, 11, 90))

    assert found == Difference(-7 / 90, tango(4, 11, 90, 0.05), 90, "tango", 4, 11, 75)


@pytest.mark.parametrize(("old", "new"), [(0.5, 0.5), (0.25, 1.0), (1.0, 0.5), (0.0, 1.0)])
def test_one_query_says_almost_nothing(old, new):
    found = difference(np.array([old]), np.array([new]))

    low, high = found.interval
    assert -1 <= low <= found.delta <= high <= 1
    assert high - low > 0.9
    assert outcome_of(found, 0.05) == "inconclusive"


@given(any_pairs, alphas)
@settings(deadline=None)
def test_interval_holds_the_difference_and_stays_in_range(drawn, alpha):
    before, after = np.array(drawn).T

    found = difference(before, after, alpha)

    low, high = found.interval
    assert -1 <= low <= found.delta <= high <= 1
    assert found.won + found.lost + found.tied == found.n == len(drawn)


@given(any_pairs, alphas, alphas)
@settings(deadline=None)
def test_smaller_alpha_widens_the_interval(drawn, one, other):
    before, after = np.array(drawn).T
    strict, loose = sorted((one, other))

    low, high = difference(before, after, strict).interval
    inner_low, inner_high = difference(before, after, loose).interval

    assert low <= inner_low
    assert high >= inner_high


@given(any_pairs, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_queries_changes_no_bit(drawn, random):
    shuffled = random.sample(drawn, len(drawn))

    one, other = (np.array(rows).T for rows in (drawn, shuffled))

    assert difference(*one) == difference(*other)
    assert sign_flip_p(one[1] - one[0], flips=200) == sign_flip_p(other[1] - other[0], flips=200)


def test_differences_within_the_tolerance_are_ties():
    """Noise of summation is neither won nor lost."""
    before = np.array([0.3, 0.5, 0.5, 0.5])
    after = np.array([0.1 + 0.2, 0.5 + 9e-13, 0.5 + 2e-12, 0.5 - 2e-12])

    found = difference(before, after)

    assert (found.won, found.lost, found.tied) == (1, 1, 2)


def test_value_that_is_not_finite_is_never_a_pass():
    found = difference(np.array([0.5, math.nan, 1.0]), np.array([1.0, 1.0, 1.0]))

    assert found.method == "undefined"
    assert math.isnan(found.delta)
    assert outcome_of(found, 0.5) == "inconclusive"
    assert math.isnan(sign_flip_p(np.array([0.1, math.nan])))


@pytest.mark.parametrize(("before", "after"), [([], []), ([1.0], [1.0, 0.0]), ([[1.0]], [[1.0]])])
def test_sides_that_are_no_pairs_are_refused(before, after):
    with pytest.raises(ValueError, match="no pairs"):
        difference(np.array(before), np.array(after))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 5.0])
def test_alpha_is_a_one_sided_risk(alpha):
    with pytest.raises(ValueError, match="alpha"):
        difference(np.zeros(3), np.ones(3), alpha)


# Queries that belong together


def clustered_t(changes, groups, alpha=0.05):
    """Student's t over groups by the linearised variance of a ratio, spelled out with numpy.

    The lower end is that with `unseen(alpha)` more groups that lost everything, the upper end
    that with as many that won everything, where these are the wider.
    """
    names = sorted(set(groups))
    sums = np.array([sum(c for c, g in zip(changes, groups, strict=True) if g == n) for n in names])
    sizes = np.array([groups.count(n) for n in names])
    g, ratio = len(names), sums.sum() / sizes.sum()
    shares = ratio + (sums - ratio * sizes) * g / sizes.sum()

    def end(side, extra):
        weights = np.array([*np.ones(g), extra])
        values = np.array([*shares, side])
        mean = (weights * values).sum() / weights.sum()
        total = weights.sum()
        variance = (weights * (values - mean) ** 2).sum() / (total - 1)
        half = stats.t.ppf(1 - alpha, total - 1) * math.sqrt(variance / total)
        return mean + side * half

    low, high = (end(side, 0.0) for side in (-1, 1))
    more = unseen(alpha)
    return min(low, end(-1, more)), max(high, end(1, more))


def test_groups_by_hand():
    """Three groups of four: sums 1.2, 0 and 0 are shares of 0.3, 0 and 0 around a mean of 0.1.

    With 1.1966 groups more that won everything the sum is 1.4966 of 4.1966, the mean 0.3566.
    """
    before, after = of_changes([0.3] * 4 + [0.0] * 8)

    found = clustered_difference(before, after, ["a"] * 4 + ["b"] * 4 + ["c"] * 4)

    total, mean = 4.1966, 1.4966 / 4.1966
    squares = (0.3 - mean) ** 2 + 2 * mean**2 + 1.1966 * (1 - mean) ** 2
    half = stats.t.ppf(0.95, total - 1) * math.sqrt(squares / (total - 1) / total)
    assert found.delta == pytest.approx(0.1)
    assert found.interval[1] == pytest.approx(mean + half, abs=1e-3)
    assert found.method == "student-t, clopper-pearson, 3 groups"
    assert (found.n, found.won, found.lost, found.tied) == (12, 4, 0, 8)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_groups_are_the_linearised_ratio_of_their_totals(seed, alpha):
    """Groups of unequal sizes that move together: both ends, to 1e-12."""
    rng = np.random.default_rng(seed)
    names = [f"g{row}" for row in range(9) for _ in range(int(rng.integers(1, 30)))]
    shift = dict(zip(sorted(set(names)), rng.normal(0.02, 0.1, 9), strict=True))
    changes = np.array([shift[name] for name in names]) + rng.normal(0, 0.02, len(names))

    found = clustered_difference(*of_changes(changes), names, alpha)

    expected = clustered_t(changes, names, alpha)
    plain = difference(*of_changes(changes), alpha).interval
    assert found.interval[0] == pytest.approx(min(expected[0], plain[0]), abs=1e-12)
    assert found.interval[1] == pytest.approx(max(expected[1], plain[1]), abs=1e-12)
    assert expected[0] < plain[0]


def test_values_of_zero_and_one_are_grouped_too():
    """Tango alone would take 40 copies of 5 independent queries for 200 queries."""
    before = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0], 40)
    after = np.repeat([1.0, 1.0, 1.0, 0.0, 0.0], 40)
    groups = np.repeat(list("abcde"), 40).tolist()

    found = clustered_difference(before, after, groups)

    expected = clustered_t(after - before, groups)
    assert found.method == "tango, 5 groups"
    assert found.interval == pytest.approx(expected, abs=1e-12)


@given(any_pairs, alphas)
@settings(deadline=None)
def test_groups_of_one_query_change_nothing(drawn, alpha):
    """Bit for bit, the method's name too."""
    before, after = np.array(drawn).T
    names = [f"g{row}" for row in range(len(drawn))]

    assert clustered_difference(before, after, names, alpha) == difference(before, after, alpha)


@given(any_pairs, alphas, st.data())
@settings(deadline=None)
def test_groups_never_narrow_the_interval(drawn, alpha, data):
    """At either end; it holds the difference and stays in range, whatever the groups."""
    before, after = np.array(drawn).T
    names = data.draw(st.lists(st.sampled_from("abcde"), min_size=len(drawn), max_size=len(drawn)))

    found, plain = (
        clustered_difference(before, after, names, alpha),
        difference(before, after, alpha),
    )

    low, high = found.interval
    assert -1 <= low <= plain.interval[0] <= found.delta <= plain.interval[1] <= high <= 1
    assert replace(found, interval=plain.interval, method=plain.method) == plain


@given(any_pairs, st.data())
@settings(deadline=None)
def test_neither_the_order_nor_the_names_of_groups_change_a_bit(drawn, data):
    names = data.draw(st.lists(st.sampled_from("abcd"), min_size=len(drawn), max_size=len(drawn)))
    order = data.draw(st.permutations(range(len(drawn))))
    before, after = np.array(drawn).T
    other = {"a": "größe", "b": "", "c": "a b", "d": "\n"}

    found = clustered_difference(before, after, names)

    moved = [other[names[row]] for row in order]
    assert clustered_difference(before[order], after[order], moved) == found


@pytest.mark.parametrize("seed", range(20))
def test_sums_of_groups_are_exact(seed):
    """Sums of floats in another order often differ in their last bits; none may here."""
    rng = np.random.default_rng(seed)
    before, after = rng.random((2, 60))
    names = [f"g{row}" for row in rng.integers(0, 5, 60)]
    order = rng.permutation(60)

    moved = clustered_difference(before[order], after[order], [names[row] for row in order])

    assert moved == clustered_difference(before, after, names)


@pytest.mark.parametrize("change", [0.0, 0.2, -0.2])
def test_one_group_alone_settles_nothing(change):
    """All queries may have moved for one reason: the widest interval that there is."""
    found = clustered_difference(*of_changes([change] * 50), ["same"] * 50)

    assert found.interval == (-1.0, 1.0)
    assert found.method.endswith("1 groups")
    assert outcome_of(found, 0.5) == "inconclusive"


def test_one_query_is_one_group():
    assert clustered_difference(np.array([0.5]), np.array([1.0]), ["a"]) == difference(
        np.array([0.5]), np.array([1.0])
    )


def test_groups_of_a_measure_beyond_one_stay_in_its_range():
    before, after = of_changes([0.3, 0.3, -0.3, -0.3])

    found = clustered_difference(8 * before, 8 * after, ["a", "a", "b", "b"])

    assert found.interval == (-8 * before.max(), 8 * before.max())


def test_a_value_that_is_not_finite_is_undefined_in_groups_too():
    found = clustered_difference(np.array([0.5, math.nan, 1.0]), np.ones(3), ["a", "a", "b"])

    assert found.method == "undefined"
    assert outcome_of(found, 0.5) == "inconclusive"


@pytest.mark.parametrize("groups", [[], ["a"], ["a", "b"], ["a", "b", "c", "c"]], ids=str)
def test_groups_that_are_not_one_a_query_are_refused(groups):
    with pytest.raises(ValueError, match=f"{len(groups)} groups of 3 queries"):
        clustered_difference(np.zeros(3), np.full(3, 0.5), groups)


def test_in_groups_that_move_together_only_their_interval_keeps_its_error_rate():
    """1,500 samples of 30 groups of 10 queries whose mean change is 0: 5 % may read as improved.

    Within a group changes correlate by 0.5. Four standard errors of 5 % are 2.3 %.
    """
    rng = np.random.default_rng(11)
    names = np.repeat([f"g{row:02}" for row in range(30)], 10).tolist()
    wrong = {"plain": 0, "grouped": 0}
    for _ in range(1500):
        shared = np.repeat(rng.normal(0, 0.1, 30), 10)
        before, after = of_changes(shared + rng.normal(0, 0.1, 300))
        plain, grouped = difference(before, after), clustered_difference(before, after, names)
        wrong["plain"] += plain.interval[0] > 0
        wrong["grouped"] += grouped.interval[0] > 0

    assert wrong["plain"] / 1500 > 0.15
    # Far below: 1.2 groups of 30 that lost everything are allowed for, and none here loses so much.
    assert wrong["grouped"] / 1500 < 0.07


def test_whole_groups_that_are_lost_are_not_missed():
    """600 samples of 200 groups of 5, of which 2 % are lost: at most 7 % may pass."""
    rng = np.random.default_rng(5)
    names = np.repeat([f"g{row:03}" for row in range(200)], 5).tolist()
    passed = 0
    for _ in range(600):
        lost = np.repeat(rng.random(200) < 0.02, 5)
        found = clustered_difference(np.ones(1000), np.where(lost, 0.0, 1.0), names)
        passed += outcome_of(found, 0.02) in ("pass", "improved")

    assert passed / 600 <= 0.07


def test_losses_that_few_groups_cannot_show_are_not_ruled_out():
    """1,000 queries in 5 groups, none changed: where 5 % of groups are lost, 77 % of samples."""
    names = [f"g{row % 5}" for row in range(1000)]

    found = clustered_difference(np.ones(1000), np.ones(1000), names)

    assert outcome_of(found, 0.02) == "inconclusive"


# Outcomes


BASE = Difference(0.0, (0.0, 0.0), 100, "student-t", 0, 0, 100)


@pytest.mark.parametrize(
    ("low", "delta", "high", "outcome"),
    [
        (0.001, 0.02, 0.04, "improved"),
        (0.0, 0.02, 0.04, "pass"),
        (5e-13, 0.02, 0.04, "pass"),
        (-0.0199, 0.0, 0.02, "pass"),
        (-0.0199, -0.015, -0.01, "pass"),
        (-0.02, 0.0, 0.02, "inconclusive"),
        (-0.02 + 5e-13, 0.0, 0.02, "inconclusive"),
        (-0.05, -0.03, 0.0, "inconclusive"),
        (-0.05, -0.03, -5e-13, "inconclusive"),
        (-0.03, -0.0199, -0.001, "inconclusive"),
        (-0.04, -0.02, -0.001, "regressed"),
        (-0.04, -0.02 + 5e-13, -0.001, "regressed"),
        (-0.9, 0.1, 0.9, "inconclusive"),
    ],
)
def test_the_interval_and_the_margin_decide(low, delta, high, outcome):
    """Margin 0.02; numbers within 1e-12 of a threshold are at it."""
    found = replace(BASE, delta=delta, interval=(low, high))

    assert outcome_of(found, 0.02) == outcome


@pytest.mark.parametrize(
    ("low", "delta", "high", "outcome"),
    [
        (0.001, 0.02, 0.04, "improved"),
        (0.0, 0.0, 0.0, "inconclusive"),
        (-0.001, 0.02, 0.04, "inconclusive"),
        (-0.04, -0.02, -0.001, "regressed"),
    ],
)
def test_a_challenger_without_margin_must_be_better(low, delta, high, outcome):
    """Margin 0: "pass" does not exist."""
    found = replace(BASE, delta=delta, interval=(low, high))

    assert outcome_of(found, 0.0) == outcome


# Sign flips


@pytest.mark.parametrize("k", [2, 3, 7, 12])
def test_up_to_12_changes_are_enumerated(k):
    """All 2^k signs, as scipy's exact permutation test of the mean counts them."""
    changes = np.round(np.random.default_rng(k).normal(-0.1, 0.4, k), 1) + 0.01

    found = sign_flip_p(np.concatenate([changes, np.zeros(5)]))

    exact = stats.permutation_test(
        (changes,), np.mean, permutation_type="samples", alternative="less", n_resamples=np.inf
    )
    assert found == pytest.approx(exact.pvalue, abs=1e-12)


@pytest.mark.parametrize("shift", [-0.05, 0.0, 0.05])
def test_drawn_signs_agree_with_scipy(shift):
    """Two samples of 10,000 signs: within four standard errors of their difference."""
    changes = np.random.default_rng(5).normal(shift, 0.4, 60)

    found = sign_flip_p(changes)

    drawn = stats.permutation_test(
        (changes,),
        lambda rows, axis: rows.mean(axis=axis),
        permutation_type="samples",
        alternative="less",
        n_resamples=10_000,
        rng=np.random.default_rng(1),
        vectorized=True,
    ).pvalue
    assert abs(found - drawn) <= 4 * math.sqrt(2 * drawn * (1 - drawn) / 10_000) + 1e-4


def test_equal_sums_of_other_bits_count_as_equal():
    """0.1 + 0.2 - 0.3 is not 0 in floats: three of eight patterns sum to less, two to as much."""
    changes = [0.1, 0.2, -0.3]

    found = sign_flip_p(np.array(changes))

    sums = [sum(signs) for signs in itertools.product((1, -1), (2, -2), (3, -3))]
    assert found == sum(total <= 0 for total in sums) / 8 == 5 / 8


def test_p_value_is_never_zero():
    """500 losses of 500: 1 of 10,001."""
    assert sign_flip_p(np.full(500, -0.3)) == 1 / 10_001


def test_p_value_is_one_where_nothing_differs():
    assert sign_flip_p(np.array([0.0, 1e-13, -1e-13])) == 1.0


@pytest.mark.parametrize(("change", "p"), [(-0.3, 1 / 2), (0.3, 1.0)])
def test_one_change_is_one_of_two_signs(change, p):
    assert sign_flip_p(np.array([0.0, change])) == p


def test_p_value_is_small_for_losses_and_large_for_gains():
    losses = np.random.default_rng(2).normal(-0.2, 0.3, 80)

    assert sign_flip_p(losses) < 0.001
    assert sign_flip_p(-losses) > 0.999


def test_queries_that_do_not_differ_change_no_p_value():
    changes = np.random.default_rng(3).normal(0, 0.3, 40)

    assert sign_flip_p(np.concatenate([np.zeros(500), changes])) == sign_flip_p(changes)


def test_seed_decides_the_signs():
    changes = np.random.default_rng(3).normal(-0.03, 0.3, 40)

    assert sign_flip_p(changes, seed=1) == sign_flip_p(changes, seed=1)
    assert sign_flip_p(changes, seed=1) != sign_flip_p(changes, seed=2)


def test_many_flips_of_many_queries_stay_small_in_memory():
    """2,000 flips of 20,000 differences are 320 MB at once; blocks keep it below 100."""
    changes = np.random.default_rng(3).normal(0, 0.3, 20_000)
    tracemalloc.start()

    sign_flip_p(changes, flips=2_000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


# Holm


def test_holm_by_hand():
    """Sorted: 4 x 0.01, 3 x 0.02 = 0.06, 2 x 0.03 = 0.06, 1 x 0.04 raised to 0.06."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx((0.06, 0.04, 0.06, 0.06))


def test_holm_stays_at_one_and_keeps_the_order():
    assert holm([0.9, 0.6, 0.001]) == pytest.approx((1.0, 1.0, 0.003))
    assert holm([0.2]) == (0.2,)
    assert holm([]) == ()


@pytest.mark.parametrize("seed", range(5))
def test_holm_agrees_with_statsmodels(seed):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.round(np.random.default_rng(seed).random(12) ** 3, 2)

    found = holm(p_values.tolist())

    assert found == pytest.approx(multitest.multipletests(p_values, method="holm")[1])
