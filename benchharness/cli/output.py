"""What the commands write to the terminal: text, tables, JSON, progress."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from benchharness.progress import Listener, silent

# For terminals without the character; what is left after these is escaped.
_ASCII = str.maketrans({"·": "-", "…": "...", "→": "->", "—": "-"})
# What a table has between its columns, and before the first.
_GAP = 2
# Wide enough for any row: the terminal breaks the lines that are too long for it.
_UNBOUNDED = 10_000


def write(text: str = "") -> None:
    """A line on stdout; characters that its encoding lacks become ASCII, or are escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if not encoding.lower().replace("-", "").startswith("utf"):
        text = text.translate(_ASCII)
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def tell(text: str) -> None:
    """A line on stderr, beside what a command prints for the next one to read."""
    _write_progress(text + "\n")


def write_json(content: object) -> None:
    write(json.dumps(plain_json(content), indent=1, allow_nan=False))


def plain_json(value: object) -> object:
    """The value in JSON's own types; numbers that are not finite become words, as in verdict.json.

    Raises TypeError for anything that JSON has no type for.
    """
    if isinstance(value, Mapping):
        return {str(name): plain_json(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(entry) for entry in value]
    if isinstance(value, float):  # also numpy's float64
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} is not JSON")


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows below their headings in aligned columns, indented by 2; nothing is cut off."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name in head:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    color = has_color(sys.stdout)
    console = Console(
        file=StringIO(),
        width=_UNBOUNDED,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        markup=False,
    )
    console.print(table)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    return [f"{'':{_GAP}}{line}".rstrip() for line in text.splitlines()]


def width() -> int:
    return shutil.get_terminal_size().columns


def has_color(stream: TextIO) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR says otherwise (https://no-color.org)."""
    return _is_terminal(stream) and not os.environ.get("NO_COLOR")


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(*, quiet: bool) -> Iterator[Listener]:
    """A listener that shows on stderr how far a job is; what it drew is gone afterwards."""
    if quiet:
        yield silent
        return
    from benchharness.report.live import LiveProgress

    live = LiveProgress(_write_progress, live=_is_terminal(sys.stderr))
    try:
        yield live
    finally:
        live.close()


def _write_progress(text: str) -> None:
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr.write(text.encode(encoding, "replace").decode(encoding))
    sys.stderr.flush()
