"""What the commands write to the terminal: text, JSON, progress."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from benchharness.progress import Listener, silent


def write(text: str = "") -> None:
    """A line on stdout; characters that its encoding lacks are escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def write_json(content: object) -> None:
    write(json.dumps(content, indent=1, allow_nan=False))


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
