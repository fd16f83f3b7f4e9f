"""JUnit XML of a stored report."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchharness.gate import Gate, Waiver
from benchharness.report.junit import junit_text
from benchharness.report.model import Failure, Report


def parsed(report):
    return ET.fromstring(junit_text(report).encode("utf-8"))


def cases_of(root):
    return {case.get("name"): case for case in root.iter("testcase")}


def properties_of(case):
    return {one.get("name"): one.get("value") for one in case.iter("property")}


def test_a_suite_is_a_test_suite_and_a_gate_and_model_a_case(assess):
    gates = [Gate.floor("recall@10", 0.6), Gate.floor("ndcg@10", 0.9)]
    root = parsed(Report.of([assess("faq", "a", gates=gates), assess("code", "b")]))

    assert [suite.get("name") for suite in root] == ["faq", "code"]
    assert list(cases_of(root)) == ["floor-recall@10[a]", "floor-ndcg@10[a]", "measure[b]"]
    assert {case.get("classname") for case in root[0]} == {"faq"}


def test_outcomes_are_elements(assess, change):
    """Rule: only what is met has no element; a breach that fails nothing is skipped, not passed."""
    waiver = Waiver("regression-recall@10", "minilm", "ticket 12", "2999-01-31")
    small = {"n": 300, "lost": 20, "won": 3}
    base = assess("faq", gates=[Gate.floor("recall@10", 0.6)])
    verdict = base.verdicts[0]
    made = replace(
        base,
        verdicts=(
            verdict,
            replace(verdict, gate="fails", outcome="fail"),
            replace(verdict, gate="warns", outcome="fail", severity="warn"),
            replace(verdict, gate="broken", outcome="error"),
            replace(verdict, gate="limited", outcome="incomplete"),
            replace(verdict, gate="absent", outcome="no-baseline"),
            replace(verdict, gate="better", outcome="improved"),
        ),
    )
    report = Report.of(
        [made, change(suite="w", waivers=[waiver], **small),
         change(suite="u", update="all", reason="meant", **small), change(suite="r", **small)]
    )  # fmt: skip

    root = parsed(report)

    kinds = {
        f"{case.get('classname')}/{name}": [one.tag for one in case if one.tag != "properties"]
        for suite in root for name, case in cases_of(suite).items()
    }  # fmt: skip
    assert kinds == {
        "faq/floor-recall@10[minilm]": [], "faq/fails[minilm]": ["failure"],
        "faq/warns[minilm]": ["skipped"], "faq/broken[minilm]": ["error"],
        "faq/limited[minilm]": ["skipped"], "faq/absent[minilm]": ["failure"],
        "faq/better[minilm]": [], "w/regression-recall@10[minilm]": ["skipped"],
        "u/regression-recall@10[minilm]": ["skipped"],
        "r/regression-recall@10[minilm]": ["failure"],
    }  # fmt: skip
    assert [root[0].get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        "7", "2", "1", "2",
    ]  # fmt: skip
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        "10", "3", "1", "4",
    ]  # fmt: skip


def test_a_failure_says_what_the_terminal_says(change):
    """Type is the outcome, the message the word and the line, the body also what to do."""
    one = change(n=300, lost=20, won=3)

    case = cases_of(parsed(Report.of([one])))["regression-recall@10[minilm]"]

    failure = case.find("failure")
    assert failure.get("type") == "regressed"
    assert failure.get("message") == f"REGRESSED: {one.verdicts[0].line}"
    assert failure.text == f"{one.verdicts[0].line}\n{one.verdicts[0].advice}".strip()


def test_the_numbers_are_properties_and_exact(change):
    one = change(n=300, lost=20, won=3)

    found = properties_of(cases_of(parsed(Report.of([one])))["regression-recall@10[minilm]"])

    verdict, estimate = one.verdicts[0], one.estimates["recall@10"]
    assert found["outcome"] == "regressed"
    assert float(found["value"]) == verdict.value
    assert float(found["delta"]) == verdict.delta
    assert (float(found["ci90_low"]), float(found["ci90_high"])) == verdict.ci90
    assert (float(found["ci95_low"]), float(found["ci95_high"])) == estimate.ci95
    assert "minimum" not in found


def test_what_could_not_be_measured_is_an_error():
    """With its status as the type; a whole suite that failed is one case."""
    report = Report.of(
        [],
        [
            Failure("faq", "minilm", "data-error", "no queries", "q.jsonl:3", "add some"),
            Failure("code", "", "suite-error", "wrong"),
        ],
    )

    root = parsed(report)

    error = cases_of(root)["measure[minilm]"].find("error")
    assert (error.get("type"), error.get("message")) == ("data-error", "no queries")
    assert error.text == "q.jsonl:3\nno queries\nadd some"
    assert cases_of(root)["measure"].find("error").get("type") == "suite-error"
    assert root.get("errors") == "2"


def test_an_empty_report_is_still_xml():
    assert parsed(Report.of([])).get("tests") == "0"


@pytest.mark.parametrize("letter", ["\0", "\x0b", "\x1b", "\ufffe", "\uffff", "\ud800"])
def test_characters_that_xml_has_no_place_for_are_removed(letter):
    """XML 1.0, production [2]: not even as a reference."""
    report = Report.of([], [Failure(f"f{letter}aq", "m", "data-error", f"a{letter}b")])

    root = parsed(report)

    assert root[0].get("name") == "faq"
    assert root[0][0].find("error").get("message") == "ab"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_well_formed(text):
    """Rule: whatever a corpus or a path holds, every reader of XML reads the file."""
    report = Report.of([], [Failure(text or "s", text, "data-error", text, text, text)])

    assert parsed(report).get("errors") == "1"
