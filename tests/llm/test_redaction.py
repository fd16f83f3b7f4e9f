"""Texts without keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.llm.redaction import redacted

SECRET = "very-secret-value"


@given(st.text(), st.text())
def test_no_text_keeps_the_secret(before, after):
    assert SECRET not in redacted(before + SECRET + after, [SECRET])


@pytest.mark.parametrize(
    "text",
    [
        "key sk-ant-api03-abc_DEF-123 is wrong",
        "Authorization: Bearer abcdefghijkl",
        "authorization: basic YWxhZGRpbjpvcGVu",
        "sk-proj-abcdef",
    ],
)
def test_what_looks_like_a_key_goes_even_where_it_is_unknown(text):
    shown = redacted(text, [])

    assert "[key]" in shown
    for piece in ("abc_DEF", "abcdefghijkl", "YWxhZGRpbjpvcGVu", "proj"):
        assert piece not in shown


def test_a_secret_that_begins_like_another_leaves_no_rest():
    assert redacted("abcd-efgh", ["abcd", "abcd-efgh"]) == "[key]"


def test_a_secret_is_not_cut_in_half_by_the_end_of_the_text():
    """Rule: the text is redacted before it is shortened."""
    text = "x" * 495 + " " + SECRET

    shown = redacted(text, [SECRET])

    assert "very" not in shown
    assert len(shown) <= 500


def test_plain_words_stay_as_they_are():
    text = "task-force of the risk-taking bearer of bad news"

    assert redacted(text, ["", "a"]).startswith("task-force of the risk-taking bearer of")


def test_lines_become_one():
    assert redacted("a\n b\tc", []) == "a b c"
