"""What the values of a log may be."""

import math

import pyarrow as pa
import pytest

from benchharness.errors import DataError
from benchharness.pairs.clicks import fields


@pytest.mark.parametrize(("text", "rank"), [("1", 1), ("3.0", 3), (" 12 ", 12)])
def test_a_rank_is_a_whole_number_from_1(text, rank):
    assert fields.rank(text) == rank


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "first", "nan", "inf", "100001"])
def test_anything_else_is_no_rank(text):
    with pytest.raises(fields.Wrong, match="count from 1"):
        fields.rank(text)


@pytest.mark.parametrize(
    ("text", "clicked"),
    [("1", True), ("0", False), ("true", True), ("False", False), ("TRUE", True), ("0.0", False)],
)
def test_a_click_is_0_1_true_or_false(text, clicked):
    assert fields.clicked(text) is clicked


@pytest.mark.parametrize("text", ["", "2", "yes", "-1"])
def test_anything_else_is_no_click(text):
    with pytest.raises(fields.Wrong, match="0, 1, true or false"):
        fields.clicked(text)


def test_a_dwell_time_may_be_missing():
    """Rule: NaN stands for no value, so that a click of unknown length is no short one."""
    assert math.isnan(fields.dwell_s(""))
    assert math.isnan(fields.dwell_s("NaN"))
    assert fields.dwell_s("2.5") == 2.5


@pytest.mark.parametrize("text", ["-1", "inf", "long"])
def test_a_dwell_time_is_seconds(text):
    with pytest.raises(fields.Wrong, match="seconds"):
        fields.dwell_s(text)


@pytest.mark.parametrize(
    "text",
    [
        "1769860800", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2026-01-31 13:00:00+01:00",
        "1769860800.0",
    ],
)  # fmt: skip
def test_a_time_is_iso_8601_or_seconds(text):
    """All of these are noon of 31 January 2026 in UTC; without a zone, UTC is meant."""
    assert fields.timestamp(text) == 1769860800


@pytest.mark.parametrize(
    ("text", "says"),
    [("1769860800000", "not milliseconds"), ("yesterday", "ISO 8601"), ("inf", "not")],
)
def test_milliseconds_and_words_are_no_times(text, says):
    with pytest.raises(fields.Wrong, match=says):
        fields.timestamp(text)


def test_the_first_wrong_row_is_named_with_its_line():
    """Rule: line 13 holds the first text that is refused, though a later one is refused too."""
    column = pa.array(["1", "2", "zero", "0", "zero"])

    with pytest.raises(DataError) as refused:
        fields.numbers(column, fields.rank, "int32", "rank", "log.csv", [11, 12, 13, 14, 15])

    assert refused.value.where == "log.csv:13"
    assert refused.value.message == "rank is 'zero'"
