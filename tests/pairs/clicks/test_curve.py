"""The curve: recovered from simulated logs, equal to a slow estimator, refused where unknowable."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.errors import DataError
from benchharness.pairs.clicks.counts import Counts
from benchharness.pairs.clicks.curve import (
    fit_curve,
    flat_curve,
    given_curve,
    loose_ranks,
    power_curve,
)
from benchharness.pairs.clicks.simulation import CURVES, World, simulate


def counts_of(log):
    return Counts.of(log.query, log.doc, log.rank, log.clicked)


def counts(rows):
    """The counts of (document, rank, shown, clicked) rows of one query."""
    doc, rank, shown, clicked = (
        np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)
    )
    return Counts.of(np.zeros_like(doc), doc, rank, clicked, shown)


def examinations(curve):
    return [one.examination for one in curve.ranks]


def errors(curve, truth):
    return np.abs(np.array(examinations(curve)) - np.array(truth))


@pytest.mark.parametrize("name", CURVES)
def test_the_curve_is_recovered(name):
    """Rule: 100,000 pages of 10; within 0.05 at every rank, and within 4 standard errors."""
    truth = CURVES[name]

    curve = fit_curve(counts_of(simulate(World(curve=truth), 100_000)))

    assert errors(curve, truth).max() < 0.05
    spread = np.array([one.standard_error for one in curve.ranks])
    assert (errors(curve, truth)[1:] < 4 * spread[1:]).all()


def test_the_curve_is_recovered_from_cells_with_few_impressions():
    """Ten pages a query: an attraction for each cell, or a prior, is wrong by 0.1 and more here."""
    truth = CURVES["1/rank^0.5"]
    log = simulate(World(curve=truth, queries=10_000), 100_000)

    assert errors(fit_curve(counts_of(log)), truth).max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", CURVES)
def test_standard_errors_are_those_of_repeated_logs(name):
    """Rule: over 40 logs the mean of (error / standard error)^2 is at most 1, and not far below.

    It is below: clicks of a known number of impressions vary less than Poisson ones.
    """
    truth = np.array(CURVES[name])
    world = World(curve=CURVES[name], queries=2000)

    scaled = []
    for seed in range(40):
        curve = fit_curve(counts_of(simulate(world, 20_000, seed)))
        spread = np.array([one.standard_error for one in curve.ranks])
        scaled.append((errors(curve, truth)[1:] / spread[1:]) ** 2)

    # One rank of 40 logs has a spread of sqrt(2 / 40); the ranks of a log depend on each other.
    assert 0.5 < np.mean(scaled) < 1.3


def slow_curve(rows):
    """The same likelihood climbed by plain rescaling, in pure Python: a textbook's fixed point."""
    shown, clicked = defaultdict(dict), defaultdict(dict)
    for doc, rank, impressions, clicks in rows:
        shown[doc][rank], clicked[doc][rank] = impressions, clicks
    ranks = sorted({rank for cell in shown.values() for rank in cell})
    examined = dict.fromkeys(ranks, 1.0)
    for _ in range(20_000):
        attraction = {
            doc: sum(clicked[doc].values()) / sum(n * examined[rank] for rank, n in cell.items())
            for doc, cell in shown.items()
        }
        after = {}
        for rank in ranks:
            expected = sum(
                cell[rank] * attraction[doc] for doc, cell in shown.items() if rank in cell
            )
            after[rank] = sum(cell.get(rank, 0) for cell in clicked.values()) / expected
        examined = {rank: value / after[ranks[0]] for rank, value in after.items()}
    return [examined[rank] for rank in ranks]


TINY = [
    (0, 1, 20, 12), (0, 2, 10, 4), (0, 3, 5, 1), (1, 1, 8, 1), (1, 2, 16, 2), (2, 2, 30, 9),
    (2, 3, 12, 3), (3, 3, 9, 2), (4, 1, 50, 25),
]  # fmt: skip


def test_the_fit_is_that_of_a_slow_textbook_estimator():
    curve = fit_curve(counts(TINY), min_evidence=1)

    assert examinations(curve) == pytest.approx(slow_curve(TINY), abs=1e-7)


def test_two_ranks_of_one_document_are_a_ratio():
    """By hand: click-through 0.4 at rank 1 and 0.1 at rank 2 is an examination of 0.25.

    The standard error of the ratio of 10 to 40 Poisson clicks is 0.25 sqrt(1/10 + 1/40).
    """
    curve = fit_curve(counts([(0, 1, 100, 40), (0, 2, 100, 10)]))

    assert examinations(curve) == pytest.approx([1, 0.25])
    assert [one.standard_error for one in curve.ranks] == pytest.approx([0, 0.25 * 0.125**0.5])
    assert [(one.impressions, one.clicks, one.cells) for one in curve.ranks] == [
        (100, 40, 1),
        (100, 10, 1),
    ]


cells = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 3), st.integers(1, 30), st.integers(0, 30)),
    min_size=1,
    max_size=12,
)
anchor = [(9, rank, 40, clicks) for rank, clicks in ((1, 20), (2, 15), (3, 12))]


@settings(max_examples=40, deadline=None)
@given(rows=cells, times=st.integers(2, 5))
def test_seeing_everything_again_changes_no_estimate(rows, times):
    """Rule: the estimate is of maximum likelihood, so only shares matter."""
    rows = anchor + [(d, r, n, min(n, s)) for d, r, n, s in rows]

    once = fit_curve(counts(rows))
    again = fit_curve(counts([(d, r, n * times, s * times) for d, r, n, s in rows]))

    assert examinations(again) == pytest.approx(examinations(once), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(rows=cells)
def test_documents_that_never_moved_change_no_estimate(rows):
    """Rule: one rank of a document says nothing of another."""
    alone = [(100 + place, r, n, min(n, s)) for place, (_, r, n, s) in enumerate(rows)]

    assert examinations(fit_curve(counts(anchor + alone))) == pytest.approx(
        examinations(fit_curve(counts(anchor))), rel=1e-6
    )


def test_a_log_in_which_nothing_moved_is_refused():
    log = simulate(World(noise=0.0, queries=50), 2000)

    with pytest.raises(DataError, match="no document changed its rank") as refused:
        fit_curve(counts_of(log))

    assert "--eta" in refused.value.remedy
    assert "swap" in refused.value.remedy


def test_a_block_of_ranks_that_hangs_loose_is_refused_by_name():
    """Ranks 6 to 10 swap among themselves only: their level against rank 1 is anybody's guess."""
    log = simulate(World(blocks=(6,), queries=50), 5000)

    with pytest.raises(DataError, match="ranks 6, 7, 8, 9, 10 cannot be tied to rank 1") as refused:
        fit_curve(counts_of(log))

    assert "500 documents changed rank" in refused.value.message
    assert "--curve" in refused.value.remedy
    assert "--max-rank 5" in refused.value.remedy


def test_the_ranks_that_are_tied_can_be_had_alone():
    """What the message says to do: leaving the loose block out leaves a curve."""
    truth = CURVES["1/rank"][:5]
    log = simulate(World(blocks=(6,), queries=50), 20_000)
    near = log.rank <= 5

    curve = fit_curve(Counts.of(log.query[near], log.doc[near], log.rank[near], log.clicked[near]))

    assert errors(curve, truth).max() < 0.05


def test_too_few_clicks_tie_no_rank():
    """Rule: 10 in both directions; 9 clicks at rank 2 are not enough, nor is a rank of no click."""
    rows = [(0, 1, 100, 40), (0, 2, 100, 9)]

    with pytest.raises(DataError, match="rank 2 cannot be tied"):
        fit_curve(counts(rows))
    with pytest.raises(DataError, match="rank 2 cannot be tied"):
        fit_curve(counts([(0, 1, 100, 40), (0, 2, 100, 0)]), min_evidence=0)
    assert len(fit_curve(counts(rows), min_evidence=9).ranks) == 2


def test_ranks_are_tied_through_others():
    """2 hangs on 1 and 3 on 2; 4 has clicks against 3, but 3 has none against it."""
    evidence = np.zeros((5, 5), dtype=np.int64)
    evidence[0, 1] = evidence[1, 0] = evidence[1, 2] = evidence[2, 1] = 10
    evidence[3, 2] = 99

    assert loose_ranks(evidence, 10) == [3, 4]


def test_a_log_without_rank_1_is_refused():
    with pytest.raises(DataError, match="no rank 1"):
        fit_curve(counts([(0, 2, 100, 40), (0, 3, 100, 30)]))


def test_a_log_of_one_rank_has_nothing_to_learn():
    """Rule: one result a page has no position bias."""
    assert examinations(fit_curve(counts([(0, 1, 5, 1), (1, 1, 5, 2)]))) == [1.0]


def test_curves_may_be_given():
    rows = counts([(0, 1, 5, 1), (0, 4, 5, 2)])

    assert examinations(given_curve(rows, {1: 2.0, 4: 0.5, 7: 0.1})) == [1, 0.25]
    assert examinations(power_curve(rows, 0.5)) == [1, 0.5]
    assert examinations(flat_curve(rows)) == [1, 1]
    assert [curve.source for curve in (power_curve(rows, 0.5), flat_curve(rows))] == [
        "1/rank^0.5",
        "none",
    ]


def test_a_curve_without_a_rank_of_the_log_is_refused():
    with pytest.raises(DataError, match="nothing of rank 4") as refused:
        given_curve(counts([(0, 1, 5, 1), (0, 4, 5, 2)]), {1: 1.0, 2: 0.5})

    assert "--max-rank" in refused.value.remedy


def test_a_rank_that_the_curve_never_saw_is_refused():
    """A later window may have longer pages than the earlier one."""
    curve = power_curve(counts([(0, 1, 5, 1), (0, 3, 5, 1)]), 1.0)

    assert curve.at(np.array([3, 1])) == pytest.approx([1 / 3, 1])
    with pytest.raises(DataError, match="nothing is known of ranks 2, 4"):
        curve.at(np.array([4, 2, 1]))


def test_a_steep_curve_is_climbed_to_its_top():
    """Rule: Newton's first step is far too long where an examination is a thousandth."""
    rows = [(0, 1, 1000, 900), (0, 2, 100_000, 90), (1, 1, 10, 5), (1, 2, 10_000, 8)]

    found = examinations(fit_curve(counts(rows), min_evidence=1))

    assert math.isclose(found[1], slow_curve(rows)[1], rel_tol=1e-6)
    assert found[1] < 0.002


extreme = st.tuples(st.integers(1, 10**6), st.floats(1e-5, 1.0))


@settings(max_examples=60, deadline=None)
@given(st.lists(extreme, min_size=2, max_size=6))
def test_one_document_at_several_ranks_is_its_ratio_of_click_through(ranks):
    """Rule: by hand for any numbers, however far apart: (clicks / shown) against rank 1."""
    rows = [(0, rank, n, max(1, int(n * rate))) for rank, (n, rate) in enumerate(ranks, start=1)]

    found = examinations(fit_curve(counts(rows), min_evidence=1))

    rates = [clicks / shown for _, _, shown, clicks in rows]
    assert found == pytest.approx([rate / rates[0] for rate in rates], rel=1e-6)
