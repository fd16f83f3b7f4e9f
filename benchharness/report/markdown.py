"""summary.md: the report for a pull request or a step summary, below 60 KB."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from benchharness.report import leaderboard_text
from benchharness.report.files import CHANGES, VERDICT
from benchharness.report.model import Report, tally, word_of
from benchharness.report.tuning_text import HEAD, facts_of, rows_of
from benchharness.report.what_changed import LOST, comparison_cells, details
from benchharness.report.wording import (
    bm25_line,
    ceilings_of,
    closing_sentence,
    depth_of,
    facts_line,
    findings_of,
    measures_of,
    of_suite,
    plain,
    shown_estimate,
    size_line,
    status_word,
    tokens_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Verdict
    from benchharness.report.release import Release

# A comment on a pull request holds 65,536 characters; the sections share less than that.
_TABLE_BYTES = 12_000
_SECTION_BYTES = 5_000
_COMPARISONS_BYTES = 6_000
_CHANGES_BYTES = 8_000
_TUNINGS_BYTES = 8_000
_TUNING_PART_BYTES = 1_500
_FOLD_BYTES = 3_000
_BOARDS_BYTES = 8_000
_BOARD_PART_BYTES = 3_000
_LONGEST_TEXT = 600
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&$])")
_MENTION = re.compile(r"(?<!\w)@(?=\w)")


def summarise(report: Report, release: Release | None = None) -> str:
    """The report in Markdown: the verdict, one table, what needs a look, the findings folded.

    release: of a session that asked whether to release; its line stands first.
    """
    sections = [
        ["<!-- benchharness -->", *_head(report, release)],
        _table(report),
        _listed("Gates that did not pass", _breaches(report)),
        _capped(_boards(report), _BOARDS_BYTES),
        _what_changed(report),
        _listed("Not measured", _failures(report)),
        _listed("Is fine-tuning worth it?", _decisions(report)),
        _capped(_tunings(report), _TUNINGS_BYTES),
        _folded("Evidence and timings", _evidence(report)),
        _folded("Findings on the data", _findings(report)),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _head(report: Report, release: Release | None) -> list[str]:
    status = f"**{escape(status_word(report))}**: {closing_sentence(report)}"
    if release is None:
        return [status]
    word, _, why = release.line.partition(": ")
    return [f"**{word}**: {escape(why)}", "", status]


def escape(text: str) -> str:
    """The text as Markdown shows it literally, on one line, in a table too; nobody is mentioned.

    A text of more than 600 characters is cut off.
    """
    return _MENTION.sub("@<!-- -->", _SPECIAL.sub(r"\\\1", _shortened(text)))


def escape_html(text: str) -> str:
    """The same where Markdown is not read: between HTML tags such as <summary>."""
    return _MENTION.sub("@<!-- -->", html.escape(_shortened(text)))


def _shortened(text: str) -> str:
    text = " ".join(plain(text).split())
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _table(report: Report) -> list[str]:
    if not report.assessments:
        return []
    measures = measures_of(report.assessments)
    head = ["suite", "model", *measures, "decision", "gates"]
    rows = []
    for suite in report.suites:
        found = of_suite(report, suite)
        rows += [_row(assessment, measures) for assessment in found]
        ceilings = ceilings_of(found)
        if ceilings:
            cells = [escape(suite), "*(ceiling)*", *(ceilings.get(name, "") for name in measures)]
            rows.append(_cells([*cells, "", ""]))
    names = [escape(name) for name in head]
    return [_cells(names), _cells(["---"] * len(head)), *_capped(rows, _TABLE_BYTES)]


def _row(assessment: Assessment, measures: Sequence[str]) -> str:
    result = assessment.result
    values = [
        " ".join(shown_estimate(assessment, name)) if name in assessment.estimates else ""
        for name in measures
    ]
    gates = escape(tally(assessment.verdicts))
    decision = assessment.decision.outcome
    return _cells([escape(result.suite), escape(result.model), *values, decision, gates])


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _breaches(report: Report) -> list[str]:
    return [
        f"**{word_of(verdict)}** {_names(verdict.suite, verdict.model)} / {escape(verdict.gate)}: "
        f"{escape(verdict.line)}{_asides(verdict)}"
        for verdict in report.verdicts
        if verdict.breached
    ]


def _asides(verdict: Verdict) -> str:
    if verdict.waived:
        return f" (waived: {escape(verdict.waived)})"
    return f" → {escape(verdict.advice)}" if verdict.advice else ""


def _what_changed(report: Report) -> list[str]:
    """A row for each comparison; below it, what stands behind those that are not met, folded."""
    rows = []
    for verdict in report.verdicts:
        cells = comparison_cells(verdict)
        if cells:
            names = (verdict.suite, verdict.model, verdict.gate)
            rows.append(_cells([escape(cell) for cell in (*names, *cells)]))
    if not rows:
        return []
    head = [
        "suite", "model", "gate", "measure", "before → after", "difference [interval]",
        "outcome", "won / lost / tied",
    ]  # fmt: skip
    lines = ["### What changed", "", _cells(head), _cells(["---"] * len(head))]
    lines += _capped(rows, _COMPARISONS_BYTES)
    behind = [
        (verdict, details(verdict, depth_of(found, verdict)))
        for found in report.assessments
        for verdict in found.verdicts
    ]
    behind.sort(key=lambda pair: not pair[0].failed)
    folds = ["\n".join(_fold(verdict, said)) for verdict, said in behind if said]
    return [*lines, "", *_capped(folds, _CHANGES_BYTES, CHANGES)]


def _fold(verdict: Verdict, said: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f"{'lost ' if kind == LOST else ''}{escape(line)}" for kind, line in said]
    names = " / ".join((verdict.suite, verdict.model, verdict.gate))
    title = f"{escape_html(names)}: {word_of(verdict)}"
    return _details(title, lines, _FOLD_BYTES, CHANGES)


def _failures(report: Report) -> list[str]:
    return [
        f"**{escape(failure.status)}** {_names(failure.suite, failure.model)}: "
        + (f"{escape(failure.where)}: " if failure.where else "")
        + escape(failure.message)
        + (f" → {escape(failure.remedy)}" if failure.remedy else "")
        for failure in report.failures
    ]


def _decisions(report: Report) -> list[str]:
    return [
        f"{_names(found.result.suite, found.result.model)}: **{found.decision.outcome}**: "
        f"{escape(found.decision.why)}"
        + (f" → {escape(found.decision.advice)}" if found.decision.advice else "")
        for found in report.assessments
    ]


def _tunings(report: Report) -> list[str]:
    """A section for each model that was fine-tuned: outcome, table, facts folded."""
    sections = []
    for tuning in report.tunings:
        names = _names(tuning.suite, tuning.model)
        lines = [f"### Fine-tuning {names}: {tuning.outcome}", "", escape(tuning.why)]
        if tuning.advice:
            lines.append(f"→ {escape(tuning.advice)}")
        rows = [_cells(map(escape, row)) for row in rows_of(tuning)]
        if rows:
            lines += ["", _cells(HEAD), _cells(["---"] * len(HEAD))]
            lines += _capped(rows, _TUNING_PART_BYTES)
        facts = list(map(escape, facts_of(tuning)))
        if facts:
            title = f"How it was trained ({len(facts)})"
            lines += ["", *_details(title, facts, _TUNING_PART_BYTES)]
        sections.append("\n".join([*lines, ""]))
    return sections


def _boards(report: Report) -> list[str]:
    """A section for each leaderboard: the rows, what variants lose, what the marks mean folded."""
    sections = []
    for board in report.leaderboards:
        lines = [f"### Leaderboard {escape(leaderboard_text.title_of(board))}"]
        for head, rows in (leaderboard_text.table_of(board), leaderboard_text.losses_of(board)):
            if rows:
                lines += ["", _cells(map(escape, head)), _cells(["---"] * len(head))]
                cells = (map(escape, (cell.strip() for cell in row)) for row in rows)
                lines += _capped([_cells(row) for row in cells], _BOARD_PART_BYTES)
        facts = [
            escape(fact)
            for fact in (*leaderboard_text.facts_of(board), leaderboard_text.loss_fact(board))
            if fact
        ]
        lines += ["", *_details(f"How to read it ({len(facts)})", facts, _BOARD_PART_BYTES)]
        sections.append("\n".join([*lines, ""]))
    if leaderboard_text.summary_of(report.leaderboards):
        sections.append(escape(leaderboard_text.summary_of(report.leaderboards)))
    return sections


def _evidence(report: Report) -> list[str]:
    lines = []
    for suite in report.suites:
        found = of_suite(report, suite)
        bm25 = bm25_line(found)
        if bm25:
            lines.append(f"{escape(suite)}: {escape(bm25)}")
        for assessment in found:
            result = assessment.result
            facts = (size_line([result]), tokens_line(assessment), facts_line(result))
            said = "; ".join(escape(fact) for fact in facts if fact)
            lines.append(f"{_names(suite, result.model)}: {said}")
    return lines


def _findings(report: Report) -> list[str]:
    lines = []
    for severity in ("error", "warning", "note"):
        for suite in report.suites:
            for finding in findings_of(of_suite(report, suite), severity):
                where = f" ({escape(finding.where)})" if finding.where else ""
                remedy = f" → {escape(finding.remedy)}" if finding.remedy else ""
                said = f"{escape(finding.code)}: {escape(finding.message)}{where}{remedy}"
                lines.append(f"{severity} {escape(suite)}: {said}")
    return lines


def _names(suite: str, model: str) -> str:
    return f"{escape(suite)} / {escape(model)}" if model else escape(suite)


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return [f"### {title}", "", *_capped([f"- {line}" for line in lines], _SECTION_BYTES)]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return _details(f"{title} ({len(lines)})", lines, _SECTION_BYTES) if lines else []


def _details(title: str, lines: Sequence[str], most_bytes: int, where: str = VERDICT) -> list[str]:
    head = f"<details><summary>{title}</summary>"
    listed = _capped([f"- {line}" for line in lines], most_bytes, where)
    return [head, "", *listed, "", "</details>"]


def _capped(lines: Sequence[str], most_bytes: int, where: str = VERDICT) -> list[str]:
    """As many lines as fit, and how many more there are, to be found in the file `where`."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode("utf-8", "backslashreplace")) + 1
        if size > most_bytes:
            return [*kept, "", f"… and {len(lines) - len(kept)} more, see {where}"]
        kept.append(line)
    return kept
