"""Progress in a pytest session: a live line on a terminal, erased; whole lines in a log."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


def run_on_terminal(project: Project, *arguments: str) -> str:
    """What pytest writes to a terminal of 80 columns."""
    terminal, inner = pty.openpty()
    environment = dict(os.environ, TERM="xterm", COLUMNS="80", NO_COLOR="1")
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=project.path, stdin=inner, stdout=inner, stderr=inner, env=environment,
    ):  # fmt: skip
        os.close(inner)
        written = b""
        while True:
            try:
                block = os.read(terminal, 4096)
            except OSError:  # the other side is closed
                break
            if not block:
                break
            written += block
    os.close(terminal)
    return written.decode()


def screen_of(written: str) -> list[str]:
    """The lines that stand on the screen in the end, as far as our escapes and pytest's go."""
    # Some versions of pytest also tell the terminal's window how far they are.
    written = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", written)
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif token == "\r":
            column = 0
        elif token == "\x1b[2K":
            lines[row] = ""
        elif token == "\x1b[1A":
            row -= 1
        elif token.startswith("\x1b[") and token.endswith("C"):
            column += int(token[2:-1])
        elif not token.startswith("\x1b"):
            lines[row] = (
                lines[row].ljust(column)[:column] + token + lines[row][column + len(token) :]
            )
            column += len(token)
    return [line.rstrip() for line in lines]


def test_the_live_line_is_gone_in_the_end(project: Project) -> None:
    """On a terminal stages are drawn over each other, and pytest's own lines stay whole."""
    project.suite()

    written = run_on_terminal(project, "suites", "-v")

    assert "faq · hash · encode documents" in written
    screen = screen_of(written)
    assert not [line for line in screen if "encode documents  " in line or "━" in line]
    gates = [line for line in screen if "::floor" in line]
    assert [line.split()[1] for line in gates] == ["PASSED"] * 3


def test_a_log_gets_whole_lines(project: Project) -> None:
    """Without a terminal: a line when a stage begins, none in the middle of pytest's own."""
    project.suite()

    result = project.run("suites")

    result.stdout.fnmatch_lines(
        ["suites/suite_faq.py *", "benchharness: read beir", "benchharness: faq · hash · encode *"]
    )
    assert all(
        line.startswith("benchharness: ") for line in result.outlines if "benchharness: " in line
    )
    assert not re.search("\x1b", result.stdout.str())
