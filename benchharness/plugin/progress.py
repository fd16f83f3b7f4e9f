"""Progress beside pytest's own output: capture is suspended for the moment of each line."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from benchharness.progress import Step


def progress_for(config: pytest.Config) -> TerminalProgress | None:
    """What draws on the terminal of this session, or None where nothing should.

    None in workers of xdist (their output goes nowhere), with -qq, and without a terminal
    reporter.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or hasattr(config, "workerinput") or config.get_verbosity() <= -2:
        return None
    return TerminalProgress(config)


class TerminalProgress:
    """A listener: a live line below pytest's, or whole lines in a log."""

    def __init__(self, config: pytest.Config) -> None:
        from benchharness.report.live import LiveProgress

        self._writer = config.get_terminal_writer()
        self._capture: Any = config.pluginmanager.getplugin("capturemanager")
        # FORCE_COLOR and the like colour a log; they do not make it a terminal.
        with self._suspended():  # captured, stdout is a file whatever it was
            self._live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self._column: int | None = None
        self._progress = LiveProgress(self._draw if self._live else self._log, live=self._live)

    def __call__(self, step: Step) -> None:
        self._progress(step)

    def pause(self) -> None:
        """Erase the live line and put the cursor back where pytest left it."""
        self._progress.close()
        if self._column is not None:
            column = self._column % max(self._writer.fullwidth, 1)
            self._draw("\x1b[1A" + (f"\x1b[{column}C" if column else ""))
            self._column = None

    def _draw(self, text: str) -> None:
        # Past pytest's writer, which must not count these characters as its own.
        if self._column is None:
            self._column = self._writer.width_of_current_line
            text = "\n" + text
        with self._suspended():
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
            sys.stdout.flush()

    def _log(self, line: str) -> None:
        with self._suspended():
            if self._writer.width_of_current_line:
                self._writer.line()
            self._writer.write(line, flush=True)

    def _suspended(self) -> AbstractContextManager[None]:
        manager = self._capture
        return manager.global_and_fixture_disabled() if manager else nullcontext()
