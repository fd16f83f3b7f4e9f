"""The session's report: when it is written, where, and that it agrees with the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

FAILS = 'Gate.floor("recall@10", 0.9)'


def test_the_report_is_a_folder_that_git_ignores(project: Project) -> None:
    """verdict.json and the files beside it, below a .gitignore."""
    project.suite()

    result = project.run("suites")

    report = project.path / ".benchharness" / "report"
    names = sorted(path.name for path in report.iterdir())
    assert names == [
        "changes.jsonl", "exhibits.jsonl", "per_query.jsonl", "report.html", "runs", "summary.md",
        "verdict.json",
    ]  # fmt: skip
    assert (project.path / ".benchharness" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    result.stdout.fnmatch_lines(
        ["*= retrieval benchmarks =*", "*.benchharness/report/verdict.json"]
    )


def test_results_stand_in_order_of_collection(project: Project) -> None:
    """As the suites and their models are collected, whatever they are called."""
    project.suite(project.faq.replace('name="faq"', 'name="a-later"'), name="suite_z.py")
    project.suite(project.faq.replace('"hash", "bm25"', '"hash@dim=512", "hash"'))

    project.run("suites")

    found = [(row["suite"], row["model"]) for row in project.verdict()["results"]]
    assert found == [
        ("faq", "hash@dim=512"), ("faq", "hash"), ("a-later", "hash"), ("a-later", "bm25"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "exit_code", "status"),
    [
        pytest.param("", 0, "pass", id="pass"),
        pytest.param("\ndef test_other():\n    assert False\n", 1, "tests-failed", id="other-test"),
        pytest.param(
            "\ndef test_stop():\n    raise KeyboardInterrupt\n", 2, "interrupted", id="^C"
        ),
        pytest.param(
            "\nimport pytest\n\ndef test_stop():\n    pytest.exit('enough', returncode=7)\n",
            7,
            "tests-failed",
            id="exit-7",
        ),
    ],
)
def test_the_status_agrees_with_the_exit_code(
    project: Project, more: str, exit_code: int, status: str
) -> None:
    """Exit code 0 where the status is pass, and another word for every other code."""
    project.suite(project.faq + more)

    result = project.run("suites")

    assert result.ret == exit_code
    assert project.verdict()["status"] == status


def test_a_plugin_that_changes_the_exit_code_changes_the_status(project: Project) -> None:
    """The verdict is written again when the session ends with another code than it began."""
    project.suite()
    conftest = project.path / "conftest.py"
    conftest.write_text(
        conftest.read_text(encoding="utf-8")
        + "\ndef pytest_sessionfinish(session):\n    session.exitstatus = 1\n",
        encoding="utf-8",
    )

    result = project.run("suites")

    assert result.ret == 1
    assert project.verdict()["status"] == "tests-failed"


@pytest.mark.skipif(
    not hasattr(pytest.ExitCode, "MAX_WARNINGS_ERROR"), reason="--max-warnings came with pytest 9.1"
)
def test_too_many_warnings_are_no_pass(project: Project) -> None:
    """pytest finds --max-warnings exceeded after the summary; the verdict says so all the same."""
    project.gates('Gate.floor("recall@10", 0.9, severity="warn")')

    result = project.run("suites", "--max-warnings=0")

    assert result.ret == pytest.ExitCode.MAX_WARNINGS_ERROR
    assert project.verdict()["status"] == "tests-failed"


def test_ctrl_c_while_measuring_keeps_what_is_measured(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report is written with status interrupted and the models measured so far."""
    from benchharness.judge.bench import Bench

    project.suite()
    original = Bench.assess

    def interrupted(self: Bench, suite: object, model: str, base: object) -> object:
        if model == "bm25":
            raise KeyboardInterrupt
        return original(self, suite, model, base)

    monkeypatch.setattr(Bench, "assess", interrupted)

    result = project.run("suites")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    verdict = project.verdict()
    assert verdict["status"] == "interrupted"
    assert [row["model"] for row in verdict["results"]] == ["hash"]


def test_an_old_verdict_is_gone_before_anything_is_measured(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that dies leaves no green verdict of an earlier one."""
    project.suite()
    project.run("suites")
    verdict = project.path / ".benchharness" / "report" / "verdict.json"
    seen: list[bool] = []

    def look(*_: object) -> None:
        seen.append(verdict.exists())
        raise KeyboardInterrupt

    monkeypatch.setattr("benchharness.judge.bench.Bench.assess", look)

    project.run("suites")

    assert seen == [False]


@pytest.mark.parametrize("arguments", [[], ["-p", "no:benchharness"]], ids=["plain", "off"])
def test_a_project_without_suites_sees_nothing(project: Project, arguments: list[str]) -> None:
    """No output, no folder, no changed exit code."""
    project.pytester.makepyfile(test_one="def test_one():\n    pass\n")

    result = project.run(*arguments)

    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*retrieval*")
    assert not project.has_report()
    assert not list((project.path / "suites").glob("*.py"))


def test_switched_off_it_collects_no_suite(project: Project) -> None:
    """-p no:benchharness leaves suite files alone."""
    project.suite()
    project.pytester.makeconftest("")

    result = project.run("-p", "no:benchharness", "suites")

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_deselected_suite_writes_nothing(project: Project) -> None:
    """Where no gate runs, there is nothing to report."""
    project.suite(project.faq + "\ndef test_other():\n    pass\n")

    result = project.run("suites", "-k", "test_other")

    result.assert_outcomes(passed=1, deselected=3)
    assert not project.has_report()


def test_the_step_summary_is_appended(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a GitHub job, summary.md is added to the page of the job."""
    project.suite()
    page = project.path / "page.md"
    page.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))

    project.run("suites")

    summary = project.path / ".benchharness" / "report" / "summary.md"
    assert page.read_text(encoding="utf-8") == "before\n" + summary.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_an_error(project: Project) -> None:
    """Nothing is green without its report: exit code 3 and one sentence."""
    project.suite(
        project.faq
        + "\ndef test_block():\n    from pathlib import Path\n"
        + "    Path('.benchharness').write_text('')\n"
    )

    result = project.run("suites")

    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    output = result.stdout.str() + result.stderr.str()
    assert "the report was not written" in output
    assert "Traceback" not in output


def test_quiet_twice_prints_neither_table_nor_progress(project: Project) -> None:
    """-qq: pytest's own few lines only; the report is written."""
    project.suite()

    result = project.run("suites", "-qq")

    result.stdout.no_fnmatch_line("*benchharness:*")
    result.stdout.no_fnmatch_line("*retrieval benchmarks*")
    assert project.verdict()["status"] == "pass"


def test_a_session_in_which_every_gate_was_skipped_is_no_pass(project: Project) -> None:
    """pytest ends with 0; what was not measured is not released."""
    project.suite()
    conftest = project.path / "conftest.py"
    conftest.write_text(
        conftest.read_text(encoding="utf-8")
        + "\nimport pytest\n\ndef pytest_collection_modifyitems(items):\n"
        + "    for item in items:\n        item.add_marker(pytest.mark.skip)\n",
        encoding="utf-8",
    )

    result = project.run("suites")

    assert result.ret == 0
    assert project.verdict()["status"] == "no-suites"
    assert project.verdict()["complete"] is False


def test_a_wrong_configuration_is_a_usage_error(project: Project) -> None:
    """`--strict-config` stops after the collection, with exit code 4."""
    project.suite()
    project.pytester.makeini("[pytest]\nno_such_option = 1\n")

    result = project.run("suites", "--strict-config")

    assert result.ret == 4
    assert project.verdict()["status"] == "usage-error"


def test_an_exit_code_forced_to_zero_makes_no_pass(project: Project) -> None:
    """The item failed, whatever another plugin makes of the session."""
    project.gates('Gate.floor("recall@10", 0.999)')
    conftest = project.path / "conftest.py"
    conftest.write_text(
        conftest.read_text(encoding="utf-8")
        + "\ndef pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
        encoding="utf-8",
    )

    result = project.run("suites")

    result.assert_outcomes(failed=1)
    assert result.ret == 0
    assert project.verdict()["status"] == "fail"
    assert project.verdict()["results"][0]["gates"][0]["severity"] == "error"


def test_a_suite_of_two_models_has_a_leaderboard(project: Project) -> None:
    """In verdict.json and on the terminal, by the suite's first measure; one model has none."""
    project.suite()
    project.suite(
        project.faq.replace('name="faq"', 'name="one"').replace('"hash", "bm25"', '"hash"'),
        name="suite_one.py",
    )

    result = project.run("suites")

    (board,) = project.verdict()["leaderboards"]
    assert (board["suite"], board["measure"], board["n"]) == ("faq", "recall@10", 5)
    assert [row["spec"] for row in board["standings"]] == ["bm25", "hash"]
    result.stdout.fnmatch_lines(["faq: 2 rows by recall@10", "tied: not distinguishable*"])
