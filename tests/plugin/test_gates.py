"""How gates and measurements end: passed, failed, warned, skipped, in error."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

PASSES = 'Gate.floor("recall@10", 0.5)'
FAILS = 'Gate.floor("recall@10", 0.9)'
WARNS = 'Gate.floor("ndcg@10", 0.9, severity="warn")'


def test_gates_that_hold_pass(project: Project) -> None:
    """Exit code 0 and status pass."""
    project.suite()

    result = project.run("suites")

    result.assert_outcomes(passed=3)
    assert result.ret == 0
    assert project.verdict()["status"] == "pass"


def test_a_breached_gate_is_a_failed_test_told_by_its_verdict(project: Project) -> None:
    """The verdict's line stands in the failure and in the short summary; no traceback."""
    project.gates(FAILS)

    result = project.run("suites")

    result.assert_outcomes(failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "*_ faq::floor-recall@10[[]hash[]] _*",
            "recall@10 0.8000 * is below the floor 0.90 by 0.1000",
            "  -> *",
            "FAILED suites/suite_faq.py::faq::floor-recall@10[[]hash[]] - recall@10 0.8000 *",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*GateFailed*")


def test_a_breach_that_warns_never_prints_passed(project: Project) -> None:
    """Severity warn: its own word, a warning at the suite's line, exit code 0."""
    project.gates(WARNS)

    result = project.run("suites", "-v")

    assert result.ret == 0
    result.stdout.re_match_lines([r".*floor-ndcg@10-warn\[hash\].*"])
    result.stdout.fnmatch_lines(["WARN*", "*suite_faq.py:3: BenchWarning: ndcg@10 *", "*1 warned*"])
    result.stdout.no_fnmatch_line("*PASSED*")
    result.stdout.no_fnmatch_line("*1 passed*")


def test_a_warning_can_be_made_an_error(project: Project) -> None:
    """-W error makes a breach that warns a failure, told without a traceback."""
    project.gates(WARNS)

    result = project.run("suites", "-W", "error::pytest.PytestWarning")

    assert result.ret == 1
    result.stdout.no_fnmatch_line("*Traceback*")
    assert project.verdict()["status"] != "pass"


def test_a_limited_measurement_judges_nothing(project: Project) -> None:
    """--bench-limit: gates and measurements are skipped with the reason, status incomplete."""
    project.gates('Gate.floor("recall@10", 0.9, models=["hash"])', models='["hash", "bm25"]')

    result = project.run("suites", "--bench-limit", "2", "-rs")

    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(
        ["SKIPPED*suites/suite_faq.py:3: recall@10 * 2 queries only*", "SKIPPED*--bench-limit*"]
    )
    assert project.verdict()["status"] == "incomplete"


def test_an_expected_failure_is_no_failure_in_the_report(project: Project) -> None:
    """xfail waives a gate: exit code 0, status pass, and the verdict stands as a warning."""
    project.gates(
        FAILS, more='\nimport pytest\npytestmark = pytest.mark.xfail(reason="ticket 12")\n'
    )

    result = project.run("suites")

    result.assert_outcomes(xfailed=1)
    verdict = project.verdict()
    assert (result.ret, verdict["status"]) == (0, "pass")
    assert verdict["results"][0]["gates"][0]["severity"] == "warn"


def test_an_unknown_model_is_an_error_told_in_full_once(project: Project) -> None:
    """Trouble with a model is an error of its items, not a failed gate; others are judged."""
    project.gates(PASSES, 'Gate.floor("ndcg@10", 0.5)', models='["nonesuch", "hash"]')

    result = project.run("suites")

    result.assert_outcomes(passed=2, errors=2)
    assert result.ret == 1
    assert project.verdict()["status"] == "model-error"
    text = result.stdout.str()
    assert text.count("  -> known: ") == 1
    assert "(told in full by suites/suite_faq.py::faq::floor-recall@10[nonesuch])" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        pytest.param("absent", "there is no such folder", id="missing-folder"),
        pytest.param("row", "corpus.jsonl:3", id="malformed-line"),
        pytest.param("qrels", "test.tsv:2: suite 'faq' cannot be measured", id="qrels-to-nowhere"),
        pytest.param("empty", "corpus", id="empty-corpus"),
    ],
)
def test_bad_data_are_told_once_a_suite(project: Project, breakage: str, message: str) -> None:
    """Every item errors, the message with place and remedy stands there once, exit code 1."""
    project.gates(PASSES, models='["hash", "hash@dim=512"]')
    break_data(project, project.path / "suites" / "data" / "faq", breakage)

    result = project.run("suites", "--tb=short")

    result.assert_outcomes(errors=2)
    assert result.ret == 1
    verdict = project.verdict()
    assert verdict["status"] == "data-error"
    assert [failure["model"] for failure in verdict["failures"]] == [""]
    errors = result.stdout.str().partition("retrieval benchmarks")[0]
    assert message in errors
    assert errors.count("  -> ") == 1
    assert "Traceback" not in errors


def break_data(project: Project, folder: Path, breakage: str) -> None:
    if breakage == "absent":
        (folder / "corpus.jsonl").unlink()
        (folder / "queries.jsonl").unlink()
        (folder / "qrels" / "test.tsv").unlink()
        (folder / "qrels").rmdir()
        folder.rmdir()
    elif breakage == "row":
        lines = (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
        lines[2] = '{"_id": "d2", "text": '
        (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif breakage == "qrels":
        project.data(qrels={"q0": {"nowhere": 1}})
    else:
        (folder / "corpus.jsonl").write_text("", encoding="utf-8")


def test_a_defect_keeps_its_traceback_and_is_met_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no BenchError is a defect: traceback without pytest's frames, status says so."""
    project.gates(PASSES, 'Gate.floor("ndcg@10", 0.5)')
    attempts = []

    def broken(*arguments: object) -> None:
        attempts.append(arguments)
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("benchharness.judge.bench.Bench.assess", broken)

    result = project.run("suites")

    result.assert_outcomes(errors=2)
    assert len(attempts) == 1
    result.stdout.fnmatch_lines(["*items.py:*: in setup", "E   RuntimeError: a wheel came off"])
    result.stdout.no_fnmatch_line("*_pytest/runner.py*")
    assert project.verdict()["status"] == "internal-error"


def test_each_suite_and_model_is_measured_once(
    project: Project, assessed: list[tuple[str, str]]
) -> None:
    """However many gates there are."""
    project.suite()

    project.run("suites")

    assert assessed == [("faq", "hash"), ("faq", "bm25")]


def test_gates_without_their_model_are_named(project: Project) -> None:
    """--bench-model may leave a bound gate without a model: the summary says so."""
    project.suite()

    result = project.run("suites", "--bench-model", "bm25")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*faq: no model of this session is bound by floor-ndcg@10*hash*"])
    assert project.verdict()["complete"] is False
    assert project.verdict()["selection"] == {"gates of other models": 1}


def test_exitfirst_stops_at_the_first_failed_gate(project: Project) -> None:
    """-x: the later gates do not run, and the report says that something was left out."""
    project.gates(FAILS, 'Gate.floor("ndcg@10", 0.1)')

    result = project.run("suites", "-x")

    result.assert_outcomes(failed=1)
    verdict = project.verdict()
    assert (verdict["status"], verdict["selection"]) == ("fail", {"not run": 1})
    assert [gate["gate"] for gate in verdict["results"][0]["gates"]] == ["floor-recall@10"]


def test_last_failed_runs_the_failed_gate_again(project: Project) -> None:
    """--lf finds failed gates by their node ids."""
    project.gates(FAILS, 'Gate.floor("ndcg@10", 0.1)')
    project.run("suites")

    result = project.run("suites", "--lf", "-v")

    result.assert_outcomes(failed=1, deselected=1)
    assert project.verdict()["selection"] == {"deselected": 1}


def test_only_selected_gates_are_judged(project: Project) -> None:
    """A failing gate that -k leaves out neither fails the session nor stands in the report."""
    project.gates(FAILS, 'Gate.floor("ndcg@10", 0.1)')

    result = project.run("suites", "-k", "ndcg")

    verdict = project.verdict()
    assert (result.ret, verdict["status"]) == (0, "pass")
    assert [gate["gate"] for gate in verdict["results"][0]["gates"]] == ["floor-ndcg@10"]


def test_junit_has_a_case_for_each_gate_with_its_numbers(project: Project) -> None:
    """One test case a gate; value, interval, floor, outcome and decision are properties."""
    project.gates(FAILS, 'Gate.floor("ndcg@10", 0.1)')

    project.run("suites", "--junitxml=junit.xml")

    cases = list(ET.parse(project.path / "junit.xml").iter("testcase"))
    assert [(case.get("classname"), case.get("name")) for case in cases] == [
        ("suites.suite_faq.faq", "floor-recall@10[hash]"),
        ("suites.suite_faq.faq", "floor-ndcg@10[hash]"),
    ]
    properties = {one.get("name"): one.get("value") for one in cases[0].iter("property")}
    assert properties.keys() == {
        "decision", "outcome", "value", "minimum", "ci95_low", "ci95_high"
    }  # fmt: skip
    assert (properties["value"], properties["minimum"]) == ("0.8", "0.9")
    assert (properties["outcome"], properties["decision"]) == ("fail", "undecided")
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("recall@10 0.8000")
    assert "\n" not in failure.get("message", "")
