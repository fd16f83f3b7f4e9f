"""Curves that users give."""

import pytest

from benchharness.errors import DataError
from benchharness.pairs.clicks.curve_file import read_curve


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", '{"2": 0.5, "1": 1}'),
        ("c.csv", "rank,examination\n2,0.5\n1,1\n"),
        ("c.json", '{"curve": {"ranks": [{"rank": 1, "examination": 1, "cells": 3},'
                   ' {"rank": 2, "examination": 0.5}]}}'),
    ],
)  # fmt: skip
def test_a_curve_is_json_csv_or_an_earlier_report(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    assert read_curve(tmp_path / name) == {1: 1.0, 2: 0.5}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("c.json", "{", "not valid JSON"),
        ("c.json", "[1, 2]", "no object"),
        ("c.json", "7", "no object"),
        ("c.json", '{"1": 0}', "examination of rank 1 is 0"),
        ("c.json", '{"1": true}', "examination of rank 1 is True"),
        ("c.json", '{"first": 1}', "rank is 'first'"),
        ("c.json", '{"2": 1}', "no rank 1"),
        ("c.json", '{"1": 1, "1.0": 1}', "given twice"),
        ("c.csv", "1,1\n", "first line"),
        ("c.csv", "rank,examination\n1,1,1\n", "3 fields"),
        ("c.csv", "rank,examination\n1,inf\n", "examination of rank 1"),
    ],
)
def test_what_is_no_curve_is_refused(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)

    with pytest.raises(DataError, match=says) as refused:
        read_curve(tmp_path / name)

    assert str(tmp_path / name) in refused.value.where
    assert refused.value.remedy
