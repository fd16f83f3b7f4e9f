"""The report on a terminal: one table a suite, then what each model's numbers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchharness.judge.floors import NARROW
from benchharness.judge.numbers import format_count
from benchharness.report import leaderboard_text
from benchharness.report.model import Failure, Report, tally, word_of
from benchharness.report.terminal_board import print_board
from benchharness.report.terminal_pieces import STYLES, assembled, styled
from benchharness.report.tuning_text import HEAD, facts_of, rows_of
from benchharness.report.what_changed import ENVIRONMENT, LOST, details
from benchharness.report.wording import (
    bm25_line,
    ceilings_of,
    closing_path,
    closing_sentence,
    counted_line,
    depth_of,
    facts_line,
    findings_of,
    measures_of,
    of_suite,
    one_line,
    shown_estimate,
    size_line,
    status_word,
    tokens_line,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from benchharness.judge.bench import Assessment
    from benchharness.judge.leaderboard import Leaderboard
    from benchharness.judge.verdict import Verdict
    from benchharness.train.tuning import Tuning

_LONGEST_PLACE = 120
_AS_ABOVE = "the same queries as above"
# Below this a table would lose columns; the terminal wraps the lines instead.
_NARROWEST = 64
# For terminals without the character; what is left after these is escaped.
_ASCII = str.maketrans({"·": "-", "…": "...", "→": "->", "─": "-", "—": "-"})


def render(
    report: Report,
    width: int,
    color: bool,
    *,
    encoding: str = "utf-8",
    folder: Path | None = None,
) -> str:
    """The report as lines of at most `width` columns (at least 64), the last one the status.

    color:    with ANSI colours; without, every word still says what the colour says.
    encoding: of the terminal; outside UTF-8 lines and dots become ASCII.
    folder:   where verdict.json was written; named in the last line, which is not broken.
    """
    console = _console(width, color=color)
    ascii_only = _is_ascii(encoding)
    for suite in report.suites:
        found = of_suite(report, suite)
        if found:
            _print_suite(console, report, suite, found, ascii_only=ascii_only)
    for board in report.leaderboards:
        print_board(console, board, ascii_only=ascii_only)
    if leaderboard_text.summary_of(report.leaderboards):
        console.print(styled(leaderboard_text.summary_of(report.leaderboards)))
        console.print()
    for failure in report.failures:
        _print_failure(console, failure)
    _print_closing(console, report, folder)
    return _written(console, encoding)


def render_leaderboards(
    boards: Sequence[Leaderboard], width: int, color: bool, *, encoding: str = "utf-8"
) -> str:
    """The boards alone, and what sums them up; see `render`."""
    console = _console(width, color=color)
    for board in boards:
        print_board(console, board, ascii_only=_is_ascii(encoding))
    if leaderboard_text.summary_of(boards):
        console.print(styled(leaderboard_text.summary_of(boards)))
    return _written(console, encoding)


def _console(width: int, *, color: bool) -> Console:
    from io import StringIO

    from rich.console import Console

    return Console(
        file=StringIO(),
        width=max(width, _NARROWEST),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        markup=False,
    )


def _is_ascii(encoding: str) -> bool:
    return not encoding.lower().replace("-", "").startswith("utf")


def _written(console: Console, encoding: str) -> str:
    """What was printed, without blanks at the ends of lines, in characters of the encoding."""
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above
    lines = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if _is_ascii(encoding):
        shown = lines.translate(_ASCII)
        return shown.encode(encoding, "backslashreplace").decode(encoding)
    return lines


def _indented(content: RenderableType, columns: int) -> RenderableType:
    from rich.padding import Padding

    return Padding(content, (0, 0, 0, columns))


def _print_suite(
    console: Console, report: Report, suite: str, found: Sequence[Assessment], *, ascii_only: bool
) -> None:
    results = [assessment.result for assessment in found]
    counted = counted_line(results[0])
    size = f"{size_line(results)}; {counted}" if counted else size_line(results)
    console.print(styled((suite, "bold"), (f"  {size}", "dim")))
    console.print(_fitting_table(console, found, ascii_only=ascii_only))
    if bm25_line(found):
        console.print(styled((bm25_line(found), "dim")))
    for assessment in found:
        _print_model(console, assessment)
        tuning = report.tuning_of(assessment)
        if tuning is not None:
            _print_tuning(console, tuning, ascii_only=ascii_only)
    _print_findings(console, found)
    console.print()


def _fitting_table(
    console: Console, found: Sequence[Assessment], *, ascii_only: bool
) -> RenderableType:
    """The first shape that fits: intervals beside or below, then a row for each measure."""
    unbounded = console.options.update(width=10_000)
    beside = _table(found, " ", ascii_only=ascii_only)
    if console.measure(beside, options=unbounded).maximum <= console.width:
        return beside
    below = _table(found, "\n", ascii_only=ascii_only)
    if console.measure(below, options=unbounded).minimum <= console.width:
        return below
    long = _long_table(found, " ", ascii_only=ascii_only)
    if console.measure(long, options=unbounded).minimum <= console.width:
        return long
    return _long_table(found, "\n", ascii_only=ascii_only)


def _table(found: Sequence[Assessment], joint: str, *, ascii_only: bool) -> Table:
    """Models as rows, measures as columns; `joint` stands between a value and its interval."""
    measures = measures_of(found)
    rows = []
    for assessment in found:
        cells = [
            _value_cell(assessment, name, joint) if name in assessment.estimates else styled("")
            for name in measures
        ]
        rows.append([styled(assessment.result.model), *cells, *_judged_cells(assessment, joint)])
    ceilings = ceilings_of(found)
    if ceilings:
        shown = [styled((ceilings.get(name, ""), "dim")) for name in measures]
        rows.append([styled(("(ceiling)", "dim")), *shown, styled(""), styled("")])
    return assembled(["model", *measures, "decision", "gates"], rows, ascii_only=ascii_only)


def _long_table(found: Sequence[Assessment], joint: str, *, ascii_only: bool) -> Table:
    """A row for each model and measure, for narrow terminals and many measures."""
    rows = []
    for assessment in found:
        model, judged = styled(assessment.result.model), _judged_cells(assessment, "\n")
        for name in assessment.estimates:
            rows.append([model, styled(name), _value_cell(assessment, name, joint), *judged])
            model, judged = styled(""), (styled(""), styled(""))
    for name, ceiling in ceilings_of(found).items():
        cells = [styled((word, "dim")) for word in ("(ceiling)", name, ceiling)]
        rows.append([*cells, styled(""), styled("")])
    head = ["model", "measure", "value", "decision", "gates"]
    return assembled(head, rows, ascii_only=ascii_only)


def _value_cell(assessment: Assessment, measure: str, joint: str) -> Text:
    value, interval = shown_estimate(assessment, measure)
    return styled(value, (f"{joint}{interval}", "dim"))


def _judged_cells(assessment: Assessment, joint: str) -> tuple[Text, Text]:
    outcome = assessment.decision.outcome
    gates = tally(assessment.verdicts)
    style = STYLES.get(gates.partition(",")[0].split()[-1], "bold red")
    if not assessment.verdicts:
        style = "dim"
    shown = gates.replace(", ", "\n") if joint == "\n" else gates
    return styled((outcome, STYLES.get(outcome, ""))), styled((shown, style))


def _print_model(console: Console, assessment: Assessment) -> None:
    result, decision = assessment.result, assessment.decision
    console.print()
    console.print(
        styled(
            (result.model, "bold"), ": ", (decision.outcome, STYLES.get(decision.outcome, "bold"))
        )
    )
    console.print(_indented(styled(decision.why), 2))
    if decision.advice:
        console.print(_indented(styled("→ ", decision.advice), 2))
    told: set[str] = set()
    for verdict in assessment.verdicts:
        if _is_told(verdict):
            console.print(_indented(_gate_line(verdict), 2))
            _print_details(console, details(verdict, depth_of(assessment, verdict)), told)
    for fact in (tokens_line(assessment), facts_line(result)):
        if fact:
            console.print(_indented(styled((fact, "dim")), 2))


def _print_tuning(console: Console, tuning: Tuning, *, ascii_only: bool) -> None:
    """The outcome of fine-tuning below its model; the run's folder has all of it."""
    style = STYLES.get(tuning.outcome, "yellow")
    outcome = styled("tuned: ", (tuning.outcome, style), f": {one_line(tuning.why)}")
    console.print(_indented(outcome, 2))
    rows = [[styled(one_line(cell)) for cell in row] for row in rows_of(tuning)]
    if rows:
        console.print(_indented(assembled(HEAD, rows, ascii_only=ascii_only), 4))
    for fact in facts_of(tuning):
        console.print(_indented(styled((one_line(fact), "dim")), 4))
    if tuning.advice:
        console.print(_indented(styled("→ ", one_line(tuning.advice)), 4))


def _is_told(verdict: Verdict) -> bool:
    """A clear pass of a floor needs no line beside the table; all else does."""
    return verdict.breached or verdict.comparison is not None or NARROW in verdict.line


def _print_details(console: Console, found: Sequence[tuple[str, str]], told: set[str]) -> None:
    """The lines below a gate; what an earlier gate of the model told is not told again."""
    lost = [line for kind, line in found if kind == LOST]
    if lost and told.issuperset(lost):
        found = [(LOST, _AS_ABOVE), *(pair for pair in found if pair[0] != LOST)]
    for kind, line in found:
        if kind == ENVIRONMENT and line in told:
            continue
        text = styled((kind, STYLES[kind]), f"  {line}") if kind == LOST else styled((line, "dim"))
        console.print(_indented(text, 4))
    told.update(line for _, line in found)


def _gate_line(verdict: Verdict) -> Text:
    word = word_of(verdict)
    parts: list[str | tuple[str, str]] = [
        (word, STYLES.get(word, "bold red")),
        f" {verdict.gate}: {one_line(verdict.line)}",
    ]
    if verdict.waived:
        parts.append((f" · {one_line(verdict.waived)}", "dim"))
    elif verdict.breached and verdict.advice:
        parts.append((f" → {verdict.advice}", "dim"))
    return styled(*parts)


def _print_findings(console: Console, found: Sequence[Assessment]) -> None:
    for severity in ("error", "warning"):
        findings = findings_of(found, severity)
        if not findings:
            continue
        console.print()
        console.print(styled((f"lint: {format_count(len(findings), severity)}", STYLES[severity])))
        for finding in findings:
            where = f" ({_shortened(finding.where)})" if finding.where else ""
            console.print(_indented(styled(f"{finding.code}: {finding.message}{where}"), 2))
            if finding.remedy:
                console.print(_indented(styled((f"→ {finding.remedy}", "dim")), 4))


def _shortened(where: str) -> str:
    """The first places; `benchharness lint` and verdict.json have all that were found."""
    return where if len(where) <= _LONGEST_PLACE else f"{where[:_LONGEST_PLACE].rstrip()}…"


def _print_failure(console: Console, failure: Failure) -> None:
    names = " / ".join(name for name in (failure.suite, failure.model) if name)
    console.print(styled((failure.status, "bold red"), " ", (names, "bold")))
    where = f"{failure.where}: " if failure.where else ""
    console.print(_indented(styled(f"{where}{failure.message}"), 2))
    if failure.remedy:
        console.print(_indented(styled(f"→ {failure.remedy}"), 2))
    console.print()


def _print_closing(console: Console, report: Report, folder: Path | None) -> None:
    good = report.status == "pass"
    path = closing_path(folder)
    line = styled(
        (status_word(report), "bold green" if good else "bold red"),
        f": {closing_sentence(report)}",
        (f" · {path}" if path else "", "dim"),
    )
    console.print(line, soft_wrap=True)
