"""A printed number never contradicts the mark beside it, and every mark is explained."""

from dataclasses import replace

import pytest

from benchharness.judge.leaderboard import Leaderboard, Loss, Standing
from benchharness.report.leaderboard_text import (
    DISPENSABLE,
    costs_of,
    facts_of,
    loss_fact,
    losses_of,
    narrowed,
    summary_of,
    table_of,
    title_of,
    worth_of,
)


def standing(spec, value, *, best=0.9, tied=False, p=0.001, **fields):
    is_best = value == best and not tied
    chance = None if is_best else p
    return Standing(
        spec, value, (value - 0.05, value + 0.05), value - best, chance, chance,
        is_best=is_best, is_tied=tied, **fields,
    )  # fmt: skip


def board(*rows, suite="faq", **fields):
    return Leaderboard(suite, "recall@10", 500, rows, **fields)


BOARD = board(
    standing("minilm", 0.9, dimension=384, bytes_per_vector=1536.0, size_bytes=90_900_000,
             speed=1.0, latency_ms=5.244, latency_p95_ms=31.66, latency_ratio=1.0,
             is_on_front=True),
    standing("bm25", 0.88, tied=True, p=0.2, latency_ms=0.4123, latency_p95_ms=0.9996,
             latency_ratio=0.0786),
    standing("minilm, int8", 0.8, dimension=384, bytes_per_vector=384.0, size_bytes=90_900_000,
             speed=1.0, is_on_front=True,
             loss=Loss("minilm", -0.1, (-0.12, -0.08), "regressed")),
    standing("wordllama", 0.7, p=0.00001, dimension=64, bytes_per_vector=256.0,
             size_bytes=16_400_000, speed=27.4, latency_ms=1203.6, latency_p95_ms=1999.5,
             latency_ratio=229.5),
)  # fmt: skip


def test_the_table_tells_worth_and_costs_of_every_row():
    head, rows = table_of(BOARD)

    assert head == ("model", "recall@10", "to the best", "p (Holm)", "dim", "bytes/doc",
                    "weights", "speed", "ms (p95)", "latency", "front")  # fmt: skip
    assert rows == [
        ("minilm", "0.9000 [0.850, 0.950]", "best", "", "384", "1,536", "90.9 MB", " 1.00",
         "  5.24 (31.7)", "  1.00", "front"),
        ("bm25", "0.8800 [0.830, 0.930]", "-0.0200 tied", "0.2000", "   ", "     ", "       ",
         "     ", " 0.412 (1.00)", " 0.079", ""),
        ("minilm, int8", "0.8000 [0.750, 0.850]", "-0.1000", "0.0010", "384", "  384",
         "90.9 MB", " 1.00", "             ", "      ", "front"),
        ("wordllama", "0.7000 [0.650, 0.750]", "-0.2000", "<0.0001", " 64", "  256", "16.4 MB",
         "27.40", "1,204 (2,000)", "229.50", ""),
    ]  # fmt: skip
    assert len(worth_of(BOARD)[0]) + len(costs_of(BOARD)[0]) - 1 == len(head)


def test_columns_that_say_nothing_are_left_out():
    """Rule: lexical systems alone have no vectors, and a single row nothing to be compared with."""
    head, rows = table_of(board(standing("bm25", 0.9)))

    assert head == ("model", "recall@10", "to the best")
    assert rows == [("bm25", "0.9000 [0.850, 0.950]", "best")]
    assert list(facts_of(board(standing("bm25", 0.9)))) == []


def test_unequal_values_are_printed_unequal_with_equally_many_digits():
    """Rule: 0.9 and 0.89999 both read 0.9000 at four digits, and only one is the best."""
    rows = worth_of(board(standing("a", 0.9), standing("b", 0.89999), standing("c", 0.5)))[1]

    assert [row[1].split()[0] for row in rows] == ["0.90000", "0.89999", "0.50000"]
    assert rows[1][2] == "-0.00001"


def test_equal_values_are_printed_equal():
    rows = worth_of(board(standing("a", 0.9), standing("b", 0.9, tied=True, p=1.0)))[1]

    assert [row[1].split()[0] for row in rows] == ["0.9000", "0.9000"]
    assert rows[1][2] == " 0.0000 tied"


@pytest.mark.parametrize(
    ("p", "tied", "shown"),
    [(0.04999, False, "0.04999"), (0.05, True, "0.0500"), (1.0, True, "1.0000")],
)
def test_a_p_value_stands_on_the_side_of_the_level_that_the_mark_says(p, tied, shown):
    """Rule: 0.04999 at four digits reads 0.0500, which would be tied."""
    row = worth_of(board(standing("a", 0.9), standing("b", 0.8, tied=tied, p=p)))[1][1]

    assert row[3] == shown
    assert row[2].endswith("tied") == tied


def test_a_loss_is_printed_on_its_side_of_the_margin():
    """Rule: the interval of a loss that passes never reads as if it reached the margin."""
    row = standing("a, int8", 0.9, tied=True, loss=Loss("a", -0.01, (-0.01999, 0.001), "pass"))
    head, rows = losses_of(board(standing("a", 0.9), row))

    assert head == ("variant", "to its full vectors", "outcome")
    assert rows == [("a, int8", "-0.0100 [-0.01999, 0.00100]", "pass")]
    assert "less than 0.02 is lost" in loss_fact(board(row))
    assert loss_fact(board(standing("a", 0.9))) == ""


def test_every_mark_is_explained():
    facts = list(facts_of(replace(BOARD, left_out={"odd": "it was measured on other queries"})))

    assert facts == [
        "tied: not distinguishable from the best at 0.05 on 500 queries (paired sign flips, "
        "two-sided, Holm over 4 pairs, of variants those with the best)",
        "front: of rows that say their bytes/doc, none is as good and smaller",
        "bytes/doc: of the index, all stages of a pipeline together, without its links",
        "speed: documents a second relative to minilm, encoded in turns in this run",
        "ms (p95): milliseconds of one query at a time, encoded and searched exactly in this "
        "process, in turns: median and 95th percentile of up to 50 queries",
        "latency: that median relative to minilm",
        "odd has no row: it was measured on other queries",
    ]


def test_a_variant_at_the_speed_of_its_model_is_not_what_speeds_are_relative_to():
    loss = Loss("a", 0.01, (-0.01, 0.02), "pass")
    rows = standing("a, int8", 0.9, speed=1.0, loss=loss), standing("a", 0.8, speed=1.0)

    assert "relative to a," in "; ".join(facts_of(board(*rows)))


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0.0004, "0.000"), (0.9994, "0.999"), (0.9996, "1.00"), (9.994, "9.99"), (9.996, "10.0"),
     (99.94, "99.9"), (99.96, "100"), (1999.5, "2,000")],
)  # fmt: skip
def test_milliseconds_have_three_digits(ms, shown):
    """Rule: of numbers from 0.1 to 1,000; by hand."""
    rows = costs_of(board(standing("a", 0.9, latency_ms=ms, latency_p95_ms=ms)))[1]

    assert rows[0][1] == f"{shown} ({shown})"


def test_one_system_alone_has_milliseconds_and_nothing_relative():
    alone = board(standing("a", 0.9, latency_ms=1.0, latency_p95_ms=2.0))

    assert costs_of(alone)[0] == ("model", "ms (p95)")
    assert [fact.partition(":")[0] for fact in facts_of(alone)] == ["ms (p95)"]


def test_a_narrow_table_does_without_what_matters_least():
    """Rule: dimension, relative latency, weights, speed, in this order; never bytes and ms."""
    table = costs_of(BOARD)
    fits = [lambda found, most=most: len(found[0]) <= most for most in (8, 6, 0)]

    whole, some, least = (narrowed(table, one) for one in fits)

    assert whole == (table, ())
    assert some[0][0] == ("model", "bytes/doc", "weights", "speed", "ms (p95)", "front")
    assert some[0][1][0] == ("minilm", "1,536", "90.9 MB", " 1.00", "  5.24 (31.7)", "front")
    assert some[1] == ("dim", "latency")
    assert least[0][0] == ("model", "bytes/doc", "ms (p95)", "front")
    assert least[1] == DISPENSABLE


def test_speeds_far_below_1_keep_two_digits():
    rows = costs_of(board(standing("a", 0.9, speed=1.0), standing("b", 0.8, speed=0.0123)))[1]

    assert [row[1] for row in rows] == [" 1.00", "0.012"]


def test_the_title_names_suite_rows_and_measure():
    assert title_of(BOARD) == "faq: 4 rows by recall@10"


def test_several_boards_are_summed_up_by_name():
    """Rule: equal values share their ranks, and the best place; by hand."""
    first = board(standing("a", 0.9), standing("b", 0.8), standing("c", 0.7))
    second = board(standing("b", 0.9), standing("a", 0.9, tied=True), standing("c", 0.1), suite="b")

    assert summary_of([first, second]) == (
        "mean rank over 2 suites (times best): a 1.25 (2), b 1.75 (1), c 3.00 (0)"
    )


def test_one_board_or_boards_of_other_rows_are_not_summed_up():
    """Rule: a mean over common rows alone would leave out the row that won."""
    other = board(*BOARD.standings, standing("z", 0.95))

    assert summary_of([BOARD]) == ""
    assert summary_of([BOARD, other]) == ""
    assert summary_of([]) == ""
