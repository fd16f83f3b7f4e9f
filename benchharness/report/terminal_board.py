"""A leaderboard on a terminal: rows within the width, what marks mean, what variants lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchharness.report import leaderboard_text
from benchharness.report.terminal_pieces import STYLES, assembled, styled
from benchharness.report.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.report.leaderboard_text import Table as BoardTable

# Columns that a long name gets before anything else is shown beside it.
_LEGIBLE = 24


def print_board(console: Console, board: Leaderboard, *, ascii_only: bool) -> None:
    """The rows, in two tables where one is too wide; what the marks mean; losses of variants."""
    console.print(styled((leaderboard_text.title_of(board), "bold")))
    tables, left_out = _board_tables(console, board, ascii_only=ascii_only)
    for table in tables:
        console.print(table)
    if left_out:
        named = ", ".join(left_out)
        console.print(
            styled((f"no room at this width for {named}; --json and --out have it", "dim"))
        )
    for fact in leaderboard_text.facts_of(board):
        console.print(styled((one_line(fact), "dim")))
    head, rows = leaderboard_text.losses_of(board)
    if rows:
        console.print()
        cells = [[styled(one_line(cell)) for cell in row[:-1]] for row in rows]
        words = [styled((row[-1], STYLES.get(row[-1], ""))) for row in rows]
        shown = [[*row, word] for row, word in zip(cells, words, strict=True)]
        console.print(assembled(head, shown, ascii_only=ascii_only))
        console.print(styled((leaderboard_text.loss_fact(board), "dim")))
    console.print()


def _board_tables(
    console: Console, board: Leaderboard, *, ascii_only: bool
) -> tuple[list[RenderableType], tuple[str, ...]]:
    """(tables, columns that they lack): one table with intervals beside the values or below them,
    else worth and costs apart, the costs without as many columns as leave the names some room.
    """
    from rich.cells import cell_len

    unbounded = console.options.update(width=10_000)

    def made(found: BoardTable, joint: str) -> Table:
        head, rows = found
        cells = [
            [styled(one_line(cell).replace(" [", f"{joint}[")) for cell in row] for row in rows
        ]
        return assembled(head, cells, ascii_only=ascii_only)

    def least(found: BoardTable, joint: str) -> int:
        """Columns that the table needs where long names go on below."""
        head, rows = found
        names = ("m" * min(cell_len(row[0]), _LEGIBLE) for row in rows)
        cut = [(name, *row[1:]) for name, row in zip(names, rows, strict=True)]
        return console.measure(made((head, cut), joint), options=unbounded).minimum

    table = leaderboard_text.table_of(board)
    whole = made(table, " ")
    if console.measure(whole, options=unbounded).maximum <= console.width:
        return [whole], ()
    if least(table, "\n") <= console.width:
        return [made(table, "\n")], ()
    costs, left_out = leaderboard_text.narrowed(
        leaderboard_text.costs_of(board), lambda found: least(found, " ") <= console.width
    )
    worth = made(leaderboard_text.worth_of(board), "\n")
    return [worth, styled(""), made(costs, " ")], left_out
