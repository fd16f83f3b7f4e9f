"""Texts without keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness import Suite, beir
from benchharness.errors import BenchError
from benchharness.models.spec import parse_spec
from benchharness.redaction import holds_secret, redacted

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
        "hf_abcDEF is no token",
        "provided: sk-proj-abc***xyz.",
    ],
)
def test_what_looks_like_a_key_goes_even_where_it_is_unknown(text):
    shown = redacted(text, [])

    assert "[key]" in shown
    for piece in ("abc_DEF", "abcdefghijkl", "YWxhZGRpbjpvcGVu", "proj", "DEF", "xyz"):
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


@pytest.mark.parametrize(
    "spec",
    [
        "openai:m@https://user:hidden@h/v1",
        "tei:http://hidden@h",
        "openai:m@https://h/v1?api_key=hidden",
        "tei:http://h@token=hidden",
        "hybrid(bm25,tei:http://u:hidden@h)",
    ],
)
def test_a_spec_with_a_secret_is_refused_before_it_reaches_a_report(spec):
    """Rule: neither the message nor the remedy repeats it."""
    assert holds_secret(spec)
    for make in (
        lambda: parse_spec(spec),
        lambda: Suite(name="faq", dataset=beir("data"), models=[spec]),
    ):
        with pytest.raises(BenchError, match="password or a key") as caught:
            make()
        assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "spec",
    [
        "openai:m@https://h/v1@key_env=MY_KEY,dim=8",
        "minilm@query_prompt=key: ",
        "models/token=1",
        "tei:http://h:8080@tokenizer=minilm",
    ],
)
def test_other_specs_hold_no_secret(spec):
    assert not holds_secret(spec)
