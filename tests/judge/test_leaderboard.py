"""What a row and a board say of themselves."""

from benchharness.judge.leaderboard import Leaderboard, Standing

ROW = Standing("a", 0.5, (0.4, 0.6), 0.0, None, None, is_best=True, is_tied=False)


def test_pairs_are_those_that_p_values_are_adjusted_over():
    boards = [Leaderboard("faq", "recall@10", 9, (ROW,) * rows) for rows in (1, 2, 22)]

    assert [board.pairs for board in boards] == [0, 1, 231]
