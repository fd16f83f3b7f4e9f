"""What is wrong with a single query, looked at beside its passage. English where it is language.

A query that speaks of "this passage" was written by somebody who sees it; a searcher does not.
A query that copies its passage teaches a model to match words, which it can do already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from benchharness.pairs.written.words import words_of

MOST_WORDS, MOST_LETTERS = 64, 600
COPIED_SHARE = 0.8  # of a query's word triples that stand in the passage: above, it is copied
COPIED_LEAST = 4  # words: a shorter query may well be a name that the passage has
VERBATIM_WORDS = 8  # of keywords in a row that stand in the passage: above, they are a quotation
_SHORTEST = 6  # characters of a query that is a single word, such as "sqlite"
_SHORTEST_OTHER = 2  # of one in other letters than ASCII's

_KINDS = r"(?:passage|text|document|article|excerpt|paragraph|section|snippet|context)s?"
# Between word boundaries, in any case. "The document" alone is a thing that people search for.
PHRASES = (
    rf"(?:this|these|the above|the following|the given|the provided|the quoted) {_KINDS}",
    r"the (?:passage|text|excerpt|snippet)s?",
    rf"(?:according to|based on|in|from|by|per) the {_KINDS}",
    rf"the {_KINDS} (?:above|below|says?|states?|mentions?|describes?|explains?|discusses)",
    rf"(?:does|do|did|is|are) the {_KINDS} (?:say|state|mention|describe|explain|discuss|about)",
    r"(?:mentioned|described|discussed|stated|listed|shown|quoted) (?:above|below|here)",
    r"(?:does|do|did) the authors? (?:say|state|mention|describe|explain|discuss|claim|argue)",
    r"(?:this|the given|the provided) (?:function|method|class|code|page|sentence)",
)
_PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Wording:
    """A passage's words, counted up once for all of its queries."""

    text: str

    @cached_property
    def words(self) -> list[str]:
        return words_of(self.text)

    @cached_property
    def triples(self) -> frozenset[tuple[str, ...]]:
        return frozenset(zip(self.words, self.words[1:], self.words[2:], strict=False))

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """All runs of words that are too long to be typed by chance."""
        return frozenset(_runs(self.words, VERBATIM_WORDS + 1))


def tidy(text: str) -> str:
    """The query as it is kept: on one line, without halves of surrogate pairs and control signs."""
    plain = " ".join(text.encode("utf-8", "ignore").decode().split())
    return " ".join("".join(letter for letter in plain if letter.isprintable()).split())


def flaw_of(query: str, kind: str, passage: Wording) -> str:
    """Why the query is dropped: "empty", "short", "long", "phrase" or "copied"; "" where it stays.

    In this order; `kind` is its type.
    """
    words = words_of(query)
    if not words:
        return "empty"
    if len(words) == 1 and len(query) < (_SHORTEST if query.isascii() else _SHORTEST_OTHER):
        return "short"
    if len(words) > MOST_WORDS or len(query) > MOST_LETTERS:
        return "long"
    if speaks_of_text(query):
        return "phrase"
    return "copied" if is_copied(words, kind, passage) else ""


def speaks_of_text(query: str) -> bool:
    """Whether the query speaks of the passage, by one of PHRASES between word boundaries."""
    return _PHRASE.search(query) is not None


def is_copied(words: Sequence[str], kind: str, passage: Wording) -> bool:
    """Whether more than 80 % of the word triples of 4 words or more stand in the passage.

    Keywords are names of things, and may stand in the passage; more than 8 in a row are copied.
    """
    if kind == "keywords":
        return any(run in passage.runs for run in _runs(words, VERBATIM_WORDS + 1))
    if len(words) < COPIED_LEAST:
        return False
    triples = _runs(words, 3)
    return sum(triple in passage.triples for triple in triples) > COPIED_SHARE * len(triples)


def _runs(words: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + length]) for at in range(len(words) - length + 1)]
