"""The report as JUnit XML: a test suite for each suite, a test case for each gate and model.

What pytest writes with --junitxml, made from a stored report.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import TYPE_CHECKING

from benchharness.report.model import Report, word_of
from benchharness.report.wording import of_suite, shown_estimate

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Verdict

# Characters that XML 1.0 has no place for, not even as a reference.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MEASURED = "measure"
_KINDS = ("failure", "error", "skipped")


def junit_text(report: Report) -> str:
    """The XML, UTF-8.

    A gate that fails is a failure, one that had no number to judge an error. A breach that fails
    nothing (a warning, a waiver, a baseline that was written instead) is skipped, with the word
    for it: it is no pass. What could not be measured is an error. Numbers are properties, exact.
    """
    root = ET.Element("testsuites", name="benchharness")
    for suite in report.suites:
        root.append(_suite(report, suite))
    _count(root)
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(report: Report, suite: str) -> ET.Element:
    element = ET.Element("testsuite", name=_legal(suite))
    for assessment in of_suite(report, suite):
        for verdict in assessment.verdicts:
            element.append(_gate(assessment, verdict))
        if not assessment.verdicts:
            element.append(_measurement(assessment))
    for failure in report.failures:
        if failure.suite == suite:
            case = _case(suite, f"{_MEASURED}[{failure.model}]" if failure.model else _MEASURED)
            body = "\n".join(filter(None, (failure.where, failure.message, failure.remedy)))
            _add(case, "error", failure.status, failure.message, body)
            element.append(case)
    _count(element)
    return element


def _gate(assessment: Assessment, verdict: Verdict) -> ET.Element:
    case = _case(verdict.suite, f"{verdict.gate}[{verdict.model}]")
    numbers: dict[str, float | None] = {
        "value": verdict.value,
        "minimum": verdict.minimum,
        "delta": verdict.delta,
        "margin": verdict.margin,
        "mde": verdict.mde,
    }
    if verdict.measure in assessment.estimates:
        numbers["ci95_low"], numbers["ci95_high"] = assessment.estimates[verdict.measure].ci95
    if verdict.ci90 is not None:
        numbers["ci90_low"], numbers["ci90_high"] = verdict.ci90
    _add_properties(case, {"outcome": verdict.outcome, "line": verdict.line, **_texts(numbers)})
    kind = _kind(verdict)
    if kind:
        body = f"{verdict.line}\n{verdict.advice}".strip()
        shown = verdict.waived or verdict.line
        _add(case, kind, verdict.outcome, f"{word_of(verdict)}: {shown}", body)
    return case


def _kind(verdict: Verdict) -> str:
    """The element of a gate that is not met; empty where it is."""
    if not verdict.breached:
        return ""
    if not verdict.failed or verdict.updated or verdict.outcome == "incomplete":
        return "skipped"
    return "error" if verdict.outcome == "error" else "failure"


def _measurement(assessment: Assessment) -> ET.Element:
    """A model that no gate judges: measured, with its values."""
    case = _case(assessment.result.suite, f"{_MEASURED}[{assessment.result.model}]")
    texts = {name: " ".join(shown_estimate(assessment, name)) for name in assessment.estimates}
    _add_properties(case, {"decision": assessment.decision.outcome, **texts})
    return case


def _texts(numbers: Mapping[str, float | None]) -> dict[str, str]:
    return {name: repr(float(one)) for name, one in numbers.items() if one is not None}


def _case(suite: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=_legal(suite), name=_legal(name))


def _add_properties(case: ET.Element, properties: Mapping[str, str]) -> None:
    block = ET.SubElement(case, "properties")
    for name, value in properties.items():
        ET.SubElement(block, "property", name=_legal(name), value=_legal(value))


def _add(case: ET.Element, kind: str, outcome: str, message: str, body: str) -> None:
    element = ET.SubElement(case, kind, type=_legal(outcome), message=_legal(message))
    element.text = _legal(body)


def _count(element: ET.Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for kind, name in zip(_KINDS, ("failures", "errors", "skipped"), strict=True):
        element.set(name, str(sum(case.find(kind) is not None for case in cases)))


def _legal(text: str) -> str:
    """The text without characters that are not allowed in XML 1.0."""
    return _ILLEGAL.sub("", text)
