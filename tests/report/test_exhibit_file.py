"""exhibits.jsonl: written and read back, and refused where it is something else."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.judge.exhibit import Exhibit, ShownDocument, ShownQuery, SliceMean
from benchharness.report.exhibit_file import exhibit_lines, parse_exhibit_lines

QUERY = ShownQuery(
    "q\n1", "¿qué? \u2028 <b>", {"recall@10": 1 / 3, "x": 0.0},
    (ShownDocument("d1", 2, 1), ShownDocument("d2", 1, None)), 7, (ShownDocument("d9", 0, 1),),
)  # fmt: skip
EXHIBIT = Exhibit(
    (QUERY,),
    {"d1": "text\x85of\x1ed1", "d9": ""},
    {1: 0.1, 10: 1 / 3, 1000: 1.0},
    (SliceMean("lang", "de", 3, {"recall@10": 2 / 3}),),
)


def test_exhibits_read_back_as_they_were_written(assess):
    """Every field, every number bit for bit, characters that would end a line too."""
    given_ = [
        replace(assess("b"), exhibit=EXHIBIT),
        assess("a", "z"),
        replace(assess("a", "c"), exhibit=replace(EXHIBIT, queries=())),
    ]

    lines = list(exhibit_lines(given_))

    found = parse_exhibit_lines("".join(lines).splitlines())
    assert found == {(one.result.suite, one.result.model): one.exhibit for one in given_}
    assert list(found) == [("a", "c"), ("a", "z"), ("b", "minilm")]
    assert list(found["b", "minilm"].recall_at) == [1, 10, 1000]


def test_lines_are_ascii_one_an_exhibit(assess):
    """A text file of any locale; nothing in a text can begin a second line."""
    (line,) = exhibit_lines([replace(assess(), exhibit=EXHIBIT)])

    assert line.isascii()
    assert line.splitlines(keepends=True) == [line]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_survive(assess, value):
    """JSON has no word for them; every reader of JSON reads the file all the same."""
    query = replace(QUERY, values={"recall@10": value})
    sliced = SliceMean("lang", "de", 1, {"recall@10": value})
    exhibit = Exhibit((query,), {}, {10: value}, (sliced,))

    (line,) = exhibit_lines([replace(assess(), exhibit=exhibit)])

    json.loads(line, parse_constant=pytest.fail)
    (found,) = parse_exhibit_lines([line]).values()
    one, of_slice = found.queries[0].values, found.slices[0].means
    for number in (one["recall@10"], found.recall_at[10], of_slice["recall@10"]):
        assert repr(number) == repr(value)


@given(
    st.dictionaries(st.text(), st.text(), max_size=4),
    st.dictionaries(st.integers(1, 10**6), st.floats(0, 1), max_size=4),
)
def test_any_text_and_number_survive(documents, curve):
    """Rule: reading is the inverse of writing. Lone surrogates are no text of a corpus."""
    from types import SimpleNamespace

    exhibit = Exhibit(documents=documents, recall_at=curve)
    named = SimpleNamespace(suite="s", model="m")

    lines = list(exhibit_lines([SimpleNamespace(result=named, exhibit=exhibit)]))

    assert parse_exhibit_lines(lines) == {("s", "m"): exhibit}


@pytest.mark.parametrize(
    "line",
    [
        "", "[]", "1", '"text"', "null", "{}", '{"suite": "a"}',
        '{"suite": "a", "model": "b", "queries": [{"query_id": "q"}]}',
        '{"suite": "a", "model": "b", "recall_at": {"ten": 0.5}}',
        '{"suite": "a", "model": "b", "documents": {"d": 3}}',
    ],
)  # fmt: skip
def test_what_is_no_exhibit_is_refused(line):
    """With one of three kinds of error, which the reader of the folder turns into a message."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_exhibit_lines([line])
