"""The pieces that the terminal's tables are made of: styled lines, and tables of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchharness.report.wording import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

STYLES = {
    "pass": "green", "fail": "bold red", "FAIL": "bold red", "warn": "yellow",
    "tune": "bold yellow", "optional": "cyan", "skip": "green", "undecided": "magenta",
    "warning": "yellow", "error": "bold red", "improved": "green", "identical": "green",
    "regressed": "yellow", "inconclusive": "yellow", "stale": "yellow", "no-baseline": "yellow",
    "incomplete": "yellow", "waived": "cyan", "updated": "cyan", "lost": "red",
}  # fmt: skip


def styled(*parts: str | tuple[str, str]) -> Text:
    """A line of corpus and other text; brackets in it are text, never markup."""
    from rich.text import Text

    shown = (plain(part) if isinstance(part, str) else (plain(part[0]), part[1]) for part in parts)
    return Text.assemble(*shown, overflow="fold")


def assembled(head: Sequence[str], rows: Sequence[Sequence[Text]], *, ascii_only: bool) -> Table:
    """A table whose first column may be broken; numbers never are, so the others have a width."""
    from rich.box import Box
    from rich.cells import cell_len
    from rich.table import Table

    rule = "-" if ascii_only else "─"
    box = Box(f"    \n    \n {rule}{rule} \n    \n    \n    \n    \n    \n", ascii=ascii_only)
    table = Table(
        box=box, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    table.add_column(head[0], overflow="fold", min_width=14)
    for column, name in enumerate(head[1:], start=1):
        lines = [line for row in rows for line in row[column].plain.split("\n")]
        table.add_column(
            name, no_wrap=True, min_width=max(cell_len(line) for line in [name, *lines])
        )
    for row in rows:
        table.add_row(*row)
    return table
