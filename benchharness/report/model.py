"""The one `Report` that every renderer reads, and the word for how a session ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchharness.baseline.history import History
    from benchharness.errors import BenchError
    from benchharness.judge.bench import Assessment
    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.judge.verdict import Verdict
    from benchharness.train.tuning import Tuning

INTERNAL_ERROR = "internal-error"
INTERRUPTED = "interrupted"
NOTHING = "no-suites"
# Why a gate is left out that binds none of the models that were measured.
UNBOUND = "gates of other models"
_TOTALS = ("collected", "selected")


@dataclass(frozen=True)
class Failure:
    """A suite and model that could not be measured, and why.

    status:  `BenchError.status` of the cause ("data-error" …), "internal-error" or
             "interrupted".
    model:   empty where the whole suite failed, before any model was opened.
    where, remedy: as in `BenchError`; empty where nothing is known.
    """

    suite: str
    model: str
    status: str
    message: str
    where: str = ""
    remedy: str = ""

    @classmethod
    def of(cls, suite: str, model: str, error: BenchError) -> Failure:
        return cls(suite, model, error.status, error.message, error.where, error.remedy)


@dataclass(frozen=True)
class Report:
    """What a session found.

    assessments: one for each suite and model that was measured, in the order of collection.
    failures:    those that could not be measured.
    selection:   counts of test items. "collected" and "selected" are totals; every other name
                 is a reason for which items were left out ("deselected", "not-run" …).
    status:      see `status_of`.
    tunings:     what came of fine-tuning, for some of the assessments.
    leaderboards: models beside one another, of suites with two or more.
    history:     of the committed baselines, of some of the assessments.
    """

    assessments: tuple[Assessment, ...] = ()
    failures: tuple[Failure, ...] = ()
    selection: Mapping[str, int] = field(default_factory=dict)
    status: str = NOTHING
    tunings: tuple[Tuning, ...] = ()
    leaderboards: tuple[Leaderboard, ...] = ()
    history: tuple[History, ...] = ()

    def tuning_of(self, assessment: Assessment) -> Tuning | None:
        """What came of fine-tuning that model on that suite; None where nobody tried."""
        pair = (assessment.result.suite, assessment.result.model)
        return next((one for one in self.tunings if (one.suite, one.model) == pair), None)

    @classmethod
    def of(
        cls,
        assessments: Sequence[Assessment],
        failures: Sequence[Failure] = (),
        selection: Mapping[str, int] | None = None,
        *,
        ended: str = "",
    ) -> Report:
        """The report with its status; `ended` is "interrupted", "internal-error" or empty."""
        return cls(
            tuple(assessments),
            tuple(failures),
            dict(selection or {}),
            status_of(assessments, failures, ended=ended),
        )

    @property
    def complete(self) -> bool:
        """Whether everything was measured, on all queries: nothing left out, nothing failed."""
        return (
            bool(self.assessments)
            and not self.failures
            and not any(self.selection[name] for name in self.selection if name not in _TOTALS)
            and self.status not in (INTERRUPTED, INTERNAL_ERROR)
            and all(assessment.result.limit is None for assessment in self.assessments)
            and not any(verdict.updated for verdict in self.verdicts)
        )

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(verdict for assessment in self.assessments for verdict in assessment.verdicts)

    @property
    def suites(self) -> tuple[str, ...]:
        """Names of the suites, in the order in which they first appear."""
        names = [assessment.result.suite for assessment in self.assessments]
        return tuple(dict.fromkeys([*names, *(failure.suite for failure in self.failures)]))


def status_of(
    assessments: Sequence[Assessment], failures: Sequence[Failure] = (), *, ended: str = ""
) -> str:
    """The word for a session, the worst of what happened.

    From the worst: "internal-error", "interrupted", the status of the first failure
    ("data-error" …), "error" (a gate had no number to judge), "fail" (a gate of severity error
    was breached), "incomplete" (measured on some of the queries only, or a baseline was written
    in place of judging), "pass". A breach that only warns, is only told, or is waived does not
    change it. Without assessments and failures "no-suites".
    """
    causes = [ended, *(failure.status for failure in failures)]
    for worst in (INTERNAL_ERROR, INTERRUPTED):
        if worst in causes:
            return worst
    if failures:
        return failures[0].status
    if not assessments:
        return NOTHING
    verdicts = [verdict for assessment in assessments for verdict in assessment.verdicts]
    outcomes = {verdict.outcome for verdict in verdicts if verdict.failed}
    if "error" in outcomes:
        return "error"
    if outcomes - {"incomplete"}:
        return "fail"
    limited = any(assessment.result.limit is not None for assessment in assessments)
    updated = any(verdict.updated for verdict in verdicts)
    return "incomplete" if limited or updated or outcomes else "pass"


def word_of(verdict: Verdict) -> str:
    """How a gate's outcome is printed; in capitals where it fails, and as a pass only if met.

    "pass", "improved", "identical"; "FAIL", "REGRESSED", "NO-BASELINE" …; "warn", "regressed",
    "inconclusive" … where it fails nothing; "waived" and "updated".
    """
    if not verdict.breached:
        return verdict.outcome
    if verdict.updated:
        return "updated"
    if verdict.waived:
        return "waived"
    if verdict.failed:
        return verdict.outcome.upper()
    return "warn" if verdict.outcome == "fail" else verdict.outcome


def tally(verdicts: Sequence[Verdict]) -> str:
    """`1 FAIL, 2 pass`, worst first; a single gate is its word alone, none is `no gate`."""
    words = [word_of(verdict) for verdict in verdicts]
    if len(words) <= 1:
        return words[0] if words else "no gate"
    rank = {"identical": 2, "improved": 2, "pass": 3}
    order = sorted(
        dict.fromkeys(words), key=lambda word: (rank.get(word, 0 if word.isupper() else 1), word)
    )
    return ", ".join(f"{words.count(word)} {word}" for word in order)
