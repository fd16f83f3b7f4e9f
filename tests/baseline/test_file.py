"""A baseline as text: what stands in it, that it comes back as it was, and damage."""

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchharness.baseline.file import lines_of, parse, size_of
from benchharness.baseline.record import Acceptance, Baseline, KeptQuery
from benchharness.errors import DataError

TEXT = """{
 "schema": 1,
 "suite": "faq",
 "model": "minilm@dim=64",
 "fingerprints": {
  "corpus": "c0",
  "model": "m0",
  "template": "t0"
 },
 "protocol": {
  "depth": 100,
  "drop_same_id": false
 },
 "environment": {
  "python": "3.12",
  "torch": "2.13.0"
 },
 "accepted": [
  {
   "date": "2026-11-23",
   "measure": "recall@10",
   "before": 0.8,
   "after": 0.75,
   "reason": "größerer Korpus"
  }
 ],
 "noise": {
  "recall@10": 0.001
 },
 "n": 2,
 "means": {
  "mrr@10": 0.16666666666666666,
  "recall@10": 0.75
 },
 "measures": [
  "mrr@10",
  "recall@10"
 ],
 "queries": {
  "q1": {"judged": "ab", "values": [0.3333333333333333, 0.5], "relevant": {"d9": 3, "d1": 12}, "top": "AAAABBBB", "groups": {"lang": "de", "year": "2026"}},
  "q2": {"judged": "cd", "values": [0, 1], "relevant": {}, "top": ""}
 }
}
"""  # noqa: E501 -- one query a line, as in the file


def baseline(**fields):
    """The baseline of that text, its parts in another order."""
    given = {
        "suite": "faq",
        "model_spec": "minilm@dim=64",
        "place": "b.json",
        "corpus": "c0",
        "template": "t0",
        "model": "m0",
        "depth": 100,
        "drop_same_id": False,
        "environment": {"torch": "2.13.0", "python": "3.12"},
        "values": {"recall@10": np.array([1.0, 0.5]), "mrr@10": np.array([0.0, 1 / 3])},
        "queries": {
            "q2": KeptQuery("cd", {}, ()),
            "q1": KeptQuery(
                "ab", {"d1": 12, "d9": 3}, ("AAAA", "BBBB"), {"year": "2026", "lang": "de"}
            ),
        },
        "noise": {"recall@10": 0.001},
        "accepted": (Acceptance("2026-11-23", "recall@10", 0.8, 0.75, "größerer Korpus"),),
    }
    return Baseline(**(given | fields))


def text_of(kept):
    return "".join(lines_of(kept))


def same(one, other):
    """Every field, and every bit of every value."""
    plain = [
        {name: value for name, value in vars(kept).items() if name != "values"}
        for kept in (one, other)
    ]
    bits = [
        {name: column.tobytes() for name, column in kept.values.items()} for kept in (one, other)
    ]
    return plain[0] == plain[1] and bits[0] == bits[1]


# The text.


def test_the_file_is_sorted_with_one_query_a_line():
    """Names, measures, queries and ranks are in order, whatever their order in the baseline."""
    assert text_of(baseline()) == TEXT


def test_the_same_baseline_is_the_same_bytes():
    """Also after reading it back."""
    assert text_of(parse(TEXT, "b.json")) == TEXT


def test_a_file_comes_back_as_it_was():
    read = parse(TEXT, "b.json")

    assert list(read.queries) == ["q1", "q2"]
    assert read.values["recall@10"].tolist() == [0.5, 1.0]
    assert read.queries == baseline().queries
    assert read.accepted == baseline().accepted
    assert same(parse(text_of(read), "b.json"), read)
    assert size_of(TEXT, "b.json") == len(read) == 2


ROWS = st.lists(
    st.tuples(st.text(), st.floats(0, 1) | st.floats(0, 1e9)),
    min_size=1,
    unique_by=lambda row: row[0],
)


@given(ROWS)
@example([("lone \udc80 surrogate", 5e-324), ('"quotes" \n \x00', 0.1 + 0.2)])
def test_every_float_and_every_id_survives(rows):
    """Bit for bit, through the bytes of a file; each query on a line of its own."""
    ids, values = zip(*sorted(rows), strict=True)
    kept = baseline(
        values={"recall@10": np.array(values)},
        queries={query_id: KeptQuery("ab", {query_id: 1}, ("AAAA",)) for query_id in ids},
    )

    text = text_of(kept)
    read = parse(text.encode("utf-8", "backslashreplace").decode("utf-8"), "b.json")

    assert same(read, kept)
    assert len(text.partition('"queries": {\n')[2].split("\n")) == len(rows) + 3


def test_whole_values_have_no_point_and_others_the_fewest_digits():
    values = {"recall@10": np.array([1.0, 0.1 + 0.2])}

    text = text_of(baseline(values=values))

    assert '"values": [1]' in text
    assert '"values": [0.30000000000000004]' in text


def test_a_value_that_is_no_number_is_never_written():
    with pytest.raises((ValueError, OverflowError)):
        text_of(baseline(values={"recall@10": np.array([math.nan, 1.0])}))


# Damage.


def changed(**fields):
    """The text with other fields at its top level; None takes one away."""
    content = json.loads(TEXT) | fields
    return json.dumps({name: value for name, value in content.items() if value is not None})


def with_query(**fields):
    content = json.loads(TEXT)
    content["queries"]["q1"] |= fields
    return json.dumps(content)


TWICE = ',\n  "q2": {"judged": "cd", "values": [0, 1], "relevant": {}, "top": ""}\n }\n}'
DAMAGED = {
    "empty": "",
    "cut off": TEXT[:-40],
    "another format": "<html></html>",
    "no table": "[1, 2]",
    "only a number": "1",
    "nothing in it": "{}",
    "merge conflict": TEXT.replace(' "n": 2', '<<<<<<< HEAD\n "n": 2'),
    "byte order mark": "\ufeff" + TEXT,
    "too deep": "[" * 100_000,
    "bytes that were no text": TEXT.replace("q1", "q\\xff"),
    "another schema": changed(schema=2),
    "schema as text": changed(schema="1"),
    "no fingerprints": changed(fingerprints=None),
    "no queries": changed(queries={}, n=0),
    "queries as list": changed(queries=[]),
    "fewer queries than it says": changed(n=3),
    "another query in place of one": TEXT.replace('"q2"', '"q1"'),
    "a query twice": TEXT.replace("\n }\n}", TWICE),
    "other means": changed(means={"mrr@10": 1 / 6, "recall@10": 0.76}),
    "no means": changed(means={}),
    "a value too many": with_query(values=[0.5, 0.5, 0.5]),
    "a value that is a word": with_query(values=["much", 0.5]),
    "no value": with_query(values=[None, 0.5]),
    "not a number": TEXT.replace("[0, 1]", "[0, NaN]"),
    "infinite": TEXT.replace("[0, 1]", "[0, 1e999]"),
    "infinite depth": TEXT.replace('"depth": 100', '"depth": 1e999'),
    "infinite noise": TEXT.replace("0.001", "1e999"),
    "rank as word": with_query(relevant={"d1": "first"}),
    "ranks as list": with_query(relevant=["d1"]),
    "half a hash": with_query(top="AAAAB"),
    "no digest": TEXT.replace('"judged": "cd", ', ""),
    "a drop without a date": changed(accepted=[{"measure": "recall@10"}]),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_anything_but_a_whole_baseline_is_refused_with_its_place_and_a_remedy(text):
    """No traceback, and no half a comparison."""
    with pytest.raises(DataError, match="the baseline cannot be used") as caught:
        parse(text, "baselines/faq/minilm.json")

    assert caught.value.where == "baselines/faq/minilm.json"
    assert "restore the file from git, or write it again with --bench-update=all" in (
        caught.value.remedy
    )


def test_another_schema_is_named():
    with pytest.raises(DataError, match="its schema is 2, this version reads 1"):
        parse(changed(schema=2), "b.json")


def test_values_merged_from_two_versions_do_not_have_the_mean_of_either():
    with pytest.raises(DataError, match=r"the mean of recall@10 is not 0\.75"):
        parse(with_query(values=[1 / 3, 1.0]), "b.json")


@pytest.mark.parametrize("name", ["empty", "no table", "another schema", "cut off"])
def test_the_size_of_something_else_is_refused_too(name):
    with pytest.raises(DataError, match="the baseline cannot be used"):
        size_of(DAMAGED[name], "b.json")


@pytest.mark.parametrize("n", [None, "many", [], 1e999])
def test_a_size_that_is_no_number_is_refused(n):
    with pytest.raises(DataError, match="does not say how many queries"):
        size_of(changed(n=n), "b.json")


@given(st.integers(0, len(TEXT) - 1), st.characters())
def test_no_changed_letter_is_a_traceback(place, letter):
    """Either the file is refused, or it is a whole baseline all the same."""
    text = TEXT[:place] + letter + TEXT[place + 1 :]
    try:
        read = parse(text, "b.json")
    except DataError:
        return
    assert same(parse(text_of(read), "b.json"), read)
