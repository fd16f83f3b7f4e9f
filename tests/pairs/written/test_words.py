"""The words of a text, in any script."""

from __future__ import annotations

from benchharness.pairs.written.words import words_of


def test_words_are_told_apart_by_blanks_and_punctuation() -> None:
    assert words_of("Don't re-open C:\\x, ever!") == [
        "don", "t", "re", "open", "c", "x", "ever",
    ]  # fmt: skip


def test_scripts_without_blanks_have_a_word_a_character() -> None:
    """Rule: a Chinese passage of a hundred characters isn't one word, and not too short."""
    assert words_of("重置密码 PIN") == ["重", "置", "密", "码", "pin"]


def test_words_with_marks_of_other_alphabets_stay_whole() -> None:
    assert words_of("Ärger über Straße") == ["ärger", "über", "strasse"]
