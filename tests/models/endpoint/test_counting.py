"""Token counts: exact with a tokenizer, estimates without one, and texts cut at a token."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.errors import ModelError, UsageError
from benchharness.models.endpoint.counting import Estimate, counting_of
from benchharness.models.registry import open_model

EXACT = counting_of("minilm")


def test_an_estimate_is_by_bytes_and_words():
    """Rule: one token for 3.25 bytes, one a word at least; by hand."""
    found = Estimate().counts(["", "a b c", "x" * 13, "é" * 13])

    assert found.tolist() == [0, 3, 4, 8]


def test_exact_counts_are_those_of_the_model():
    """Rule: special tokens included, as the model of that tokenizer counts."""
    texts = ["red apple", "", "unbelievably long words", "x" * 5000]

    assert EXACT.counts(texts).tolist() == open_model("minilm").token_counts(texts).tolist()
    assert EXACT.is_exact
    assert len(EXACT.digest) == 64


@settings(max_examples=60)
@given(st.text(max_size=80), st.integers(3, 20))
def test_a_cut_text_is_the_longest_start_that_fits(text, limit):
    """Property: a start of the text within the limit; whole where it fits anyhow."""
    found = EXACT.cut(text, limit)

    assert text.startswith(found)
    assert EXACT.counts([found])[0] <= limit
    if EXACT.counts([text])[0] <= limit:
        assert found == text
    else:
        assert EXACT.counts([found])[0] > 2


def test_a_limit_without_room_is_refused():
    """Rule: two special tokens of three leave one; of two none."""
    assert EXACT.cut("red apple pie", 3) == "red"
    with pytest.raises(UsageError, match="leaves no room beside 2 special tokens"):
        EXACT.cut("red apple pie", 2)


def test_a_tokenizer_is_a_directory_or_a_file(tmp_path):
    """Rule: both read the same; a directory without one is named."""
    folder = EXACT.file.parent

    found = counting_of(str(folder)), counting_of(str(folder / "tokenizer.json"))

    assert {one.digest for one in found} == {EXACT.digest}
    with pytest.raises(ModelError, match=r"no such tokenizer\.json"):
        counting_of(str(tmp_path))
