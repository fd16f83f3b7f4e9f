"""Scores: the prior of the log, posteriors against brute force, and pairs better than raw CTR."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from benchharness.errors import DataError
from benchharness.pairs.clicks.counts import Counts
from benchharness.pairs.clicks.curve import fit_curve, flat_curve, given_curve, power_curve
from benchharness.pairs.clicks.scores import DOUBT, Prior, fit_prior, score_cells
from benchharness.pairs.clicks.simulation import CURVES, World, simulate

CLIP = 0.05


def counts(rows):
    """The counts of (document, rank, shown, clicked) rows of one query."""
    doc, rank, shown, clicked = (
        np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)
    )
    return Counts.of(np.zeros_like(doc), doc, rank, clicked, shown)


def test_without_position_the_posterior_is_the_beta_distribution():
    """Rule: clicks at rank 1 only are binomial, so scipy's Beta is the exact answer."""
    cells = counts([(0, 1, 10, 7), (1, 1, 200, 3), (2, 1, 5, 0), (3, 1, 4000, 40)])
    prior = Prior(0.3, 4.0)

    found = score_cells(cells, flat_curve(cells), CLIP, prior)

    exact = beta(1.2 + found.clicks, 2.8 + found.impressions - found.clicks)
    assert found.score == pytest.approx(exact.ppf(DOUBT), abs=2e-3)
    assert found.attraction == pytest.approx(exact.mean(), abs=2e-3)
    assert (found.impressions.tolist(), found.clicks.tolist()) == (
        [10, 200, 5, 4000],
        [7, 3, 0, 40],
    )


def slow_posterior(rows, curve, prior, bins=20_000):
    """(mean, lower end) by a fine sum over attractions, impression by impression."""
    total = mean = 0.0
    weights = []
    for place in range(bins):
        attraction = (place + 0.5) / bins
        weight = beta.pdf(
            attraction, prior.mean * prior.strength, (1 - prior.mean) * prior.strength
        )
        for rank, shown, clicked in rows:
            chance = curve[rank] * attraction
            weight *= chance**clicked * (1 - chance) ** (shown - clicked)
        weights.append(weight)
        total += weight
        mean += weight * attraction
    lower = np.searchsorted(np.cumsum(weights), DOUBT * total)
    return mean / total, lower / bins


def test_the_posterior_is_that_of_a_slow_sum():
    curve = {1: 1.0, 2: 0.4, 3: 0.1}
    rows = [(1, 4, 3), (2, 6, 2), (3, 9, 1)]
    cells = counts([(0, *row) for row in rows])
    prior = Prior(0.25, 3.0)

    found = score_cells(cells, given_curve(cells, curve), CLIP, prior)

    mean, lower = slow_posterior(rows, curve, prior, 2000)
    assert found.attraction[0] == pytest.approx(mean, abs=2e-3)
    assert found.score[0] == pytest.approx(lower, abs=2e-3)


def test_many_cells_are_scored_as_each_alone():
    """Rule: the blocks in which cells are scored change nothing."""
    rng = np.random.default_rng(0)
    size = 20_000
    drawn = (rng.integers(*ends, size) for ends in ((1, 4), (2, 9), (0, 3)))
    rows = list(zip(range(size), *drawn, strict=True))
    cells = counts(rows)
    prior = Prior(0.2, 5.0)

    together = score_cells(cells, power_curve(cells, 1.0), CLIP, prior)

    for place in (0, 8191, 8192, size - 1):
        alone = counts([rows[place]])
        scores = score_cells(alone, power_curve(alone, 1.0), CLIP, prior)
        assert scores.score[0] == pytest.approx(together.score[place])


def test_the_same_clicks_are_worth_more_at_a_low_rank():
    cells = counts([(0, 1, 20, 5), (1, 4, 20, 5)])

    found = score_cells(cells, power_curve(cells, 1.0), CLIP, Prior(0.2, 5.0))

    assert found.score[1] > 2 * found.score[0]


def test_more_evidence_of_the_same_rate_is_a_higher_score():
    """Rule: the score is what is sure, not what is likely."""
    cells = counts([(0, 1, 4, 2), (1, 1, 400, 200)])

    found = score_cells(cells, flat_curve(cells), CLIP, Prior(0.5, 2.0))

    assert found.score[1] > found.score[0] + 0.1
    assert found.attraction == pytest.approx([0.5, 0.5], abs=2e-3)


def test_an_examination_below_the_clip_counts_as_the_clip():
    cells = counts([(0, 1, 20, 5), (1, 5, 50, 3)])
    prior = Prior(0.2, 5.0)

    steep = score_cells(cells, given_curve(cells, {1: 1.0, 5: 0.001}), CLIP, prior)
    clipped = score_cells(cells, given_curve(cells, {1: 1.0, 5: 0.05}), CLIP, prior)

    assert steep.score.tolist() == clipped.score.tolist()


@settings(max_examples=50, deadline=None)
@example([(1, 1, 0), (3, 2, 2)])
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 50), st.integers(0, 50)), min_size=1))
def test_scores_are_between_0_and_1_and_above_them_lie_nine_tenths_of_the_posterior(rows):
    """Also where an examination is above that of rank 1, and where everything was clicked.

    A value that is exceeded with probability 0.9 is at most mean / 0.9 (Markov): it may
    be above the mean itself: with nearly all clicked, a little of the posterior lies at 0.
    """
    cells = counts([(0, 1, 1, 1)] + [(d, r, n, min(n, s)) for d, (r, n, s) in enumerate(rows)])
    curve = given_curve(cells, {1: 1.0, 2: 1.7, 3: 0.01})

    found = score_cells(cells, curve, CLIP, fit_prior(cells, curve, CLIP))

    assert (found.score >= 0).all()
    assert (found.score * (1 - DOUBT) <= found.attraction + 0.01).all()  # 0.01: a bin's width
    assert (found.attraction <= 1).all()


def test_the_prior_is_that_of_the_attractions():
    """Rule: cells with a Beta(1.5, 4.5) attraction at ranks of known curve; many, little seen."""
    rng = np.random.default_rng(2)
    size = 40_000
    attraction = rng.beta(1.5, 4.5, size)
    rows = []
    for rank, examined in ((1, 1.0), (2, 0.5), (3, 1 / 3)):
        clicked = rng.binomial(3, attraction * examined)
        rows += zip(range(size), [rank] * size, [3] * size, clicked, strict=True)
    cells = counts(rows)

    prior = fit_prior(cells, power_curve(cells, 1.0), CLIP)

    assert prior.mean == pytest.approx(0.25, abs=0.01)
    assert prior.strength == pytest.approx(6.0, abs=0.5)


def test_cells_that_do_not_differ_have_a_prior_that_decides():
    """Rule: without spread beyond chance every score is near the log's mean."""
    cells = counts([(doc, 1, 10, 3) for doc in range(20)])

    prior = fit_prior(cells, flat_curve(cells), CLIP)

    assert (prior.mean, prior.strength) == (pytest.approx(0.3), 1e6)


def test_a_log_without_a_click_is_refused():
    cells = counts([(0, 1, 10, 0)])

    with pytest.raises(DataError, match="no click"):
        fit_prior(cells, flat_curve(cells), CLIP)


def precision_at(score, good, recall):
    """Share of good ones among as many of the highest scores as hold that share of the good."""
    found = np.cumsum(good[np.argsort(-score, kind="stable")])
    place = np.searchsorted(found, recall * good.sum())
    return found[place] / (place + 1)


@pytest.mark.parametrize("name", CURVES)
def test_pairs_are_more_precise_than_raw_click_through(name):
    """Rule: at the same number of true pairs found; 100,000 pages, clicks on poor ones too."""
    log = simulate(World(curve=CURVES[name]), 100_000)
    cells = Counts.of(log.query, log.doc, log.rank, log.clicked)
    curve = fit_curve(cells)

    found = score_cells(cells, curve, CLIP, fit_prior(cells, curve, CLIP))

    enough = (found.impressions >= 5) & (found.clicks >= 2)
    good = log.relevant[found.query, found.doc][enough]
    raw = (found.clicks / found.impressions)[enough]
    for recall in (0.5, 0.8, 0.9):
        assert precision_at(found.score[enough], good, recall) > precision_at(raw, good, recall)
