"""The nouns of judging: `Estimate`, `Verdict`, `Comparison` and `Decision`. Numbers and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The outcomes of a gate that is met.
MET = ("pass", "improved", "identical")


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
class Moved:
    """A relevant document that entered or left the top k; ranks from 1, None below the run."""

    doc_id: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Change:
    """A query whose value is not what it was.

    before, after: values of the measure.
    moved:     its relevant documents that entered or left the top k, best old rank first.
    newcomers: documents that stand in the top k now and did not before, in order of rank; of the
               first 10 ranks only.
    groups:    the query's metadata, by which slices are cut.
    """

    query_id: str
    before: float
    after: float
    moved: tuple[Moved, ...] = ()
    newcomers: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def lost(self) -> bool:
        return self.after < self.before


@dataclass(frozen=True)
class Comparison:
    """Two results held against each other, query by query.

    reference:  what the model was compared with: a file, a ref of git, or another model.
    measure, before, after: the mean of the measure over the common queries on both sides.
    n:          queries that both sides judge in the same way; only these are compared.
    added, removed, changed: queries that only the new side has, that only the old side has, and
                whose text or judgments differ.
    won, lost, tied: of the n queries.
    interval, confidence, method: of the difference after - before, e.g. at 0.9 by "tango".
    p:          one-sided p-value that the mean fell (seeded sign flips); for tables and Holm.
    changes:    every query of the n whose value changed, the worst loss first.
    environment: what differs between both sides: (name, before, after).
    """

    reference: str
    measure: str
    before: float
    after: float
    n: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    won: int = 0
    lost: int = 0
    tied: int = 0
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    method: str = ""
    p: float | None = None
    changes: tuple[Change, ...] = ()
    environment: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a model.

    outcome:   "pass", "fail", "incomplete" or "error"; of comparisons also "improved",
               "identical", "regressed", "inconclusive", "stale" and "no-baseline".
    severity:  what the outcome does where the gate is not met: "error" fails, "warn" warns,
               "note" is only told. A gate that is not met never prints "pass".
    line:      one sentence with both numbers, ready for a terminal.
    advice:    what to do next; empty where nothing is wrong.
    measure:   what is judged: "recall@10", or "dimension" of a cost.
    value:     of that measure.
    minimum:   of a floor; None for other gates.
    delta, ci90, margin, mde: of comparisons; None for other gates. `ci90` is always the 90 %
               interval; what decided at another alpha is `comparison.interval`.
    waived:    why a breach is accepted, and until when; empty where it is not.
    updated:   whether the session writes a new baseline in place of judging.
    """

    gate: str
    suite: str
    model: str
    outcome: str
    severity: str
    value: float
    line: str
    advice: str = ""
    measure: str = ""
    minimum: float | None = None
    delta: float | None = None
    ci90: tuple[float, float] | None = None
    margin: float | None = None
    mde: float | None = None
    comparison: Comparison | None = None
    waived: str = ""
    updated: bool = False

    @property
    def breached(self) -> bool:
        """Whether the gate is not met, whatever its severity."""
        return self.outcome not in MET

    @property
    def failed(self) -> bool:
        """Whether the breach turns the test red."""
        return self.breached and self.severity == "error" and not self.waived


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
