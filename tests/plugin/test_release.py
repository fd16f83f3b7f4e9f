"""Policies of a session: inconclusive, missing, waivers, and the strict preset for a release."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

REGRESSION = 'Gate.regression("recall@10", margin=0.1)'
# 60 queries settle nothing at a margin of 0.001: a model that changes a few is inconclusive.
NARROW = 'Gate.regression("recall@10", margin=0.001)'


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    project.data(**project.wide)
    project.gates('Gate.floor("recall@10", 0.5)', NARROW, models='["current"]')
    project.ship(dim=64)
    project.run("suites", "--bench-update")
    project.ship(dim=60)
    return project


@pytest.mark.parametrize(
    ("option", "exit_code", "status"),
    [
        ((), 0, "pass"),
        (("--bench-inconclusive=warn",), 0, "pass"),
        (("--bench-inconclusive=pass",), 0, "pass"),
        (("--bench-inconclusive=fail",), 1, "fail"),
    ],
)
def test_inconclusive_does_what_the_session_says(
    shop: Project, option: tuple[str, ...], exit_code: int, status: str
) -> None:
    """And is never printed as passed."""
    result = shop.run("suites", "-v", *option)

    assert shop.gate()["outcome"] == "inconclusive"
    assert (result.ret, shop.verdict()["status"]) == (exit_code, status)
    result.stdout.no_fnmatch_line("*regression-recall@10*PASSED*")
    if exit_code == 0:
        result.stdout.fnmatch_lines(["*INCONCLUSIVE*", "*1 inconclusive*"])


def test_missing_may_warn(shop: Project) -> None:
    """A new suite is not red before its first baseline, where the team wants it so."""
    result = shop.run("suites", "--bench-baselines", "empty", "--bench-missing=warn")

    assert result.ret == 0
    assert shop.gate()["outcome"] == "no-baseline"


def test_a_release_of_what_is_met_says_release(shop: Project) -> None:
    """One line, exit code 0, and the same in verdict.json."""
    shop.ship(dim=64)

    result = shop.run("suites", "--bench-release")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["RELEASE: 2 gates met, 1 measurement on 1 suite, nothing left out"]
    )
    assert shop.verdict()["release"]["granted"] is True


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), "1 gate not met (faq / current regression-recall@10 inconclusive)"),
        (("--bench-inconclusive=pass",), "1 gate not met"),
        (("--bench-baselines", "empty", "--bench-missing=warn"), "no-baseline"),
        (("-k", "floor"), "deselected: 1"),
        (("--bench-limit=5",), "incomplete"),
    ],
)
def test_a_release_takes_no_half_answer(shop: Project, options: tuple[str, ...], why: str) -> None:
    """Inconclusive, missing, deselected, limited: DO NOT RELEASE, and exit code 1."""
    result = shop.run("suites", "--bench-release", *options)

    assert result.ret == 1
    (line,) = [line for line in result.outlines if line.startswith("DO NOT RELEASE")]
    assert why in line
    assert shop.verdict()["release"]["granted"] is False
    assert shop.verdict()["status"] != "pass"


def test_a_release_that_measures_nothing_is_refused(project: Project) -> None:
    """A wrong path must not be a green release."""
    (project.path / "test_other.py").write_text("def test_it():\n    pass\n", encoding="utf-8")

    result = project.run("test_other.py", "--bench-release")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["DO NOT RELEASE: nothing was measured"])


def test_a_release_fails_gates_that_only_warn(project: Project) -> None:
    """Severity is for pull requests."""
    project.gates('Gate.floor("recall@10", 0.9, severity="warn")')

    warned, released = project.run("suites"), project.run("suites", "--bench-release")

    assert (warned.ret, released.ret) == (0, 1)


WAIVED = """
from benchharness import Gate, Suite, Waiver, beir

faq = Suite(
    name="faq",
    dataset=beir("data/faq"),
    models=["hash"],
    gates=[Gate.floor("recall@10", {floor})],
    waivers=[Waiver("floor-recall@10", "hash", "ticket 12: short queries", "{until}")],
)
"""


def test_a_waived_breach_is_an_expected_failure(project: Project) -> None:
    """Exit code 0, status pass, the reason in the report; JUnit counts no failure."""
    project.suite(WAIVED.format(floor=0.9, until="2999-01-31"))

    result = project.run("suites", "-rx", "--junitxml=junit.xml")

    assert result.ret == 0
    result.assert_outcomes(xfailed=1)
    found = project.gate("floor-recall@10")
    assert found["outcome"] == "fail"
    assert found["waived"] == "ticket 12: short queries (until 2999-01-31)"
    suite = ET.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.attrib["failures"] == "0"
    result.stdout.no_fnmatch_line("*1 of 1 gates passed*")


@pytest.mark.parametrize("options", [("--bench-release",), ("--runxfail",)])
def test_waivers_are_off_in_a_release_and_with_runxfail(
    project: Project, options: tuple[str, ...]
) -> None:
    """The breach is a failure again, in the exit code and in the report alike."""
    project.suite(WAIVED.format(floor=0.9, until="2999-01-31"))

    result = project.run("suites", *options)

    assert result.ret == 1
    assert project.gate("floor-recall@10")["waived"] == ""
    assert project.verdict()["status"] == "fail"


def test_an_expired_waiver_waives_nothing(project: Project) -> None:
    """It is said when it ended."""
    project.suite(WAIVED.format(floor=0.9, until="2020-01-31"))

    result = project.run("suites")

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*its waiver ended on 2020-01-31*"])


def test_a_waiver_that_is_not_needed_is_told(project: Project) -> None:
    """A warning, so that it is taken away."""
    project.suite(WAIVED.format(floor=0.1, until="2999-01-31"))

    result = project.run("suites")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*its waiver is not needed any more*"])


def test_a_challenger_must_beat_its_champion(project: Project) -> None:
    """The champion is measured in the same session; the whole interval must lie above 0."""
    project.data(**project.wide)
    project.gates('Gate.beats("hash@dim=8", "recall@10")', models='["hash@dim=4096"]')
    better = project.run("suites")
    outcome = project.gate("beats-recall@10")["outcome"]
    project.gates('Gate.beats("hash@dim=4096", "recall@10")', models='["hash@dim=8"]')
    worse = project.run("suites")

    assert (better.ret, outcome) == (0, "improved")
    assert (worse.ret, project.gate("beats-recall@10")["outcome"]) == (1, "regressed")


def test_a_guard_measures_the_other_suite(project: Project, monkeypatch) -> None:
    """What was learned here must not be forgotten there."""
    monkeypatch.delenv("CI", raising=False)
    project.data(**project.wide)
    other = project.gates('Gate.regression("recall@10", margin=0.1)', models='["current"]')
    other.rename(project.path / "suites" / "suite_other.py")
    text = (project.path / "suites" / "suite_other.py").read_text(encoding="utf-8")
    (project.path / "suites" / "suite_other.py").write_text(text.replace('"faq",', '"other",', 1))
    project.gates('Gate.guard("other", "recall@10", margin=0.1)', models='["current"]')
    project.ship(dim=4096)
    project.run("suites", "--bench-update")
    kept = project.run("suites/suite_faq.py")
    project.ship(dim=4)
    forgot = project.run("suites/suite_faq.py")

    assert (kept.ret, forgot.ret) == (0, 1)
    assert project.gate("guard-other-recall@10")["outcome"] == "regressed"
    forgot.stdout.fnmatch_lines(["*on other: recall@10 *"])


def test_gate_of_another_severity_keeps_its_word(project: Project, monkeypatch) -> None:
    """A regression that only warns is told, and fails nothing."""
    monkeypatch.delenv("CI", raising=False)
    project.data(**project.wide)
    warned = REGRESSION.replace("margin=0.1", 'margin=0.1, severity="warn"')
    project.gates(warned, models='["current"]')
    project.ship(dim=4096)
    project.run("suites", "--bench-update")
    project.ship(dim=4)

    result = project.run("suites", "-v")

    assert result.ret == 0
    result.stdout.fnmatch_lines(["*REGRESSED*", "*1 regressed*"])
    assert project.gate("regression-recall@10-warn")["outcome"] == "regressed"
