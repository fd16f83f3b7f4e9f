"""Documents cut into passages at their own seams."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchharness.models.registry import open_model
from benchharness.pairs.written.splitting import Splitter, looks_like_markdown
from benchharness.testing import HashEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADING = re.compile(r"#{1,6}( |$)")


def splitter(capacity: int, overlap: int = 0) -> Splitter:
    """One whose tokens are words."""
    return Splitter(HashEncoder(), capacity, overlap)


def words(count: int, name: str = "w") -> str:
    return " ".join(f"{name}{number}" for number in range(count))


def test_paragraphs_stay_whole() -> None:
    text = f"{words(6, 'a')}\n\n{words(6, 'b')}\n\n{words(3, 'c')}"

    found = splitter(10).split("d", text)

    assert found == [(0, words(6, "a")), (19, f"{words(6, 'b')}\n\n{words(3, 'c')}")]


def test_a_heading_goes_with_what_it_heads_where_that_is_longer_than_a_passage() -> None:
    """Rule: the library leaves such a heading alone, and its passage says nothing."""
    text = f"# One\n\n{words(3, 'a')}\n\n## Two\n\n{words(25, 'b')}\n\n## Three\n\n{words(4, 'c')}"

    found = splitter(10).split("d.md", text)

    assert [piece.split()[:3] for _, piece in found] == [
        ["#", "One", "a0"],
        ["##", "Two", "b0"],
        ["b9", "b10", "b11"],
        ["b19", "b20", "b21"],
        ["##", "Three", "c0"],
    ]


def test_headings_that_follow_each_other_stay_together() -> None:
    text = f"# One\n\n## Two\n\n### Three\n\n{words(25)}"

    first = splitter(10).split("d.md", text)[0]

    assert first == (0, f"# One\n\n## Two\n\n### Three\n\n{words(7)}")


def test_a_heading_at_the_end_of_a_passage_moves_to_the_next() -> None:
    # The first section is longer than a passage, so its rest is merged with the next heading.
    text = f"# One\n\n{words(12, 'a')}\n\n{words(2, 'b')}\n\n# Two\n\n{words(12, 'c')}"

    found = splitter(10).split("d.md", text)

    assert not any(HEADING.match(piece.splitlines()[-1]) for _, piece in found)
    assert any(piece.startswith("# Two\n\nc0") for _, piece in found)


def test_a_heading_longer_than_a_passage_stays_alone() -> None:
    text = f"# {words(9, 'h')}\n\n{words(12)}"

    found = splitter(10).split("d.md", text)

    assert found[0] == (0, f"# {words(9, 'h')}")


def test_markdown_is_known_by_its_name_or_by_a_heading_of_its_own() -> None:
    assert looks_like_markdown("notes/a.MD", "plain")
    assert looks_like_markdown("d1", "before\n\n## Heading\n\nafter")
    assert looks_like_markdown("d1", "# Heading\nafter")
    assert not looks_like_markdown("d1", "x = 1\n# a comment\ny = 2")
    assert not looks_like_markdown("d1", "#hashtag")


def test_neighbours_share_tokens_where_that_is_asked_for() -> None:
    apart = splitter(10).split("d", ". ".join(words(4, f"s{n}x") for n in range(9)))
    shared = splitter(10, 5).split("d", ". ".join(words(4, f"s{n}x") for n in range(9)))

    def both(found: list[tuple[int, str]]) -> int:
        sets = [set(piece.replace(".", "").split()) for _, piece in found]
        return sum(len(one & other) for one, other in itertools.pairwise(sets))

    assert both(apart) == 0
    assert both(shared) > 0


@dataclass(eq=False)
class Prompted(HashEncoder):
    prompts: dict[str, str] = field(default_factory=lambda: {"document": "search document: "})


def test_the_prompt_of_a_document_takes_its_place() -> None:
    assert Splitter(Prompted(), 10).token_counts(["one two"]).tolist() == [4]


@dataclass(eq=False)
class CountsLines(HashEncoder):
    """One whose count of two texts together is above the sum of their counts."""

    def token_counts(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return super().token_counts(texts) + np.array([text.count("\n") for text in texts])


def test_a_heading_and_what_it_heads_are_counted_together() -> None:
    lines = CountsLines()

    found = Splitter(lines, 10).split("d.md", f"# One\n\n{words(25)}\n\n# Two\n\n{words(25)}")

    assert lines.token_counts([piece for _, piece in found]).max() <= 10
    assert sum(piece.startswith(("# One\n\nw0", "# Two\n\nw0")) for _, piece in found) == 2


def test_a_heading_that_the_overlap_repeats_is_not_moved() -> None:
    text = f"# One\n\n{words(16, 'a')}\n\n{words(2, 'b')}\n\n# Two\n\n{words(11, 'c')}"

    found = [piece for _, piece in splitter(16, 6).split("d.md", text)]

    assert not any(HEADING.match(piece.splitlines()[-1]) for piece in found)
    assert sum("# Two" in piece for piece in found) == 1


def test_special_tokens_of_a_real_model_are_counted() -> None:
    """Rule: no passage is longer than what the model reads, its special tokens included."""
    model = open_model("minilm")
    text = " ".join(f"Sentence number {number} stands here." for number in range(200))

    found = Splitter(model, 32).split("d", text)

    counts = model.token_counts([piece for _, piece in found])
    assert counts.max() <= 32
    assert counts[:-1].min() > 20
    assert model.token_counts(["one"])[0] == 3


LINES = st.lists(
    st.one_of(
        st.builds(lambda n: f"{'#' * (n % 4 + 1)} head{n}", st.integers(0, 9)),
        st.builds(words, st.integers(1, 30)),
        st.just(""),
        st.just("```"),
        st.just("- item one"),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(16, 24), st.integers(0, 6))
def test_every_passage_is_a_stretch_of_its_document_and_no_word_is_lost(
    lines: list[str], capacity: int, overlap: int
) -> None:
    text = "\n".join(lines).strip()

    found = splitter(capacity, overlap).split("d.md", text)

    counted = splitter(capacity).token_counts([piece for _, piece in found])
    covered = set()
    for start, piece in found:
        assert text[start : start + len(piece)] == piece
        assert piece == piece.strip()
        covered.update(range(start, start + len(piece)))
    assert all(place in covered or text[place].isspace() for place in range(len(text)))
    assert not len(counted) or counted.max() <= capacity
    assert [start for start, _ in found] == sorted(start for start, _ in found)


@pytest.mark.parametrize("overlap", [0, 6])
def test_long_documents_with_many_headings_end(overlap: int) -> None:
    text = "\n\n".join(f"## Heading {n}\n\n{words(40)}" for n in range(300))

    found = splitter(16, overlap).split("d.md", text)

    assert sum(piece.startswith("## Heading") for _, piece in found) == 300
    assert all(len(piece.split()) > 4 for _, piece in found if piece.startswith("##"))
