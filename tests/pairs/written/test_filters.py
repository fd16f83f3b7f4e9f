"""What is wrong with a single query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.pairs.written.filters import (
    Wording,
    flaw_of,
    is_copied,
    speaks_of_text,
    tidy,
)
from benchharness.pairs.written.words import words_of

PASSAGE = Wording(
    "The battery loses ten percent of its charge each month when it is stored in a hot warehouse."
)


@pytest.mark.parametrize(
    "query",
    [
        "What does this passage say about batteries?",
        "what is THE TEXT about",
        "According to the document, how long does it last?",
        "based on the article why do cells fail",
        "the above paragraph summary",
        "which limits are listed above",
        "what the document says about storage",
        "what is the section about",
        "How does the author explain discharge? did the author claim it",
        "what does this function return",
        "in the context, who pays",
        "summary of the following excerpts",
    ],
)
def test_queries_that_speak_of_the_text_are_known(query: str) -> None:
    assert speaks_of_text(query)


@pytest.mark.parametrize(
    "query",
    [
        "how to sign a PDF document",
        "convert the documentation to html",
        "context manager in python",
        "passage to india author",
        "text wrap in css",
        "who is the author of Emma",
        "textual entailment data",
        "how do I align the textbox",
        "delete section breaks in word",
        "this method of payment fails".replace("this method", "my method"),
    ],
)
def test_queries_about_texts_as_such_stay(query: str) -> None:
    """Rule: words count, not letters; documents and texts are things that people search for."""
    assert not speaks_of_text(query)


@pytest.mark.parametrize(
    ("query", "flaw"),
    [
        ("", "empty"),
        ("?!", "empty"),
        ("api", "short"),
        ("sqlite", ""),
        ("密码", ""),
        ("码", "short"),
        (" ".join(["word"] * 64), ""),
        (" ".join(["word"] * 65), "long"),
        ("x" * 601, "long"),
        ("what does this passage say", "phrase"),
        ("loses ten percent of its charge each month", "copied"),
        ("why do spare cells run down in summer", ""),
    ],
)
def test_the_first_flaw_is_named(query: str, flaw: str) -> None:
    assert flaw_of(query, "question", PASSAGE) == flaw


def test_copied_is_above_four_fifths_of_the_triples() -> None:
    """Rule: 8 words have 6 triples: 5 in the passage are above 80 %, 4 are not; by hand."""
    five = words_of("loses ten percent of its charge each week")
    four = words_of("loses ten percent of its charge a week")

    assert is_copied(five, "question", PASSAGE)
    assert not is_copied(four, "question", PASSAGE)


def test_exactly_four_fifths_is_not_copied() -> None:
    """Rule: 7 words have 5 triples, 4 of them in the passage: 80 %, and not more."""
    assert not is_copied(words_of("ten percent of its charge each week"), "question", PASSAGE)


def test_a_name_of_three_words_may_stand_in_the_passage() -> None:
    assert not is_copied(words_of("a hot warehouse"), "question", PASSAGE)
    assert is_copied(words_of("in a hot warehouse"), "question", PASSAGE)


def test_keywords_may_stand_in_the_passage_up_to_eight_in_a_row() -> None:
    eight = words_of("loses ten percent of its charge each month")
    nine = words_of("battery loses ten percent of its charge each month")

    assert (len(eight), len(nine)) == (8, 9)
    assert not is_copied(eight, "keywords", PASSAGE)
    assert is_copied(nine, "keywords", PASSAGE)
    assert is_copied(["storage", *nine, "loss"], "keywords", PASSAGE)


def test_case_and_punctuation_hide_no_copy() -> None:
    assert flaw_of("LOSES, ten percent; of its CHARGE each month?", "how-to", PASSAGE) == "copied"


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=12), st.text("abcdefg ", max_size=40)
)
def test_copied_agrees_with_a_count_by_hand(words: list[str], text: str) -> None:
    passage = text.split()
    inside = total = 0
    for at in range(len(words) - 2):
        total += 1
        triple = words[at : at + 3]
        inside += any(passage[n : n + 3] == triple for n in range(len(passage) - 2))

    expected = len(words) >= 4 and inside / max(1, total) > 0.8

    assert is_copied(words, "question", Wording(text)) == expected


def test_a_query_is_kept_on_one_line_without_half_characters() -> None:
    assert tidy("  two\n lines\t\ud800 here ") == "two lines here"
    assert tidy("\x1b[31mred\x07 \x00 fox") == "[31mred fox"
