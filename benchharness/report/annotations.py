"""Workflow commands that let GitHub show verdicts beside the lines of the suite files."""

from collections.abc import Mapping

from benchharness.judge.numbers import format_count
from benchharness.judge.verdict import Verdict
from benchharness.report.model import Failure, Report
from benchharness.report.wording import plain

# GitHub shows ten of each level for a step and hides the rest without a word.
MOST = 10
_LONGEST_TITLE = 200
_LONGEST_MESSAGE = 2_000


def annotations(report: Report, places: Mapping[str, tuple[str, int]]) -> list[str]:
    """At most 10 workflow commands, `::error file=…,line=…,title=…::message`, the worst first.

    What could not be measured and gates that fail are errors; gates that only warn, and those
    that a limit kept from being judged, are warnings. Waived breaches, updates and what is only
    told get none. Of more than 10 the tenth says how many there are besides.

    places: suite -> (path, line) of its definition; a suite without a place has no file.
    Source: GitHub Actions, workflow commands, "Setting an error message".
    """
    failures = [_of_failure(failure, places) for failure in report.failures]
    told = sorted(
        ((_level(verdict), verdict) for verdict in report.verdicts),
        key=lambda pair: (pair[0] != "error", pair[1].outcome != "error"),
    )
    found = failures + [
        (level, _of_verdict(level, verdict, places)) for level, verdict in told if level
    ]
    if len(found) <= MOST:
        return [command for _, command in found]
    kept, left = found[: MOST - 1], found[MOST - 1 :]
    more = f"… and {format_count(len(left))} more, see the summary"
    return [*(command for _, command in kept), _command(left[0][0], "benchharness", more, None)]


def _level(verdict: Verdict) -> str:
    """The level of the annotation: "error", "warning", or empty for none."""
    if not verdict.breached or verdict.waived or verdict.severity == "note":
        return ""
    is_error = verdict.severity == "error" and verdict.outcome != "incomplete"
    return "error" if is_error else "warning"


def _of_failure(failure: Failure, places: Mapping[str, tuple[str, int]]) -> tuple[str, str]:
    title = " / ".join(name for name in (failure.suite, failure.model, failure.status) if name)
    where = f"{failure.where}: " if failure.where else ""
    message = _with_advice(f"{where}{failure.message}", failure.remedy)
    return "error", _command("error", title, message, places.get(failure.suite))


def _of_verdict(level: str, verdict: Verdict, places: Mapping[str, tuple[str, int]]) -> str:
    title = " / ".join((verdict.suite, verdict.model, verdict.gate))
    message = _with_advice(f"{verdict.outcome}: {verdict.line}", verdict.advice)
    return _command(level, title, message, places.get(verdict.suite))


def _with_advice(message: str, advice: str) -> str:
    return f"{message} → {advice}" if advice else message


def _command(level: str, title: str, message: str, place: tuple[str, int] | None) -> str:
    properties = [("file", place[0]), ("line", str(place[1]))] if place else []
    properties.append(("title", _cut(title, _LONGEST_TITLE)))
    shown = ",".join(f"{name}={_escaped_property(value)}" for name, value in properties)
    return f"::{level} {shown}::{_escaped(_cut(message, _LONGEST_MESSAGE))}"


def _escaped(text: str) -> str:
    """On one line, as the runner decodes it; other control characters are made visible."""
    coded = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return plain(coded)


def _escaped_property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
