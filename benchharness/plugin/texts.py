"""How an error or a failed gate becomes the text that pytest prints: no traceback, its place."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest._code.code import TerminalRepr


class BenchWarning(pytest.PytestWarning):
    """A gate of severity "warn" was breached."""


class GateFailed(Exception):
    """A gate did not pass; `lines` are the verdict, then the advice."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def plain_repr(
    excinfo: pytest.ExceptionInfo[BaseException], text: str, path: Path, line: int
) -> TerminalRepr:
    """The exception as `text`, crashed at path:line (from 1).

    A plain string would print the same, but then the short summary says nothing, JUnit repeats
    the whole text in an attribute, and annotations point into benchharness.
    """
    shown: Any = excinfo.getrepr(style="native")
    entries = shown.reprtraceback.reprentries
    entries[0] = dataclasses.replace(entries[0], lines=[text + "\n"])
    if shown.reprcrash is not None:
        first = text.partition("\n")[0]
        shown.reprcrash = dataclasses.replace(
            shown.reprcrash, path=str(path), lineno=line, message=first
        )
    return shown  # type: ignore[no-any-return]
