"""A row of the table: contestants that do the same work, and what is claimed of them."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from peers.process import Contestant, Figures, spent_by

Spent = Mapping[str, Sequence[Figures]]  # contestant -> the figures of each round

_RATIO_DIGITS = 2


@dataclass(frozen=True)
class Claim:
    """That we need less than another, by a ratio.

    kind:   "faster": other / ours, at least the goal; "at most": ours / other, at most the goal;
            "value": our figure itself, at most the goal.
    goal:   None where nothing is promised and only who is faster is said.
    figure: what is compared.
    """

    text: str
    ours: str
    other: str
    goal: float | None
    kind: Literal["faster", "at most", "value"] = "faster"
    figure: str = "cpu_s"

    def ratio(self, spent: Spent) -> float:
        """The median of the ratios of each round."""
        own = [figures[self.figure] for figures in spent[self.ours]]
        if self.kind == "value":
            return statistics.median(own)
        others = [figures[self.figure] for figures in spent[self.other]]
        pairs = zip(own, others, strict=True)
        return statistics.median(
            other / one if self.kind == "faster" else one / other for one, other in pairs
        )

    def verdict(self, spent: Spent) -> str:
        """Whether the goal is reached by the ratio as it is printed; without one, who wins."""
        ratio = round(self.ratio(spent), _RATIO_DIGITS)
        if self.goal is None:
            ahead = ratio >= 1 if self.kind == "faster" else ratio <= 1
            return "ahead" if ahead else f"{self.other} is ahead"
        reached = ratio >= self.goal if self.kind == "faster" else ratio <= self.goal
        behind = self.kind == "faster" and ratio < 1
        return "reached" if reached else f"missed, {self.other} wins" if behind else "missed"

    @property
    def bound(self) -> str:
        if self.goal is None:
            return ""
        return f"{'≥' if self.kind == 'faster' else '≤'} {self.goal:g}"


@dataclass(frozen=True)
class Work:
    """name: as --only takes it. notes: facts that are found out after the last round."""

    name: str
    title: str
    contestants: Sequence[Contestant]
    claims: Sequence[Claim]
    notes: Callable[[Spent], Sequence[str]] = lambda _: ()

    def measured(self, rounds: int) -> Spent:
        """Every contestant once in each round, in an order that turns from round to round.

        In the first it is theirs: what one leaves behind for another is so there in time.
        """
        spent: dict[str, list[Figures]] = {one.name: [] for one in self.contestants}
        for number in range(rounds):
            turn = number % len(self.contestants)
            for one in (*self.contestants[turn:], *self.contestants[:turn]):
                figures = spent_by(one)
                spent[one.name].append(figures)
                seconds = f"{figures['cpu_s']:.2f} CPU s, {figures['wall_s']:.2f} s"
                sys.stderr.write(f"{self.name}, round {number + 1}: {one.name}: {seconds}\n")
        return spent
