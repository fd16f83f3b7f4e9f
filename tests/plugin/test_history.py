"""The history of committed baselines in the report of a session."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def test_a_report_tells_what_was_committed(project: Project, monkeypatch) -> None:
    """Of what the session measured, and only once it is committed."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    project.data(**project.wide)
    project.gates('Gate.regression("recall@10", margin=0.1)', models='["current"]')
    project.ship(dim=4096)
    git = ["git", "-C", str(project.path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    project.run("suites", "--bench-update")
    before = project.verdict()["history"]
    subprocess.run([*git, "add", "baselines"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)

    project.run("suites")

    (found,) = project.verdict()["history"]
    result = project.verdict()["results"][0]
    assert before == []
    assert (found["suite"], found["model"], found["note"]) == ("faq", "current", "")
    assert [one["means"]["recall@10"] for one in found["points"]] == [
        result["measures"]["recall@10"]["value"]
    ]
