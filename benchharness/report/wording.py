"""The sentences that every renderer prints, as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from benchharness.gate import GuardGate
from benchharness.judge.numbers import (
    format_count,
    format_duration,
    format_interval,
    format_rate,
    format_value,
    order,
)
from benchharness.report.files import VERDICT
from benchharness.report.model import Report, word_of

if TYPE_CHECKING:
    from pathlib import Path

    from benchharness.data.lint import Finding
    from benchharness.evaluation.result import Result
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Verdict

_SHOWN_TERMS = 6
# Queries that no user wrote are labelled wherever their number stands.
ORIGINS = {"llm": "written by an LLM", "docstrings": "first sentences of docstrings"}


def plain(text: str) -> str:
    """The text with control characters made visible: a corpus must not steer a terminal."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else _visible(letter) for letter in text
    )


def one_line(text: str) -> str:
    """`plain` on one line: an id with a line break in it must not forge a line of a report."""
    return plain(text).replace("\n", "\\n")


def _visible(letter: str) -> str:
    return " " if letter == "\t" else letter.encode("unicode_escape").decode("ascii")


def shown_estimate(assessment: Assessment, measure: str) -> tuple[str, str]:
    """The value and its interval, printed so that they agree with every verdict on them."""
    found = assessment.estimates[measure]
    against = [
        verdict.minimum
        for verdict in assessment.verdicts
        if verdict.minimum is not None and verdict.measure == measure
    ]
    if assessment.decision.measure == measure:
        thresholds = assessment.decision.evidence.get("thresholds")
        if isinstance(thresholds, Mapping):
            against += [float(end) for end in thresholds.values()]
    return format_value(found.value, against), format_interval(found.ci95, against)


def of_suite(report: Report, suite: str) -> list[Assessment]:
    return [found for found in report.assessments if found.result.suite == suite]


def measures_of(assessments: Sequence[Assessment]) -> list[str]:
    """Every measure that one of them has, in order of first appearance."""
    return list(dict.fromkeys(name for found in assessments for name in found.estimates))


def ceilings_of(assessments: Sequence[Assessment]) -> dict[str, str]:
    """Ceilings below 1 as they are printed, by measure."""
    return {
        name: format_value(estimate.ceiling, against=(1.0,))
        for found in assessments
        for name, estimate in found.estimates.items()
        if estimate.ceiling is not None and estimate.ceiling < 1
    }


def depth_of(assessment: Assessment, verdict: Verdict) -> int | None:
    """How many documents were kept for each query that the verdict is about.

    None for a guard, whose queries are another suite's.
    """
    is_own = not verdict.gate.startswith(f"{GuardGate.kind}-")
    return assessment.result.run.depth if is_own else None


def size_line(results: Sequence[Result]) -> str:
    """`1,000 queries, 5,412 documents`, and what was counted apart."""
    counts = results[0].counts
    # A report may be read without its queries; then the count that was taken of them stands.
    n = len(results[0].query_ids) or counts.get("queries", 0)
    words = [format_count(n, "query", "queries")]
    if results[0].query_origin in ORIGINS:
        words[0] += f" ({ORIGINS[results[0].query_origin]})"
    if "documents" in counts:
        words.append(format_count(counts["documents"], "document"))
    if results[0].limit is not None:
        words.append("limited")
    return ", ".join(words)


def counted_line(result: Result) -> str:
    """What was left out or unanswered, where there is any: `12 queries without positive`."""
    return ", ".join(
        f"{format_count(count)} {name.replace('_', ' ')}"
        for name, count in sorted(result.counts.items())
        if count and name not in ("queries", "documents")
    )


def bm25_line(found: Sequence[Assessment]) -> str:
    """BM25's values on the suite, told once; empty where BM25 is not beside any model.

    Where BM25 is a row of the table, only how it tokenises and scores.
    """
    mappings = (assessment.decision.evidence.get("bm25") for assessment in found)
    bm25 = next((mapping for mapping in mappings if isinstance(mapping, Mapping)), None)
    if bm25 is None:
        return ""
    description = bm25.get("description")
    if any(one.result.model == "bm25" for one in found):
        return f"bm25: {description}" if description else ""
    shown = []
    for name, value in bm25.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            others = (one.estimates[name].value for one in found if name in one.estimates)
            beside = [other for other in others if order(other, float(value))]
            shown.append(f"{name} {format_value(float(value), beside)}")
    how = f" ({description})" if description else ""
    return f"BM25 on the same queries: {', '.join(shown)}{how}"


def tokens_line(assessment: Assessment) -> str:
    """Tokens per word, and the terms that the tokenizer splits most; empty where unknown."""
    tokens = assessment.decision.evidence.get("tokens")
    if not isinstance(tokens, Mapping):
        return ""
    line = f"tokens per word: {tokens['corpus']:.2f}, in general English {tokens['general']:.2f}"
    terms = tokens.get("most_split") or ()
    shown = ", ".join(f"{term['term']} {term['tokens']}" for term in terms[:_SHOWN_TERMS])
    return f"{line}; most split: {shown}" if shown else line


def facts_line(result: Result) -> str:
    """Time, ties and prompts in one line."""
    facts = (timing_line(result), ties_line(result), prompts_line(result))
    return "; ".join(fact for fact in facts if fact)


def prompts_line(result: Result) -> str:
    """The prompts of the model, where it has any."""
    return ", ".join(
        f"{name} {value!r}" for name, value in result.details.items() if "prompt" in name and value
    )


def ties_line(result: Result) -> str:
    """In how many queries the order of ids, not the score, decides what is above a cut-off."""
    tied = [
        f"{format_count(count, 'query', 'queries')} at rank {cut}"
        for cut, count in sorted(result.ties.items())
        if count
    ]
    return f"ties across the cut (ordered by doc_id): {', '.join(tied)}" if tied else ""


def timing_line(result: Result) -> str:
    """`took 41.5 s: encode documents 41.2 s (131 documents/s)`; short stages are left out."""
    seconds = {
        name.removesuffix("_s").replace("_", " "): spent
        for name, spent in result.timings.items()
        if name.endswith("_s")
    }
    total = sum(seconds.values())
    if not seconds:
        return ""
    rates = {
        name.removesuffix("_per_second"): rate
        for name, rate in result.timings.items()
        if name.endswith("_per_second")
    }
    stages = []
    for stage, spent in seconds.items():
        unit = next((unit for unit in rates if stage.endswith(unit)), None)
        rate = f" ({format_rate(rates[unit], unit)})" if unit else ""
        if spent >= 0.05 * total:
            stages.append(f"{stage} {format_duration(spent)}{rate}")
    return f"took {format_duration(total)}: {', '.join(stages)}"


def findings_of(assessments: Sequence[Assessment], severity: str) -> list[Finding]:
    """Each finding once, though every model of the suite has it."""
    found = (finding for one in assessments for finding in one.findings)
    return [finding for finding in dict.fromkeys(found) if finding.severity == severity]


def status_word(report: Report) -> str:
    return report.status.upper() if report.status == "fail" else report.status


def closing_sentence(report: Report) -> str:
    """What the status rests on: `3 of 5 gates passed, 1 warned; 3 measurements on 2 suites`.

    Only gates that are met count as passed: `1 of 5 gates not passed, 1 waived` where one fails.
    """
    failures = format_count(len(report.failures), "failure")
    if not report.assessments:
        return f"nothing was measured; {failures}" if report.failures else "nothing was measured"
    measured = format_count(len(report.assessments), "measurement")
    suites = format_count(len({found.result.suite for found in report.assessments}), "suite")
    sentence = f"{_counted_gates(report)}; {measured} on {suites}"
    if report.failures:
        sentence += f"; {failures}"
    elif not report.complete:
        sentence += "; not everything was measured"
    return sentence


def _counted_gates(report: Report) -> str:
    verdicts = report.verdicts
    if not verdicts:
        return "no gate"
    gates = format_count(len(verdicts), "gate")
    failed = sum(verdict.failed for verdict in verdicts)
    met = sum(not verdict.breached for verdict in verdicts)
    words = [word_of(one) for one in verdicts if one.breached and not one.failed]
    told = [
        f"{words.count(word)} {'warned' if word == 'warn' else word}"
        for word in dict.fromkeys(words)
    ]
    first = f"{failed} of {gates} not passed" if failed else f"{met} of {gates} passed"
    return ", ".join([first, *told])


def closing_path(folder: Path | None) -> str:
    return (folder / VERDICT).as_posix() if folder is not None else ""
