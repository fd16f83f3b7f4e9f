"""The nouns of judging: `Estimate`, `Verdict` and `Decision`. Plain numbers and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Estimate:
    """A mean over queries with its two-sided 95 % interval.

    value:   mean over all judged queries.
    ci95:    (low, high), clipped to what the measure can reach.
    ceiling: mean of a perfect ranker where it is known, else None.
    n:       number of queries.
    method:  name of the interval: "wilson", "student-t" …
    """

    value: float
    ci95: tuple[float, float]
    n: int
    method: str
    ceiling: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a model.

    outcome:   "pass", "fail", "incomplete" or "error" for a floor; other gates add theirs.
    severity:  "error" or "warn"; a breach that only warns never prints "pass".
    line:      one sentence with both numbers, ready for a terminal.
    advice:    what to do next; empty where nothing is wrong.
    delta, ci90, margin, mde: of comparisons; None for a floor.
    """

    gate: str
    suite: str
    model: str
    outcome: str
    severity: str
    value: float
    line: str
    advice: str = ""
    minimum: float | None = None
    delta: float | None = None
    ci90: tuple[float, float] | None = None
    margin: float | None = None
    mde: float | None = None

    @property
    def breached(self) -> bool:
        """Whether the gate did not pass, whatever its severity."""
        return self.outcome != "pass"


@dataclass(frozen=True)
class Decision:
    """Whether fine-tuning is worth it.

    outcome:   "tune", "optional", "skip" or "undecided".
    why:       a sentence with the numbers and the thresholds.
    measure:   what was held against the thresholds: "recall@10" or "capped recall@10".
    estimate:  of that measure.
    trainable: whether this system could be tuned at all.
    queries_needed: where undecided, about how many judged queries would decide.
    advice:    what to do next.
    evidence:  lines beside the number (BM25, tokens per word, most split terms …), by name.
    """

    outcome: str
    why: str
    measure: str
    estimate: Estimate
    trainable: bool
    queries_needed: int | None = None
    advice: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
