"""Documents cut into passages at their own seams, counted in tokens of the model.

The library `semantic_text_splitter` cuts at headings, paragraphs and sentences, in this order. It
leaves a heading alone where what it heads is longer than a passage; here the heading goes on to
the passage that begins below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from benchharness.models.encoder import Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Piece = tuple[int, str]  # where it begins in its document, in characters, and its text

_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t][^\n]*)?$")
# A heading after a blank line or at the start; `# comment` in code rarely stands like that.
_LOOKS_LIKE_MARKDOWN = re.compile(r"(?:\A|\n[ \t]*\n) {0,3}#{1,6} +\S")
_MARKDOWN_FILES = (".md", ".markdown")


class Splitter:
    """Cuts documents into passages of at most `capacity` tokens.

    A token is one of the encoder's, counted as it reads a document: with its prompt and its
    special tokens.
    """

    def __init__(self, encoder: Encoder, capacity: int, overlap: int = 0) -> None:
        self.capacity = capacity
        self.overlap = overlap
        self._encoder = encoder
        self._prompt = str(getattr(encoder, "prompts", {}).get("document", ""))
        self._splitters: dict[tuple[bool, int], Any] = {}

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """How many tokens the encoder has of each text as a document; [n]."""
        return self._encoder.token_counts([self._prompt + text for text in texts])

    def split(self, doc_id: str, text: str) -> list[Piece]:
        """The passages of a document that is longer than one, in its order.

        Each is a stretch of the document without blanks at its ends. Markdown is known by the
        ending of its id, or by headings that stand by themselves.
        """
        is_markdown = looks_like_markdown(doc_id, text)
        found = self._cut(text, 0, self.capacity, is_markdown=is_markdown)
        if is_markdown:
            found = list(self._with_headings(text, found))
        return found

    def _cut(self, text: str, offset: int, capacity: int, *, is_markdown: bool) -> list[Piece]:
        splitter = self._splitter(capacity, is_markdown=is_markdown)
        # The library leaves blanks before a piece of Markdown that begins within a line.
        found = ((start + _blanks(piece), piece.strip()) for start, piece in
                 splitter.chunk_indices(text))  # fmt: skip
        return [(offset + start, piece) for start, piece in found if piece]

    def _splitter(self, capacity: int, *, is_markdown: bool) -> Any:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter

        key = (is_markdown, capacity)
        if key not in self._splitters:
            kind: Any = MarkdownSplitter if is_markdown else TextSplitter
            overlap = min(self.overlap, capacity // 2)
            self._splitters[key] = kind.from_callback(self._count, capacity, overlap)
        return self._splitters[key]

    def _count(self, text: str) -> int:
        return int(self.token_counts([text])[0])

    def _with_headings(self, text: str, pieces: list[Piece]) -> Iterator[Piece]:
        """Yields the pieces with every heading in front of what it heads."""
        place = 0
        while place < len(pieces):
            start, piece = pieces[place]
            place += 1
            heading = _trailing_headings(piece)
            if heading == len(piece) or place == len(pieces):
                yield start, piece
                continue
            body = piece[:heading].rstrip()
            if body:
                yield start, body
            if pieces[place][0] <= start + heading:
                continue  # the next piece overlaps, and has the heading already
            last = place
            while last + 1 < len(pieces) and not _HEADING.match(_first_line(pieces[last + 1][1])):
                last += 1
            end = pieces[last][0] + len(pieces[last][1])
            again = self._headed(text, start + heading, pieces[place][0], end)
            if again is None:
                yield start + heading, piece[heading:]
                continue
            # Looked at like the others: the first may end in a heading of its own.
            pieces, place = [*again, *pieces[last + 1 :]], 0

    def _headed(self, text: str, heading: int, body: int, end: int) -> list[Piece] | None:
        """The stretch from a heading to `end`, cut again; None where the heading is too long."""
        room = self.capacity - self._count(text[heading:body].rstrip())
        while room > self.capacity // 4:
            first = self._cut(text[body:end], body, room, is_markdown=True)[0]
            stop = first[0] + len(first[1])
            whole = text[heading:stop]
            # Two counts do not add up to that of both exactly, so the sum is looked at.
            beyond = self._count(whole) - self.capacity
            if beyond <= 0:
                rest = self._cut(text[stop:end], stop, self.capacity, is_markdown=True)
                return [(heading, whole), *rest]
            room -= beyond
        return None


def looks_like_markdown(doc_id: str, text: str) -> bool:
    """Whether the document is Markdown, by its id's ending or by a heading of its own."""
    return doc_id.lower().endswith(_MARKDOWN_FILES) or bool(_LOOKS_LIKE_MARKDOWN.search(text))


def _trailing_headings(piece: str) -> int:
    """Where the headings begin that nothing follows in the piece; its length without any."""
    begins = end = len(piece)
    while end > 0:
        start = piece.rfind("\n", 0, end) + 1
        line = piece[start:end]
        if line.strip():
            if not _HEADING.match(line):
                break
            begins = start
        end = start - 1
    return begins


def _blanks(piece: str) -> int:
    return len(piece) - len(piece.lstrip())


def _first_line(piece: str) -> str:
    return piece.partition("\n")[0]
