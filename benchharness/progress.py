"""What a long job tells whoever watches it.

The pipeline reports `Step`s to a listener and prints nothing; the plugin and the CLI decide
whether a step becomes a live bar, a plain line in a CI log, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`done` of `total` `unit`s of one stage; `done` counts from 0, `total` 0 means unknown."""

    stage: str
    done: int
    total: int
    unit: str = ""


Listener = Callable[[Step], None]


def silent(step: Step) -> None:
    """A listener that does nothing."""
