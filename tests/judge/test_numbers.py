"""Printed numbers: one table, and the rule that they never contradict a threshold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.judge import numbers

shares = st.floats(0, 1)
thresholds = st.integers(0, 10_000).map(lambda number: number / 10_000)


@pytest.mark.parametrize(
    ("value", "against", "expected"),
    [
        (0.66720001, (), "0.6672"),
        (0.54996, (0.55,), "0.54996"),
        (0.55004, (0.55,), "0.55004"),
        (0.5499999, (0.55,), "0.5499999"),
        (0.55, (0.55,), "0.5500"),
        (0.55 + 1e-13, (0.55,), "0.5500"),
        (0.12345, (0.12345,), "0.12345"),
        (0.64998, (0.65, 0.8), "0.64998"),
        (0.7, (0.65, 0.8), "0.7000"),
        (1.0, (), "1.0000"),
        (0.99996, (), "1.0000"),
        (0.99996, (1.0,), "0.99996"),
        (-0.00001, (), "0.0000"),
        (math.nan, (0.5,), "nan"),
        (math.inf, (), "inf"),
    ],
)
def test_values(value, against, expected):
    """Four decimals, and more until the value is on its side of each threshold."""
    assert numbers.format_value(value, against) == expected


@pytest.mark.parametrize(
    ("interval", "against", "expected"),
    [
        ((0.6374, 0.6957), (), "[0.637, 0.696]"),
        ((0.6371, 0.6951), (), "[0.637, 0.696]"),
        ((0.58, 0.6496), (0.65,), "[0.5800, 0.6496]"),
        ((0.6504, 0.7), (0.65,), "[0.6504, 0.7000]"),
        ((0.65, 0.65 + 2e-16), (0.65,), "[0.650, 0.650]"),
        ((0.0, 1.0), (0.65, 0.8), "[0.000, 1.000]"),
        ((math.nan, math.nan), (0.65,), "[nan, nan]"),
        ((0.5, math.inf), (), "[0.500, inf]"),
    ],
)
def test_intervals(interval, against, expected):
    """Three decimals, rounded outwards, and more where a threshold asks for it."""
    assert numbers.format_interval(interval, against) == expected


@pytest.mark.parametrize(
    ("format_", "number", "expected"),
    [
        (numbers.format_threshold, 0.8, "0.80"),
        (numbers.format_threshold, 0.65, "0.65"),
        (numbers.format_threshold, 0.123, "0.123"),
        (numbers.format_threshold, 1, "1.00"),
        (numbers.format_threshold, 0.0, "0.00"),
        (numbers.format_delta, 0.0213, "+0.0213"),
        (numbers.format_delta, -0.0040001, "-0.0040"),
        (numbers.format_delta, 0.0, "0.0000"),
        (numbers.format_delta, -1e-17, "0.0000"),
        (numbers.format_delta, 0.00001, "+0.00001"),
        (numbers.format_count, 5412, "5,412"),
        (numbers.format_count, 0, "0"),
        (numbers.format_duration, 0.4249, "0.42 s"),
        (numbers.format_duration, 9.996, "10.0 s"),
        (numbers.format_duration, 59.96, "1 min 00 s"),
        (numbers.format_duration, 125.2, "2 min 05 s"),
        (numbers.format_duration, 3599.7, "1 h 00 min"),
        (numbers.format_duration, 3725, "1 h 02 min"),
        (numbers.format_size, 1, "1 byte"),
        (numbers.format_size, 512, "512 bytes"),
        (numbers.format_size, 19_260_000, "19.3 MB"),
        (numbers.format_size, 999_999, "1.0 MB"),
        (numbers.format_size, 2_500_000_000_000, "2.5 TB"),
    ],
)
def test_other_numbers(format_, number, expected):
    """Thresholds, deltas, counts, durations and sizes."""
    assert format_(number) == expected


def test_counts_bring_their_noun():
    """One query, two queries."""
    assert numbers.format_count(1, "query", "queries") == "1 query"
    assert numbers.format_count(1234, "query", "queries") == "1,234 queries"
    assert numbers.format_count(2, "document") == "2 documents"


def test_rates_bring_their_unit():
    """Whole numbers from 10 on, two digits below."""
    assert numbers.format_rate(1310.6, "documents") == "1,311 documents/s"
    assert numbers.format_rate(0.456, "documents") == "0.46 documents/s"


def test_gap_is_exact_to_the_printed_digits():
    """The reader may subtract what is printed and gets what is printed."""
    assert numbers.format_gap("0.6287", "0.65") == "0.0213"
    assert numbers.format_gap("0.54996", "0.55") == "0.00004"


@given(shares, thresholds)
def test_printed_value_is_on_its_side_of_the_threshold(value, threshold):
    """Comparing the printed numbers gives what comparing the true ones gives."""
    printed = float(numbers.format_value(value, (threshold,)))
    shown = float(numbers.format_threshold(threshold))

    assert numbers.order(printed, shown) == numbers.order(value, threshold)


@given(shares, shares, shares, thresholds)
def test_printed_interval_holds_the_printed_value(one, two, three, threshold):
    """low <= value <= high in print too, with and without a threshold."""
    low, value, high = sorted((one, two, three))

    for against in ((), (threshold,)):
        ends = numbers.format_interval((low, high), against).strip("[]").split(", ")
        printed = float(numbers.format_value(value, against))

        assert float(ends[0]) <= printed + 1e-12
        assert printed <= float(ends[1]) + 1e-12


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (0.836, 0.5117, "0.8360 → 0.5117"),
        (2 / 3, 2 / 3, "0.6667 → 0.6667"),  # equal numbers need no digits to tell them apart
        (0.50001, 0.50002, "0.50001 → 0.50002"),
        (0.1, 0.1 + 1e-14, "0.1000 → 0.1000"),
    ],
)
def test_moves_print_unequal_numbers_unequal(before, after, text):
    """A change that is there is seen, and none is made up."""
    assert numbers.format_move(before, after) == text
