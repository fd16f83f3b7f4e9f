"""An explanation on a terminal: both rankings side by side, or one below the other where narrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from benchharness.judge.numbers import format_count, format_value
from benchharness.report.wording import one_line

if TYPE_CHECKING:
    from benchharness.report.explanation import Explanation, Placed, Side

_GAP = 3
_BEFORE_ID = 22  # columns: rank, mark, score, rank on the other side
# Below this two columns would hold no id.
_NARROWEST = 76
_SINGLE = 120  # columns of a side that stands alone, at most
_GREEN, _PLAIN = "\x1b[32m", "\x1b[0m"
_ELLIPSIS = "…"
Line = tuple[str, bool]  # and whether it is about a relevant document


def explanation_lines(found: Explanation, width: int, *, color: bool = False) -> Iterator[str]:
    """Yields lines of at most `width` columns; relevant documents have a `*`, and colour."""
    yield from _wrapped(_head(found), width)
    yield ""
    half = (width - _GAP) // 2
    if len(found.sides) == 2 and width >= _NARROWEST and _are_apart(found.sides, half):
        columns = [list(_side(one, half, has_other=True)) for one in found.sides]
        for number in range(max(map(len, columns))):
            cells = [column[number] if number < len(column) else ("", False) for column in columns]
            yield _joined(cells, half, color=color)
    else:
        for number, one in enumerate(found.sides):
            if number:
                yield ""
            for cell in _side(one, min(width, _SINGLE), has_other=len(found.sides) == 2):
                yield _joined([cell], min(width, _SINGLE), color=color)
    yield ""
    yield from _wrapped(_notes(found), width)


def _are_apart(sides: Iterable[Side], width: int) -> bool:
    """Whether no two ids of a side are cut until they look alike."""
    for side in sides:
        ids = [one_line(one.doc_id) for one in (*side.ranked, *side.below)]
        if len({_both_ends(one, width - _BEFORE_ID) for one in ids}) < len(set(ids)):
            return False
    return True


def _head(found: Explanation) -> Iterator[str]:
    count = "" if found.positives is None else f", {format_count(found.positives)} relevant"
    yield one_line(f"{found.suite}: query {found.query_id}{count}")
    if found.text is not None:
        yield _on_a_line(found.text)


def _notes(found: Explanation) -> Iterator[str]:
    marks = "* relevant"
    if len(found.sides) == 2:
        marks += "; the last number is the rank on the other side, - where its run lacks it"
    yield marks
    if found.positives is None:
        yield "relevant documents that no run found are not kept in a stored run"
    placed = [one for side in found.sides for one in (*side.ranked, *side.below)]
    unknown = sum(one.text is None for one in placed)
    if found.text is None:
        yield "the query's text is not kept: a stored run keeps those of 50 queries"
    if unknown:
        yield (
            f"{unknown} of {format_count(len(placed), 'text')} not known: a stored run keeps those "
            "that its report shows"
        )


def _side(side: Side, width: int, *, has_other: bool) -> Iterator[Line]:
    yield _cut(one_line(side.name), width), False
    values = "  ".join(f"{name} {format_value(value)}" for name, value in side.values.items())
    yield _cut(values, width), False
    if not side.ranked:
        yield "nothing was retrieved", False
    yield from _documents(side.ranked, side.depth, width, has_other=has_other)
    if side.below:
        yield f"relevant below rank {len(side.ranked)}", False
        yield from _documents(side.below, side.depth, width, has_other=has_other)


def _documents(
    placed: Sequence[Placed], depth: int, width: int, *, has_other: bool
) -> Iterator[Line]:
    for one in placed:
        is_relevant = one.relevance > 0
        mark = "" if not is_relevant else "*" if one.relevance == 1 else f"*{one.relevance}"
        rank = f">{depth}" if one.rank is None else str(one.rank)
        score = "" if one.score is None else format_value(one.score)
        other = f" {'-' if one.other is None else one.other:>4}" if has_other else ""
        start = f"{rank:>4} {mark:<2} {score:>7}{other}  "
        yield start + _both_ends(one_line(one.doc_id), width - len(start)), is_relevant
        if one.text:
            yield f"{'':8}{_cut(_on_a_line(one.text), width - 8)}", is_relevant


def _joined(cells: Sequence[Line], width: int, *, color: bool) -> str:
    """The cells beside one another; blanks at the end are left out."""
    from rich.cells import cell_len

    texts = []
    for number, (whole, is_relevant) in enumerate(cells):
        text = _cut(whole, width)
        pad = " " * (width - cell_len(text) + _GAP) if number < len(cells) - 1 else ""
        texts.append((f"{_GREEN}{text}{_PLAIN}" if color and is_relevant and text else text) + pad)
    return "".join(texts).rstrip(" ")


def _on_a_line(text: str) -> str:
    """The text with single blanks; without its line breaks."""
    return one_line(" ".join(text.split()))


def _wrapped(texts: Iterable[str], width: int) -> Iterator[str]:
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width, legacy_windows=False)
    for text in texts:
        for line in Text(text).wrap(console, width):
            yield line.plain.rstrip()


def _cut(text: str, width: int) -> str:
    """The text in at most `width` columns of a terminal; wide letters take two."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + _ELLIPSIS if width > 0 else ""


def _both_ends(text: str, width: int) -> str:
    """The text in at most `width` columns; of a long one both ends, where ids and paths differ."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width or width < 8:
        return _cut(text, width)
    start = set_cell_size(text, (width - 1) // 3).rstrip()
    end = text
    while cell_len(end) > width - 1 - cell_len(start):
        end = end[1:]
    return start + _ELLIPSIS + end
