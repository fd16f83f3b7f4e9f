"""What each section of the page says, as text and tables; the words are those of all renderers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from benchharness.judge.numbers import format_count, format_value
from benchharness.report.model import Report, tally, word_of
from benchharness.report.what_changed import comparison_cells, details
from benchharness.report.wording import (
    bm25_line,
    ceilings_of,
    counted_line,
    depth_of,
    facts_line,
    findings_of,
    measures_of,
    of_suite,
    one_line,
    plain,
    shown_estimate,
    size_line,
    tokens_line,
)

if TYPE_CHECKING:
    from benchharness.data.lint import Finding
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Verdict

# How a word is coloured; the word itself always says it too.
_TONES = {
    "pass": "good", "improved": "good", "identical": "good", "skip": "good",
    "FAIL": "bad", "REGRESSED": "bad", "ERROR": "bad", "tune": "warn", "warn": "warn",
}  # fmt: skip
_MOST_BREACHES = 6


@dataclass(frozen=True)
class Word:
    """A word with its tone: "good", "bad", "warn" or "calm"."""

    text: str
    tone: str


@dataclass(frozen=True)
class Gate:
    suite: str
    model: str
    name: str
    word: Word
    line: str
    advice: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A model in the table of its suite; cells are (value, interval) by measure."""

    model: str
    cells: tuple[tuple[str, str], ...]
    decision: Word
    gates: Word


@dataclass(frozen=True)
class Suite:
    name: str
    size: str
    note: str
    measures: tuple[str, ...]
    rows: tuple[Row, ...]
    ceilings: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """The decision on a model, with the sentences that stand beside it."""

    suite: str
    model: str
    word: Word
    why: str
    advice: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class SliceTable:
    suite: str
    model: str
    field: str
    measures: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Named = TypeVar("Named", Decision, SliceTable)


def word(text: str) -> Word:
    """The word; what is in capitals fails, what is unknown is calm."""
    first = text.partition(",")[0].split()[-1] if text else ""
    tone = _TONES.get(first)
    return Word(text, tone or ("bad" if first.isupper() else "calm"))


def breaches(report: Report) -> tuple[list[Gate], int]:
    """The gates that are not met, those that fail first, and how many more there are."""
    broken = [
        (assessment, verdict)
        for assessment in report.assessments
        for verdict in assessment.verdicts
        if verdict.breached
    ]
    broken.sort(key=lambda pair: not pair[1].failed)  # stable: else the order of the report
    shown = [_gate(one, verdict) for one, verdict in broken[:_MOST_BREACHES]]
    return shown, len(broken) - len(shown)


def gates(report: Report) -> list[Gate]:
    return [_gate(one, verdict) for one in report.assessments for verdict in one.verdicts]


def _gate(assessment: Assessment, verdict: Verdict) -> Gate:
    found = details(verdict, depth_of(assessment, verdict))
    return Gate(
        suite=one_line(verdict.suite),
        model=one_line(verdict.model),
        name=one_line(verdict.gate),
        word=word(word_of(verdict)),
        line=one_line(verdict.line + (f"; waived: {verdict.waived}" if verdict.waived else "")),
        advice=one_line(verdict.advice if verdict.breached and not verdict.waived else ""),
        details=tuple(line for _, line in found),
    )


def suites(report: Report) -> Iterator[Suite]:
    """Yields each suite that was measured, with a row for each model."""
    for suite in report.suites:
        found = of_suite(report, suite)
        if not found:
            continue
        measures = measures_of(found)
        ceilings = ceilings_of(found)
        notes = (counted_line(found[0].result), bm25_line(found))
        yield Suite(
            name=one_line(suite),
            size=size_line([one.result for one in found]),
            note="; ".join(note for note in notes if note),
            measures=tuple(measures),
            rows=tuple(_row(one, measures) for one in found),
            ceilings=tuple(ceilings.get(name, "") for name in measures) if ceilings else (),
        )


def _row(assessment: Assessment, measures: Sequence[str]) -> Row:
    cells = [
        shown_estimate(assessment, name) if name in assessment.estimates else ("", "")
        for name in measures
    ]
    return Row(
        model=one_line(assessment.result.model),
        cells=tuple(cells),
        decision=word(assessment.decision.outcome),
        gates=word(tally(assessment.verdicts)),
    )


Cells = list[tuple[str, Word] | None]


def matrix(report: Report) -> tuple[list[tuple[str, str]], list[tuple[str, Cells]]]:
    """((suite, its first measure), models with a (value, gates) of each suite or None).

    Both empty where one suite says it all.
    """
    names = [suite for suite in report.suites if of_suite(report, suite)]
    if len(names) < 2:
        return [], []
    first = {suite: next(iter(measures_of(of_suite(report, suite))), "") for suite in names}
    by_pair = {(one.result.suite, one.result.model): one for one in report.assessments}
    models = list(dict.fromkeys(one.result.model for one in report.assessments))
    rows = []
    for model in models:
        cells: Cells = []
        for suite in names:
            found, measure = by_pair.get((suite, model)), first[suite]
            cells.append(
                (shown_estimate(found, measure)[0], word(tally(found.verdicts)))
                if found is not None and measure in found.estimates
                else None
            )
        rows.append((one_line(model), cells))
    return [(one_line(name), first[name]) for name in names], rows


def decisions(report: Report) -> Iterator[Decision]:
    for one in report.assessments:
        facts = (tokens_line(one), facts_line(one.result))
        yield Decision(
            suite=one_line(one.result.suite),
            model=one_line(one.result.model),
            word=word(one.decision.outcome),
            why=one_line(one.decision.why),
            advice=one_line(one.decision.advice),
            facts=tuple(one_line(fact) for fact in facts if fact),
        )


def by_suite(found: Iterable[Named]) -> list[tuple[str, list[Named]]]:
    """What belongs to each suite, in order of first appearance."""
    groups: dict[str, list[Named]] = {}
    for one in found:
        groups.setdefault(one.suite, []).append(one)
    return list(groups.items())


def comparisons(report: Report) -> list[tuple[str, ...]]:
    """(suite / model, measure, before → after, difference, outcome, won / lost / tied)."""
    return [
        (f"{one_line(verdict.suite)} / {one_line(verdict.model)}", *comparison_cells(verdict))
        for verdict in report.verdicts
        if verdict.comparison is not None
    ]


def slices(report: Report) -> Iterator[SliceTable]:
    """Yields a table for each suite, model and field of metadata."""
    for one in report.assessments:
        fields = dict.fromkeys(found.field for found in one.exhibit.slices)
        for field in fields:
            own = [found for found in one.exhibit.slices if found.field == field]
            measures = tuple(own[0].means)
            yield SliceTable(
                suite=one_line(one.result.suite),
                model=one_line(one.result.model),
                field=one_line(field),
                measures=measures,
                rows=tuple(
                    (
                        one_line(found.value),
                        format_count(found.n),
                        *(format_value(found.means[name]) for name in measures),
                    )
                    for found in own
                ),
            )


def findings(report: Report) -> list[tuple[str, Finding]]:
    """(suite, finding) of the lint, errors first."""
    return [
        (one_line(suite), finding)
        for severity in ("error", "warning", "note")
        for suite in report.suites
        for finding in findings_of(of_suite(report, suite), severity)
    ]


def provenance(report: Report) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yields (suite / model, facts by name): fingerprints, prompts, versions, timings."""
    for one in report.assessments:
        result = one.result
        prints = {
            name: getattr(result.fingerprints, name)
            for name in ("corpus", "queries", "qrels", "template", "model")
        }
        facts: list[tuple[str, str]] = [(f"{name} sha256", value) for name, value in prints.items()]
        for table in (result.details, result.environment, result.costs):
            facts += _facts(table)
        facts += [
            (name.replace("_", " "), f"{value:,.4g}") for name, value in result.timings.items()
        ]
        name = f"{one_line(result.suite)} / {one_line(result.model)}"
        yield name, [(one_line(fact), plain(value)) for fact, value in facts if value]


def _facts(table: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), f"{value:,.0f}" if isinstance(value, float) else str(value))
        for name, value in table.items()
    ]
