"""Leaderboards: order, distances, marks, the front, and who has no row."""

import numpy as np
import pytest

from benchharness.evaluation.latency import Latency
from benchharness.judge.bench import Assessment
from benchharness.judge.paired import difference
from benchharness.judge.pairwise import holm_over_pairs, pairwise_p
from benchharness.judge.ranking import Entrant, leaderboard, leaderboards_of
from benchharness.judge.statistics import estimate

N = 200


@pytest.fixture
def entrant(make_result):
    """`entrant("a", 120, dim=64)`: a model that found the first 120 of 200 queries."""

    def make(
        model, found, *, dim=None, stored=None, size=None, of="", speed=None, latency=None,
        **fields,
    ):  # fmt: skip
        costs = {"dimension": dim, "size": size, "bytes_per_vector": stored}
        known = {name: float(cost) for name, cost in costs.items() if cost is not None}
        hits = found if isinstance(found, list) else [1.0] * found + [0.0] * (N - found)
        return Entrant(make_result(hits, model=model, costs=known, **fields), of, speed, latency)

    return make


def test_rows_stand_by_value_and_ties_by_spec(entrant):
    """Rule: two of equal value are apart by their names alone; the first is the best."""
    board = leaderboard(
        [entrant("c", 100), entrant("b", 150), entrant("a", 100), entrant("d", 150)], "recall@10"
    )

    assert [row.spec for row in board.standings] == ["b", "d", "a", "c"]
    assert [row.is_best for row in board.standings] == [True, False, False, False]
    assert [row.is_tied for row in board.standings] == [False, True, False, False]
    assert (board.suite, board.measure, board.n) == ("faq", "recall@10", N)


def test_rows_of_values_that_differ_in_the_last_bits_stand_by_spec(entrant):
    """Rule: the order of a sum decides no place."""
    near = [0.1 + 0.2] * N, [0.3] * N
    board = leaderboard([entrant("b", near[0]), entrant("a", near[1])], "recall@10")

    assert [row.spec for row in board.standings] == ["a", "b"]
    assert board.standings[1].is_tied


def test_a_row_has_its_estimate_and_its_paired_distance_to_the_best(entrant):
    """Rule: the numbers of `estimate`, `difference` and `pairwise_p`, Holm over all pairs."""
    entrants = [entrant("a", 150), entrant("b", 143), entrant("c", 100)]
    values = np.stack([one.result.values["recall@10"] for one in entrants])
    raw = pairwise_p(values)

    best, second, third = leaderboard(entrants, "recall@10").standings

    assert best.ci95 == estimate(values[0]).ci95
    assert (best.to_best, best.p, best.p_holm, best.to_best_ci90) == (0.0, None, None, None)
    assert second.value == pytest.approx(143 / N)
    assert second.to_best == pytest.approx(-7 / N)
    assert second.to_best_ci90 == difference(values[0], values[1]).interval
    assert (second.p, third.p) == (raw[0, 1], raw[0, 2])
    adjusted = holm_over_pairs(raw)
    assert (second.p_holm, third.p_holm) == (adjusted[0, 1], adjusted[0, 2])
    assert third.p_holm > third.p


def test_a_row_is_tied_where_only_holm_keeps_it(entrant):
    """Rule: 7 losses and no gain have p = 2/128, times the pairs more than 0.05."""
    entrants = [entrant("a", 150), entrant("b", 143), entrant("c", 142), entrant("d", 141)]

    second = leaderboard(entrants, "recall@10").standings[1]

    assert second.p == pytest.approx(2 / 128)
    assert second.p_holm > 0.05
    assert second.is_tied


def test_variants_are_compared_with_the_best_alone(entrant):
    """Rule: what a dozen variants lose is not hidden by the pairs among them; by hand.

    8 losses and no gain have p = 2/256. Among all pairs of 14 rows that would be adjusted beyond
    0.05; here there are 13 comparisons, 12 of which are clearer.
    """
    entrants = [entrant("full", 150), entrant("near", 142, of="full")]
    entrants += [entrant(f"v{n:02}", 100 - n, of="full") for n in range(12)]

    board = leaderboard(entrants, "recall@10")

    near = board.standings[1]
    assert near.spec == "near"
    assert near.p == pytest.approx(2 / 256)
    assert near.p_holm == pytest.approx(2 / 256)
    assert not near.is_tied
    assert board.pairs == 13


def test_models_are_compared_with_one_another_and_a_variant_that_is_best_with_all(entrant):
    """Rule: 3 pairs of models, and 4 or 1 with the variant."""
    models = [entrant("a", 150), entrant("b", 140), entrant("c", 130)]

    below = leaderboard([*models, entrant("a, int8", 149, of="a")], "recall@10")
    above = leaderboard([*models, entrant("a, int8", 151, of="a")], "recall@10")

    assert (below.pairs, above.pairs) == (4, 6)


def test_costs_are_those_that_are_known(entrant):
    """Rule: 4 bytes a component unless the system says another number; bm25 has none."""
    full, codes, bm25 = leaderboard(
        [entrant("a", 150, dim=384, size=90e6), entrant("a, binary", 140, dim=384, stored=48),
         entrant("bm25", 130)],
        "recall@10",
    ).standings  # fmt: skip

    assert (full.dimension, full.bytes_per_vector, full.size_bytes) == (384, 1536.0, 90_000_000)
    assert (codes.dimension, codes.bytes_per_vector, codes.size_bytes) == (384, 48.0, None)
    assert (bm25.dimension, bm25.bytes_per_vector, bm25.size_bytes) == (None, None, None)


def test_a_pipeline_has_bytes_without_a_dimension(entrant):
    """Rule: all its stages together, as it says; it is on the front like any other."""
    board = leaderboard(
        [entrant("hybrid(bm25,a)", 160, stored=2000), entrant("a", 150, dim=384)], "recall@10"
    )

    hybrid = board.standings[0]
    assert (hybrid.dimension, hybrid.bytes_per_vector) == (None, 2000.0)
    assert [row.is_on_front for row in board.standings] == [True, True]


def test_latencies_are_those_that_were_measured(entrant):
    """Rule: median, 95th percentile and the ratio as they are; a variant has none."""
    rows = leaderboard(
        [entrant("a", 150, latency=Latency(5.0, 9.0, 1.0, 50)), entrant("a, int8", 140, of="a"),
         entrant("b", 130, latency=Latency(2.0, 3.0, 0.4, 50))],
        "recall@10",
    ).standings  # fmt: skip

    assert [(row.latency_ms, row.latency_p95_ms, row.latency_ratio) for row in rows] == [
        (5.0, 9.0, 1.0), (None, None, None), (2.0, 3.0, 0.4),
    ]  # fmt: skip


def test_one_latency_is_relative_to_nothing(entrant):
    """Rule: a ratio to itself says nothing."""
    timed = entrant("a", 150, latency=Latency(5.0, 9.0, 1.0, 50))

    row = leaderboard([timed, entrant("b", 130)], "recall@10").standings[0]

    assert (row.latency_ms, row.latency_ratio) == (5.0, None)


def test_weights_of_0_bytes_were_not_found(entrant):
    """Rule: a size that no model can have is none that is known."""
    row = leaderboard([entrant("a", 150, dim=8, size=0.0)], "recall@10").standings[0]

    assert row.size_bytes is None
    assert row.dimension == 8


def test_the_front_is_what_no_other_row_beats_in_value_and_bytes(entrant):
    """Rule: by hand. b is smaller than a; c is worse than b in as many bytes; d is the smallest;
    e is as good as d in more bytes; bm25 has no vectors and beats nobody.
    """
    board = leaderboard(
        [entrant("bm25", 190), entrant("a", 150, dim=64), entrant("b", 140, dim=32),
         entrant("c", 130, dim=32), entrant("d", 100, dim=8), entrant("e", 100, dim=16)],
        "recall@10",
    )  # fmt: skip

    assert [row.spec for row in board.standings if row.is_on_front] == ["a", "b", "d"]


def test_equal_rows_are_on_the_front_together(entrant):
    board = leaderboard([entrant("a", 150, dim=8), entrant("b", 150, dim=8)], "recall@10")

    assert [row.is_on_front for row in board.standings] == [True, True]


def test_a_variant_has_its_loss_against_the_full_vectors(entrant):
    """Rule: paired with its own model, not with the best; judged by the margin."""
    entrants = [entrant("best", 190), entrant("a", 150), entrant("a, int8", 150, of="a"),
                entrant("a, binary", 110, of="a")]  # fmt: skip
    values = {one.spec: one.result.values["recall@10"] for one in entrants}

    rows = {row.spec: row for row in leaderboard(entrants, "recall@10", margin=0.03).standings}

    assert rows["a"].loss is None
    assert (rows["a, int8"].loss.of, rows["a, int8"].loss.outcome) == ("a", "pass")
    assert rows["a, binary"].loss.delta == pytest.approx(-0.2)
    assert rows["a, binary"].loss.ci90 == difference(values["a"], values["a, binary"]).interval
    assert (rows["a, binary"].loss.outcome, rows["a, binary"].loss.margin) == ("regressed", 0.03)


@pytest.mark.parametrize(
    "other",
    [{"ids": [f"z{row:05}" for row in range(N)]}, {"digests": ["edited"] * N}, {"corpus": "z"},
     {"template": "z"}, {"drop_same_id": True}],
)  # fmt: skip
def test_a_model_of_other_queries_or_documents_is_left_out_and_named(entrant, other):
    """Rule: the basis of most models is the board's."""
    board = leaderboard(
        [entrant("odd", 200, **other), entrant("a", 150), entrant("b", 140)], "recall@10"
    )

    assert [row.spec for row in board.standings] == ["a", "b"]
    assert board.left_out == {"odd": "it was measured on other queries or documents"}


def test_a_model_without_a_number_is_left_out_and_named(entrant):
    nan = entrant("nan", [float("nan")] + [1.0] * (N - 1))
    board = leaderboard([nan, entrant("a", 150)], "recall@10")

    assert [row.spec for row in board.standings] == ["a"]
    assert board.left_out == {"nan": "recall@10 is not a number on each of its queries"}
    assert leaderboard([nan], "map@10").left_out == {"nan": "it has no map@10"}
    assert leaderboard([nan], "recall@10").standings == ()


def test_other_measures_are_kept_as_means(entrant):
    board = leaderboard([entrant("a", 150, speed=2.0)], "recall@10")

    assert board.values == {"a": {"ndcg@10": pytest.approx(0.375)}}
    assert board.standings[0].speed == 2.0


def assessed(one):
    return Assessment(one.result, {}, None, (), ())


def test_a_report_has_a_board_for_each_suite_with_two_models(entrant):
    """Rule: by the first measure; a suite of one model, or of one that is comparable, has none."""
    found = [
        entrant("a", 100), entrant("lonely", 100, suite="one"), entrant("b", 150),
        entrant("a", 100, suite="parted"), entrant("b", 100, suite="parted", corpus="z"),
    ]  # fmt: skip

    boards = leaderboards_of([assessed(one) for one in found])

    assert [(board.suite, board.measure) for board in boards] == [("faq", "recall@10")]
    assert [row.spec for row in boards[0].standings] == ["b", "a"]
    assert leaderboards_of([]) == ()


def test_the_order_of_the_models_changes_nothing(entrant):
    entrants = [entrant("a", 150), entrant("b", 143), entrant("c", 100)]

    assert leaderboard(entrants, "recall@10") == leaderboard(entrants[::-1], "recall@10")
