"""How far a long job is: one line that is redrawn on a terminal, or plain lines in a log."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchharness.progress import Step

REDRAW_SECONDS = 0.125
LOG_SECONDS = 20.0
# A stage that ends sooner gets no second line in a log.
WORTH_AN_END = 1.0
_BAR = 24


@dataclass(frozen=True)
class Pace:
    """How a stage gets on: `step` as told last, `seconds` since the stage began."""

    step: Step
    seconds: float

    @property
    def per_second(self) -> float | None:
        return self.step.done / self.seconds if self.step.done and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        rate = self.per_second
        return (self.step.total - self.step.done) / rate if rate and self.step.total else None


def bar_line(pace: Pace, width: int) -> str:
    """The stage as one line of at most `width` columns: bar, count, rate, time left."""
    step = pace.step
    parts = [step.stage]
    if step.total:
        filled = _BAR * min(step.done, step.total) // step.total
        parts.append("━" * filled + "╌" * (_BAR - filled))
    parts.extend(_facts(pace))
    line = "  ".join(parts)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def log_line(pace: Pace) -> str:
    """The stage as a line for a log: `benchharness: stage: 1,200 of 5,400 docs, 0:14 left`."""
    facts = ", ".join(_facts(pace))
    return f"benchharness: {pace.step.stage}" + (f": {facts}" if facts else "")


def _facts(pace: Pace) -> list[str]:
    step, facts = pace.step, []
    unit = f" {step.unit}" if step.unit else ""
    if step.total:
        facts.append(f"{step.done:,} of {step.total:,}{unit}")
    elif step.done:
        facts.append(f"{step.done:,}{unit}")
    if pace.per_second is not None and step.unit:
        facts.append(f"{_rate(pace.per_second)}{unit}/s")
    left = pace.seconds_left
    if left is not None and step.done < step.total:
        facts.append(f"{_clock(left)} left")
    return facts


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.1f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class LiveProgress:
    """A listener that draws steps.

    write: puts text on the terminal or into the log, at once.
    live:  redraw one line (at most 8 times a second), and erase it in `close`; otherwise whole
           lines: one when a stage begins, one at its end, and one every 20 s between.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        live: bool,
        clock: Callable[[], float] = time.monotonic,
        width: Callable[[], int] = lambda: shutil.get_terminal_size().columns,
    ) -> None:
        self._write = write
        self._live = live
        self._clock = clock
        self._width = width
        self._began = self._drawn = float("-inf")
        self._stage: str | None = None
        self.visible = False

    def __call__(self, step: Step) -> None:
        now = self._clock()
        begins = step.stage != self._stage
        if begins:
            self._stage, self._began = step.stage, now
        pace = Pace(step, now - self._began)
        ends = 0 < step.total <= step.done
        if self._is_due(now, begins=begins, ends=ends, seconds=pace.seconds):
            self._drawn = now
            self._draw(pace)

    def _is_due(self, now: float, *, begins: bool, ends: bool, seconds: float) -> bool:
        if self._live:
            return begins or now - self._drawn >= REDRAW_SECONDS
        return begins or (ends and seconds >= WORTH_AN_END) or now - self._drawn >= LOG_SECONDS

    def _draw(self, pace: Pace) -> None:
        if self._live:
            self._write("\r\x1b[2K" + bar_line(pace, self._width() - 1))
            self.visible = True
        else:
            self._write(log_line(pace) + "\n")

    def close(self) -> None:
        """Erase the live line; the next step begins a stage of its own."""
        if self.visible:
            self._write("\r\x1b[2K")
            self.visible = False
        self._stage = None
