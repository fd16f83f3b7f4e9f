"""The report as CSV for a spreadsheet or a data frame: one row a suite, model and measure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from benchharness.gate import GuardGate, SliceGate
from benchharness.report.model import Report, word_of
from benchharness.report.wording import one_line

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.leaderboard import Leaderboard, Standing
    from benchharness.judge.verdict import Comparison, Verdict

HEAD = (
    "suite", "model", "measure", "value", "ci95_low", "ci95_high", "n", "method", "ceiling",
    "decision", "gates", "baseline", "baseline_value", "delta", "ci90_low", "ci90_high", "margin",
    "p_of_a_loss", "won", "lost", "tied", "bytes_per_vector", "latency_ms", "latency_p95_ms",
    "error",
)  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_APART = tuple(f"{kind.kind}-" for kind in (GuardGate, SliceGate))
Cell = str | float | int | None


def csv_text(report: Report) -> str:
    """The table with a line of names; lines end as RFC 4180 has them, in CR and LF.

    Rows are in order of the report: the measures of each suite and model, then what its gates
    judge beside them (costs by name, guards and slices by the name of the gate); then cut and
    quantised variants of leaderboards, with their full vectors as `baseline`; last what could not
    be measured, with the reason in `error`. Numbers are exact; the columns from `baseline` to
    `tied` are those of the gate that compared the measure, bytes and latency those of the row of
    a leaderboard. Text that a spreadsheet would take for
    a formula gets an apostrophe in front.
    """
    file = StringIO()
    writer = csv.writer(file)
    writer.writerow(HEAD)
    for row in _rows(report):
        writer.writerow([_cell(row.get(name)) for name in HEAD])
    return file.getvalue()


def defused(text: str) -> str:
    """The text on one line, as a spreadsheet shows it; never a formula."""
    line = one_line(text)
    return f"'{line}" if text.startswith(_FORMULA) or line.startswith(_FORMULA) else line


def _cell(value: Cell) -> str | int:
    if value is None:
        return ""
    if isinstance(value, str):
        return defused(value)
    return value if isinstance(value, int) else repr(float(value))


def _rows(report: Report) -> Iterator[dict[str, Cell]]:
    standings = {
        (board.suite, row.spec): row for board in report.leaderboards for row in board.standings
    }
    for assessment in report.assessments:
        result = assessment.result
        yield from _measures(assessment, standings.get((result.suite, result.model)))
        yield from _other_gates(assessment)
    for board in report.leaderboards:
        yield from _variants(board)
    for failure in report.failures:
        yield {
            "suite": failure.suite,
            "model": failure.model,
            "error": f"{failure.status}: {failure.message}",
        }


def _measures(assessment: Assessment, standing: Standing | None) -> Iterator[dict[str, Cell]]:
    result, decision = assessment.result, assessment.decision
    for measure, found in assessment.estimates.items():
        own = [one for one in assessment.verdicts if one.measure == measure and _is_own(one)]
        yield {
            "suite": result.suite,
            "model": result.model,
            "measure": measure,
            "value": found.value,
            "ci95_low": found.ci95[0],
            "ci95_high": found.ci95[1],
            "n": found.n,
            "method": found.method,
            "ceiling": found.ceiling,
            "decision": decision.outcome,
            **_judged(own),
            **_costs(standing),
        }


def _other_gates(assessment: Assessment) -> Iterator[dict[str, Cell]]:
    """A row for each gate on something that is no measure of this suite."""
    for verdict in assessment.verdicts:
        if verdict.measure in assessment.estimates and _is_own(verdict):
            continue
        yield {
            "suite": verdict.suite,
            "model": verdict.model,
            "measure": verdict.measure if _is_own(verdict) else verdict.gate,
            "value": verdict.value,
            "n": verdict.comparison.n if verdict.comparison else None,
            **_judged([verdict]),
        }


def _variants(board: Leaderboard) -> Iterator[dict[str, Cell]]:
    """A row for each row of the board that no model was measured for."""
    for row in board.standings:
        if row.loss is not None:
            yield {
                "suite": board.suite,
                "model": row.spec,
                "measure": board.measure,
                "value": row.value,
                "ci95_low": row.ci95[0],
                "ci95_high": row.ci95[1],
                "n": board.n,
                "gates": row.loss.outcome,
                "baseline": row.loss.of,
                "baseline_value": row.value - row.loss.delta,
                "delta": row.loss.delta,
                "ci90_low": row.loss.ci90[0],
                "ci90_high": row.loss.ci90[1],
                "margin": row.loss.margin,
                **_costs(row),
            }


def _costs(row: Standing | None) -> dict[str, Cell]:
    names = ("bytes_per_vector", "latency_ms", "latency_p95_ms")
    return {} if row is None else {name: getattr(row, name) for name in names}


def _is_own(verdict: Verdict) -> bool:
    """Whether the verdict's value is the suite's; not a slice's, nor another suite's."""
    return not verdict.gate.startswith(_APART)


def _judged(verdicts: Sequence[Verdict]) -> dict[str, Cell]:
    """The words of the gates, and the numbers of the first one that compared."""
    row: dict[str, Cell] = {
        "gates": "; ".join(f"{one.gate} {word_of(one)}" for one in verdicts),
    }
    for verdict in verdicts:
        if verdict.comparison is not None:
            return row | _compared(verdict, verdict.comparison)
    return row


def _compared(verdict: Verdict, one: Comparison) -> dict[str, Cell]:
    low, high = verdict.ci90 or (None, None)
    return {
        "baseline": one.reference,
        "baseline_value": one.before,
        "delta": verdict.delta,
        "ci90_low": low,
        "ci90_high": high,
        "margin": verdict.margin,
        "p_of_a_loss": one.p,
        "won": one.won,
        "lost": one.lost,
        "tied": one.tied,
    }
