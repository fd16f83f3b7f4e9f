"""The action's comment on a pull request: one, found by its marker, its text read from the file."""

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from benchharness.report.markdown import summarise
from benchharness.report.model import Report

ACTION = Path(__file__).parent.parent / "action.yml"
NAME = "Comment on the pull request"
MARKER = "<!-- benchharness -->"
pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or os.name == "nt", reason="there is no bash"
)
# Writes what it was called with, and answers a look for comments with what `answer` holds.
GH = """#!/bin/bash
printf '%s\\n' "$*" >> "$CALLS"
if [ -f "$FAILS" ]; then echo 'HTTP 403' >&2; exit 1; fi
case "$*" in *--paginate*) cat "$ANSWER";; esac
"""


def step():
    steps = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"]
    return next(one for one in steps if one.get("name") == NAME)


@pytest.fixture
def run(tmp_path):
    """Runs the step's script with a double of gh; what gh was called with, and what was said."""
    calls, answer, fails = (tmp_path / name for name in ("calls", "answer", "fails"))
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH, encoding="utf-8")
    gh.chmod(gh.stat().st_mode | stat.S_IEXEC)
    (tmp_path / "my report").mkdir()

    def run(summary="text", comments="", *, denied=False, verdict="{}"):
        if summary is not None:
            (tmp_path / "my report" / "summary.md").write_text(summary, encoding="utf-8")
        if verdict is not None:
            (tmp_path / "my report" / "verdict.json").write_text(verdict, encoding="utf-8")
        answer.write_text(comments, encoding="utf-8")
        if denied:
            fails.touch()
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step()["run"]],
            capture_output=True, text=True, check=False, cwd=tmp_path,
            env={"PATH": f"{gh.parent}:{os.environ['PATH']}", "CALLS": str(calls),
                 "ANSWER": str(answer), "FAILS": str(fails), "REPORT": "my report",
                 "REPOSITORY": "o/r", "NUMBER": "7", "FOUND": str(tmp_path / "found"),
                 "OWN": step()["env"]["OWN"], "GH_TOKEN": "t"},
        )  # fmt: skip
        told = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
        return done, told

    return run


def test_the_first_time_a_comment_is_written(run):
    done, calls = run()

    assert done.returncode == 0
    assert calls[0].startswith("api --paginate repos/o/r/issues/7/comments --jq ")
    assert calls[1] == (
        "api --silent --method POST repos/o/r/issues/7/comments --field body=@my report/summary.md"
    )


def test_a_summary_without_its_verdict_is_no_comment(run):
    """Rule: a run that could not finish its report leaves nothing that speaks for it."""
    done, calls = run(verdict=None)

    assert done.returncode == 0
    assert not any("--method" in call for call in calls)


def test_later_it_is_replaced(run):
    """The first of several, so that never two are kept up to date."""
    done, calls = run(comments="123\n456\n")

    assert done.returncode == 0
    assert calls[1] == (
        "api --silent --method PATCH repos/o/r/issues/comments/123 "
        "--field body=@my report/summary.md"
    )


def test_nothing_of_the_body_reaches_a_shell(run, tmp_path):
    """Rule: gh reads the file; whatever a corpus holds, no command line has it."""
    done, calls = run(summary=f"{MARKER}\n$(touch pwned) `touch pwned` ${{HOME}} \"'; touch pwned")

    assert done.returncode == 0
    assert not (tmp_path / "pwned").exists()
    assert not any("pwned" in call for call in calls)


def test_a_token_that_may_not_write_is_a_warning(run):
    """A fork's never may: the gate's own colour is what counts."""
    done, calls = run(denied=True)

    assert done.returncode == 0
    assert done.stdout.startswith("::warning::no comment on the pull request")
    assert len(calls) == 1


def test_without_a_summary_nothing_is_asked(run):
    done, calls = run(summary=None)

    assert (done.returncode, calls) == (0, [])


def test_it_is_off_unless_asked_for_and_runs_after_a_failure():
    """A red gate is what people want to read of."""
    inputs = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"]

    assert inputs["comment"]["default"] == "false"
    assert step()["if"].startswith("always() && inputs.comment == 'true'")
    assert "github.event.pull_request.number" in step()["if"]


def test_the_summary_begins_with_the_marker_that_is_looked_for():
    assert summarise(Report.of([])).startswith(MARKER)
    assert MARKER in step()["env"]["OWN"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq")
def test_only_its_own_comment_is_found():
    """Not a person's that quotes it, nor another bot's."""
    comments = [
        {"id": 1, "user": {"login": "someone"}, "body": f"{MARKER}\nmine"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": f"> {MARKER}"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": f"{MARKER}\nthe report"},
    ]

    done = subprocess.run(
        ["jq", step()["env"]["OWN"]],
        input=json.dumps(comments), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["3"]
