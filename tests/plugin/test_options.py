"""The --bench-* options: wrong values are refused before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchharness.plugin.options import _command

if TYPE_CHECKING:
    from tests.plugin.conftest import Project


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--bench-limit", "0"], "'0' is not a number of queries", id="limit-0"),
        pytest.param(["--bench-limit", "many"], "'many' is not a number", id="limit-word"),
        pytest.param(["--bench-model", ""], "model spec '' is empty", id="model-empty"),
        pytest.param(["--bench-model", "a@dim=1,dim=2"], "'dim' is given twice", id="model-twice"),
        pytest.param(["--bench-report", "tox.ini"], "is a file, not a folder", id="report-file"),
        pytest.param(["--bench-nonesuch"], "--bench-nonesuch", id="unknown"),
    ],
)
def test_a_wrong_value_is_a_usage_error(
    project: Project, arguments: list[str], message: str
) -> None:
    """Exit code 4, one message, no traceback, and nothing is measured."""
    project.suite()

    result = project.run("suites", *arguments)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    output = result.stdout.str() + result.stderr.str()
    assert message in output
    assert "Traceback" not in output
    assert not project.has_report()


def test_the_report_folder_starts_where_pytest_was_started(project: Project) -> None:
    """--bench-report is relative to the folder of the invocation, not to the root."""
    project.suite()
    below = project.path / "suites"
    project.pytester._monkeypatch.chdir(below)

    result = project.run("suite_faq.py", "--bench-report", "found/here")

    assert result.ret == 0
    assert project.verdict("suites/found/here")["status"] == "pass"
    assert not project.has_report()


def test_options_stand_in_a_group_of_their_own(project: Project) -> None:
    """`pytest --help` lists them, all beginning with --bench-."""
    result = project.run("--help")

    result.stdout.fnmatch_lines(
        ["retrieval benchmarks (benchharness):", "*--bench-model=SPEC*", "*--bench-report=DIR*"]
    )


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        (["suites/", "-n", "2"], "pytest suites/ -n 2"),
        (["suites/", "--bench-update", "all", "-q"], "pytest suites/ -q"),
        (["suites/", "--bench-update=all", "--bench-reason", "a b"], "pytest suites/"),
        (["--bench-compare", "git:main", "suites/"], "pytest suites/"),
        (["--bench-compare=git:main", "--bench-release", "my suites"], "pytest 'my suites'"),
    ],
)
def test_the_command_for_an_update_is_what_was_typed(typed: list[str], command: str) -> None:
    """Without the options that an update replaces, or that cannot stand beside it."""
    assert _command(typed) == command
