"""Progress as text: what a line says, how often it is drawn."""

from __future__ import annotations

import pytest

from benchharness.progress import Step
from benchharness.report.live import LiveProgress, Pace, bar_line, log_line


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("step", "seconds", "line"),
    [
        (Step("lint", 0, 0), 0.0, "benchharness: lint"),
        (Step("encode", 0, 5400, "documents"), 0.0, "benchharness: encode: 0 of 5,400 documents"),
        (
            Step("encode", 1200, 5400, "documents"),
            4.0,
            "benchharness: encode: 1,200 of 5,400 documents, 300 documents/s, 0:14 left",
        ),
        (
            Step("encode", 10, 40_000, "documents"),
            4.0,
            "benchharness: encode: 10 of 40,000 documents, 2.5 documents/s, 4:26:36 left",
        ),
        (
            Step("encode", 5400, 5400, "documents"),
            18.0,
            "benchharness: encode: 5,400 of 5,400 documents, 300 documents/s",
        ),
        (Step("read", 70_000, 0, "lines"), 2.0, "benchharness: read: 70,000 lines, 35,000 lines/s"),
    ],
    ids=["no-count", "begins", "runs", "slow", "ends", "no-total"],
)
def test_a_log_line_says_count_rate_and_time_left(step: Step, seconds: float, line: str) -> None:
    """Numbers with separators; no rate before there is one, nothing left at the end."""
    assert log_line(Pace(step, seconds)) == line


@pytest.mark.parametrize("width", [10, 40, 79, 200])
def test_a_bar_fits_its_line(width: int) -> None:
    """Never wider than the terminal: a wrapped line could not be erased."""
    pace = Pace(Step("sympy · minilm · encode documents", 2700, 5400, "documents"), 9.0)

    line = bar_line(pace, width)

    assert len(line) <= width
    assert (line.count("━"), line.count("╌")) == (12, 12) or line.endswith("…")


def test_a_live_line_is_redrawn_eight_times_a_second_at_most() -> None:
    """A thousand steps in a second draw nine lines: the first, and eight more."""
    clock, written = Clock(), []
    progress = LiveProgress(written.append, live=True, clock=clock, width=lambda: 80)

    for step in range(1001):
        clock.now = 100 + step / 1000
        progress(Step("encode", step, 10_000, "documents"))
    progress.close()

    assert len(written) == 9 + 1
    assert all(text.startswith("\r\x1b[2K") for text in written)
    assert written[-1] == "\r\x1b[2K"


def test_a_log_gets_a_line_when_a_stage_begins_ends_and_each_20_seconds() -> None:
    """A stage of 50 s: begin, two on the way, end. A short stage: begin only."""
    clock, written = Clock(), []
    progress = LiveProgress(written.append, live=False, clock=clock)

    for step in range(51):
        clock.now = 100.0 + step
        progress(Step("encode", step, 50, "documents"))
    progress(Step("search", 0, 5, "queries"))
    progress(Step("search", 5, 5, "queries"))
    progress.close()

    counts = [line.split(": ")[2].split(" documents")[0] for line in written[:-1]]
    assert counts == ["0 of 50", "20 of 50", "40 of 50", "50 of 50"]
    assert written[-1] == "benchharness: search: 0 of 5 queries\n"


def test_closing_without_a_line_writes_nothing() -> None:
    """There is nothing to erase."""
    written: list[str] = []

    LiveProgress(written.append, live=True).close()

    assert written == []
