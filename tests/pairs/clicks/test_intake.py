"""Rows as numbers in temporary files."""

import numpy as np
import pytest

from benchharness.errors import DataError
from benchharness.pairs.clicks.intake import Intake, queries_of


def test_all_rows_come_back_and_those_of_an_impression_together(write_log, pages):
    rows = pages(*[(f"q{page % 7}", "abc", "b") for page in range(500)])

    with Intake() as intake:
        intake.read(write_log(rows))
        parts = [part for _, part in intake.parts()]

    assert sum(map(len, parts)) == intake.rows == 1500
    pages_of = [set(part["impression"].tolist()) for part in parts]
    assert sum(map(len, pages_of)) == len(set().union(*pages_of)) == 500
    assert sum(part["flags"].astype(int).sum() for part in parts) == 500 * 3


def test_rows_may_be_replaced(write_log, pages):
    with Intake() as intake:
        intake.read(write_log(pages(("q", "abc", "b"))))
        [(number, part)] = [(n, p) for n, p in intake.parts() if len(p)]
        intake.replace(number, part[:1])

        assert [len(p) for _, p in intake.parts() if len(p)] == [1]


def test_steps_tell_how_many_rows_were_read(write_log, pages):
    steps = []

    with Intake() as intake:
        intake.read(write_log(pages(("q", "abc", "b"))), listener=steps.append)

    assert [(step.done, step.unit) for step in steps] == [(3, "rows")]


def test_spellings_are_of_a_query():
    """Rule: both lists in order, whatever the order of the log."""
    names, queries, query_of = queries_of({"b x": 0, "A": 1, "a": 2, "B x": 3})

    assert (names, queries) == (["A", "B x", "a", "b x"], ["a", "b x"])
    assert query_of.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("rank", "0", "rank is '0'"),
        ("clicked", "2", "clicked is '2'"),
        ("doc_id", " ", "doc_id is empty"),
        ("impression_id", "", "impression_id is empty"),
        ("dwell_s", "-3", "dwell_s is '-3'"),
        ("ts", "soon", "ts is 'soon'"),
    ],
)
@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_a_wrong_value_is_named_with_its_line(write_log, pages, column, value, says, name):
    """Rule: the line of a text file, the row of a Parquet file."""
    rows = pages(("q", "abc", "b"), dwell_s="5", ts="7")
    rows = [{key: str(entry) for key, entry in row.items()} for row in rows]
    rows[1][column] = value
    path = write_log(rows, name)

    with Intake() as intake, pytest.raises(DataError, match=says) as refused:
        intake.read(path)

    assert refused.value.where == f"{path}:{3 if name == 'log.csv' else 2}"
    assert refused.value.remedy


def test_a_log_of_its_header_alone_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("query,doc_id,rank,clicked,impression_id\n")

    with Intake() as intake, pytest.raises(DataError, match="no row"):
        intake.read(tmp_path / "log.csv")


def test_more_rows_than_a_block_are_all_read(write_log, pages):
    """70,000 rows are two blocks."""
    rows = pages(*[("q", "abcdefg", "b")] * 10_000)

    with Intake() as intake:
        intake.read(write_log(rows, "log.tsv"))

        assert intake.rows == 70_000
        assert sum(len(np.unique(part["impression"])) for _, part in intake.parts()) == 10_000
