"""How far vectors and rankings agree, checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.evaluation.result import Run
from benchharness.serving import parity_agreement
from benchharness.serving.parity_agreement import cosines, ranks


def matrix(*rows):
    return np.array(rows, dtype=np.float32)


def run_of(*rankings):
    ids = tuple(f"q{row}" for row in range(len(rankings)))
    return Run(ids, tuple(map(tuple, rankings)), tuple((0.0,) * len(one) for one in rankings), 10)


def test_cosines_are_those_of_the_hand():
    """Rule: 1, 0.6 and -1; the worst text is named first."""
    found = cosines(
        matrix([1, 0], [1, 0], [0, 2]), matrix([3, 0], [0.6, 0.8], [0, -1]), ["a", "b", "c"]
    )

    assert found.texts == 3
    assert found.lowest == pytest.approx(-1)
    assert found.mean == pytest.approx(0.2)
    assert [name for name, _ in found.worst] == ["c", "b", "a"]
    assert found.lengths == pytest.approx((0.5, 3))


def test_the_first_percentile_is_one_that_was_seen():
    """Rule: of 200 texts 2 are at or below it; of 100 it is the lowest."""
    angles = np.linspace(0, 1, 200)
    served = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    local = np.tile(matrix([1, 0]), (200, 1))
    ids = [f"d{row}" for row in range(200)]

    found = cosines(local, served, ids)

    assert found.p1 == pytest.approx(math.cos(angles[-2]), abs=1e-6)
    assert cosines(local[:100], served[:100], ids[:100]).p1 == pytest.approx(
        math.cos(angles[99]), abs=1e-6
    )


def test_a_zero_vector_agrees_with_a_zero_vector_only():
    """Rule: no token on both sides is left out and counted; on one side it is the worst."""
    found = cosines(matrix([0, 0], [0, 0], [1, 0]), matrix([0, 0], [1, 0], [1, 0]), ["a", "b", "c"])

    assert (found.texts, found.empty) == (2, 1)
    assert found.worst[0] == ("b", 0.0)
    assert found.lengths == (1.0, 1.0)


def test_nothing_but_empty_texts_is_no_number():
    found = cosines(matrix([0, 0]), matrix([0, 0]), ["a"])

    assert found.texts == 0
    assert math.isnan(found.lowest)


def test_texts_are_looked_at_in_blocks(monkeypatch):
    """Rule: how many at a time changes nothing, not a bit."""
    rng = np.random.default_rng(0)
    one, other = (rng.normal(size=(50, 7)).astype(np.float32) for _ in range(2))
    ids = [f"d{row}" for row in range(50)]
    whole = cosines(one, other, ids)
    monkeypatch.setattr(parity_agreement, "_BLOCK_ROWS", 3)

    assert cosines(one, other, ids) == whole


@pytest.mark.parametrize(
    ("local", "served", "ids"),
    [(matrix([1, 0]), matrix([1, 0, 0]), ["a"]), (matrix([1, 0]), matrix([1, 0]), ["a", "b"])],
)
def test_what_is_no_pair_is_refused(local, served, ids):
    with pytest.raises(ValueError, match="no pairs"):
        cosines(local, served, ids)


def test_ranks_are_those_of_the_hand():
    """Rule: the first query has one of two in common at each depth but the first."""
    found = ranks(run_of("ab", "xy"), run_of("bc", "xy"), top=2)

    assert found.queries == 2
    assert found.overlap == (0.5 + 1) / 2
    assert found.first == 0.5
    # Depths 1 and 2 of the first query: 0 and 1/2.
    assert found.average_overlap == ((0 + 0.5) / 2 + 1) / 2
    assert found.changed == 1


def test_another_order_of_the_same_documents_is_a_change():
    found = ranks(run_of("abc"), run_of("acb"))

    assert found.overlap == 1
    assert found.first == 1
    assert found.average_overlap == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert found.changed == 1


def test_a_shorter_ranking_lacks_documents():
    """Rule: a server that finds 1 of 2 overlaps by a half; two that find nothing agree."""
    found = ranks(run_of("ab", ""), run_of("a", ""))

    assert found.overlap == (0.5 + 1) / 2
    assert found.average_overlap == ((1 + 0.5) / 2 + 1) / 2


@given(st.lists(st.permutations("abcdefghijkl"), min_size=1, max_size=4))
def test_a_run_agrees_with_itself(rankings):
    found = ranks(run_of(*rankings), run_of(*rankings))

    assert (found.overlap, found.first, found.average_overlap, found.changed) == (1, 1, 1, 0)


def test_other_queries_are_refused():
    with pytest.raises(ValueError, match="different queries"):
        ranks(run_of("ab"), run_of("ab", "cd"))
