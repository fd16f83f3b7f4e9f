"""The simulator draws what it says: its curve, its attractions, its moves."""

import numpy as np
import pytest

from benchharness.pairs.clicks.simulation import CURVES, World, simulate

SMALL = World(queries=20, candidates=12)


def test_clicks_have_the_chance_of_curve_times_attraction():
    """Rule: over 40,000 impressions of each rank the clicks are within 4 standard errors."""
    log = simulate(SMALL, 40_000, seed=1)
    chance = np.array(SMALL.curve)[log.rank - 1] * log.attraction[log.query, log.doc]

    for rank in range(1, 11):
        at = log.rank == rank
        error = np.sqrt((chance[at] * (1 - chance[at])).sum())
        assert abs(log.clicked[at].sum() - chance[at].sum()) < 4 * error


def test_the_same_seed_draws_the_same_log_and_another_another():
    first, again, other = (simulate(SMALL, 500, seed) for seed in (3, 3, 4))

    assert list(first.lines()) == list(again.lines())
    assert list(first.lines()) != list(other.lines())


def test_a_page_shows_distinct_documents_at_the_ranks_of_the_curve():
    log = simulate(SMALL, 200)
    docs = log.doc.reshape(200, 10)

    assert all(len(set(row)) == 10 for row in docs.tolist())
    assert log.rank.reshape(200, 10)[0].tolist() == list(range(1, 11))


def moves(log):
    """(document of a query, rank), once each."""
    return set(zip(log.query.tolist(), log.doc.tolist(), log.rank.tolist(), strict=True))


def test_without_noise_no_document_moves():
    log = simulate(World(queries=20, noise=0.0), 500)
    seen = moves(log)

    assert len({cell[:2] for cell in seen}) == len(seen)


def test_documents_move_within_their_block_only():
    log = simulate(World(queries=5, blocks=(6,)), 2000)
    block: dict[tuple[int, int], set[bool]] = {}
    for query, doc, rank in moves(log):
        block.setdefault((query, doc), set()).add(rank >= 6)

    assert all(len(sides) == 1 for sides in block.values())
    assert len(moves(log)) == 5 * (5 * 5 + 5 * 5)  # each of 10 documents at all ranks of its block


def test_the_ranker_likes_relevant_documents():
    log = simulate(World(queries=200), 5000)
    relevant = log.relevant[log.query, log.doc]

    assert relevant[log.rank == 1].mean() > 2 * relevant[log.rank == 10].mean()


@pytest.mark.parametrize("curve", CURVES.values())
def test_every_curve_begins_at_1_and_stays_a_chance(curve):
    assert curve[0] == 1
    assert len(curve) == 10
    assert all(0 < value <= 1 for value in curve)
