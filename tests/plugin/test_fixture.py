"""The `bench` fixture: measuring and judging in tests that are written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

HEAD = """
from benchharness import Gate, Suite, beir

faq = Suite(
    name="by-hand",
    dataset=beir("suites/data/faq"),
    models=["hash"],
    gates=[Gate.floor("recall@10", FLOOR)],
)
"""


def write_test(project: Project, body: str, floor: str = "0.5") -> None:
    project.pytester.makepyfile(test_hand=HEAD.replace("FLOOR", floor) + body)


def test_measure_takes_a_suite_or_a_reference(
    project: Project, assessed: list[tuple[str, str]]
) -> None:
    """Results have one value for each query; relative paths start at the test's file."""
    write_test(
        project,
        """
def test_suite(bench):
    assert bench.measure("hash", faq).values["recall@10"].mean() == 0.8

def test_reference(bench):
    assert len(bench.measure("bm25", faq.dataset).query_ids) == 5
""",
    )

    result = project.run()

    result.assert_outcomes(passed=2)
    assert assessed == [("by-hand", "hash"), ("faq", "bm25")]
    assert [row["suite"] for row in project.verdict()["results"]] == ["by-hand", "faq"]
    assert project.verdict()["status"] == "pass"


def test_check_fails_with_the_verdict(project: Project) -> None:
    """A gate that does not hold fails the test that checks it; no traceback."""
    write_test(project, "\ndef test_gates(bench):\n    bench.check('hash', faq)\n", floor="0.9")

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["recall@10 0.8000 * is below the floor 0.90 by 0.1000"])
    assert project.verdict()["status"] == "fail"


def test_assess_judges_nothing_by_itself(project: Project) -> None:
    """Asking for verdicts does not fail a session whose test accepts them."""
    write_test(
        project,
        "\ndef test_it(bench):\n"
        "    assert bench.assess('hash', faq).verdicts[0].outcome == 'fail'\n",
        floor="0.9",
    )

    result = project.run()

    result.assert_outcomes(passed=1)
    verdict = project.verdict()
    assert verdict["status"] == "pass"
    assert verdict["results"][0]["gates"] == []


def test_the_fixture_shares_the_measurements_of_the_gates(
    project: Project, assessed: list[tuple[str, str]]
) -> None:
    """A suite that is imported from its file is measured once, on the file's own paths."""
    project.suite()
    project.pytester.makepyfile(
        test_hand="from suite_faq import faq\n\n"
        "def test_it(bench):\n    assert bench.measure('hash', faq).values\n"
    )

    result = project.run("-o", "pythonpath=suites", "suites", "test_hand.py")

    result.assert_outcomes(passed=4)
    assert assessed == [("faq", "hash"), ("faq", "bm25")]


def test_an_imported_suite_keeps_its_paths_when_its_file_is_not_collected(
    project: Project,
) -> None:
    """Relative paths start at the suite's file, whoever imports it."""
    project.suite()
    project.pytester.makepyfile(
        test_hand="from suite_faq import faq\n\n"
        "def test_it(bench):\n    assert bench.check('hash', faq)\n"
    )

    result = project.run("-o", "pythonpath=suites", "test_hand.py")

    result.assert_outcomes(passed=1)


def test_two_suites_of_one_name_are_told_apart(project: Project) -> None:
    """A second suite of the same name is an error, never the first one's result."""
    write_test(
        project,
        """
from dataclasses import replace

def test_it(bench):
    bench.measure("hash", faq)
    bench.measure("hash", replace(faq, depth=50))
""",
    )

    result = project.run()

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two different suites are called 'by-hand'*"])
