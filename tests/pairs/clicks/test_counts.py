"""Counts of (query, document, rank): sums in one order, whatever the order of the rows."""

import numpy as np

from benchharness.pairs.clicks.counts import Counts


def ints(*values):
    return np.array(values, dtype=np.int64)


def test_rows_are_summed_by_query_document_and_rank():
    """Checked by hand: (0, 7, 1) was shown twice and clicked once."""
    counts = Counts.of(ints(1, 0, 0, 0), ints(5, 7, 7, 7), ints(1, 2, 1, 1), ints(1, 0, 0, 1))

    assert counts.query.tolist() == [0, 0, 1]
    assert counts.doc.tolist() == [7, 7, 5]
    assert counts.rank.tolist() == [1, 2, 1]
    assert counts.shown.tolist() == [2, 1, 1]
    assert counts.clicked.tolist() == [1, 0, 1]
    assert counts.cell.tolist() == [0, 0, 1]
    assert counts.cell_rows.tolist() == [0, 2]


def test_the_sum_of_parts_is_the_count_of_the_whole():
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 4, 200) for _ in range(3)] + [rng.integers(0, 2, 200)]

    whole = Counts.of(*columns)
    parts = Counts.sum(
        [Counts.of(*(column[at : at + 50] for column in columns)) for at in (0, 50, 100, 150)]
    )

    for name in ("query", "doc", "rank", "shown", "clicked"):
        assert getattr(parts, name).tolist() == getattr(whole, name).tolist()


def test_no_rows_are_no_cells():
    """Rule: an empty window is a window."""
    counts = Counts.of(*[ints()] * 4)

    assert (len(counts), len(counts.cell_rows), len(Counts.sum([counts, counts]))) == (0, 0, 0)
