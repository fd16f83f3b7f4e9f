"""The sheet on which a person judges mined negatives, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def sheet_lines(sample: Sequence[tuple[str, str, str, int]]) -> Iterator[str]:
    """Yields the lines: what answers its query must not be among the negatives.

    sample: (query, positive, negative, its rank); see `Mined`.
    """
    yield "# Mined negatives\n"
    yield "\nDoes one of them answer its query? Then raise the margin.\n"
    for query, positive, negative, rank in sample:
        yield f"\n---\n\nquery:\n\n{_quoted(query)}\n"
        yield f"\npositive:\n\n{_quoted(positive)}\n"
        yield f"\nnegative, rank {rank}:\n\n{_quoted(negative)}\n"


def _quoted(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
