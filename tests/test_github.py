"""The workflow and the action: what they run exists, and nothing from outside reaches a shell."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchharness.plugin.options import add_options

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "benchharness.yml"
ACTION = ROOT / "action.yml"
FILES = [pytest.param(WORKFLOW, id="workflow"), pytest.param(ACTION, id="action")]
needs_bash = pytest.mark.skipif(
    shutil.which("bash") is None or os.name == "nt", reason="there is no bash"
)


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps_of(path):
    """The steps of the action, or of all jobs of the workflow."""
    content = read(path)
    if "runs" in content:
        return content["runs"]["steps"]
    return [step for job in content["jobs"].values() for step in job["steps"]]


def step_of(path, name):
    return next(step for step in steps_of(path) if step.get("name") == name)


@pytest.mark.parametrize("path", FILES)
def test_no_expression_stands_in_a_script(path):
    """An expression becomes text of the script: the name of a branch could be a command."""
    scripts = [step["run"] for step in steps_of(path) if "run" in step]

    assert len(scripts) >= 2
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("path", FILES)
def test_every_variable_of_a_script_is_quoted_and_given(path):
    """From the step's env or the workflow's; unquoted, a space in it would be two arguments."""
    known = {*read(path).get("env", {}), "GITHUB_OUTPUT"}
    for step in steps_of(path):
        script = step.get("run", "")
        own = set(re.findall(r"^ *(?:read .* -a )?(\w+)(?:=| <<<)", script, flags=re.MULTILINE))
        used = set(re.findall(r"\$\{?(\w+)", script))
        quoted = re.sub(r'"[^"\n]*"', "", script.partition("<<'")[0])
        assert used <= known | set(step.get("env", {})) | own
        assert "$" not in quoted


@pytest.mark.parametrize("path", FILES)
def test_every_option_exists(path):
    class Group:
        names: list[str] = []  # noqa: RUF012 - lives for this test

        def addoption(self, name, **_):
            self.names.append(name)

    class Parser:
        def getgroup(self, *_):
            return Group()

    add_options(Parser())
    used = set(re.findall(r"--bench-[a-z-]+", path.read_text(encoding="utf-8")))

    assert {"--bench-compare", "--bench-release"} <= used <= set(Group.names)


def test_the_workflow_may_only_read():
    """One permission for the whole file, and none that a job adds."""
    content = read(WORKFLOW)

    assert content["permissions"] == {"contents": "read"}
    assert not [job for job in content["jobs"].values() if "permissions" in job]
    checkout = steps_of(WORKFLOW)[0]["with"]
    assert checkout == {"fetch-depth": 0, "persist-credentials": False}


def test_the_workflow_runs_on_pull_requests_main_and_request():
    """`pull_request_target` would give a fork's code the repository's secrets."""
    events = read(WORKFLOW)[True]  # YAML 1.1 reads `on` as a truth value

    assert set(events) == {"pull_request", "push", "workflow_dispatch"}
    assert events["push"] == {"branches": ["main"]}
    release = events["workflow_dispatch"]["inputs"]["release"]
    assert (release["type"], release["default"]) == ("boolean", False)


def test_the_report_is_kept_also_when_a_gate_is_red():
    """Without a condition a step is skipped after one that failed."""
    report = step_of(WORKFLOW, "Keep the report")
    embeddings = step_of(WORKFLOW, "Keep the embeddings")

    assert report["if"] == "always()"
    assert report["with"]["path"] == ".benchharness/report"
    assert "cancelled()" in embeddings["if"]
    restored = step_of(WORKFLOW, "Restore the embeddings")["with"]
    assert embeddings["with"].items() <= restored.items()
    assert restored["key"].startswith(restored["restore-keys"])


def test_the_action_has_its_inputs_and_outputs():
    content = read(ACTION)

    defaults = {name: given["default"] for name, given in content["inputs"].items()}
    assert defaults == {
        "suites": "suites/", "compare": "", "release": "false",
        "report": ".benchharness/report", "args": "", "python": "3.12", "comment": "false",
    }  # fmt: skip
    assert set(content["outputs"]) == {"status", "complete"}
    assert content["runs"]["using"] == "composite"
    assert all("shell" in step for step in steps_of(ACTION) if "run" in step)


def run(script, folder, command, program, **variables):
    """What bash made of the script, with `program` in the place of `command`."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / command).write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
    (tools / command).chmod(0o755)
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **variables, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


SHOW = 'for argument in "$@"; do printf "%s\\n" "$argument"; done; exit 3'


@needs_bash
@pytest.mark.parametrize(
    ("event", "base", "release", "options"),
    [
        ("push", "", "", []),
        ("pull_request", "main", "", ["--bench-compare", "git:origin/main"]),
        ("workflow_dispatch", "", "true", ["--bench-release"]),
        ("workflow_dispatch", "", "false", []),
        (
            "pull_request",
            "a $(touch owned)`touch owned`; touch owned",
            "",
            ["--bench-compare", "git:origin/a $(touch owned)`touch owned`; touch owned"],
        ),
    ],
    ids=["push", "pull-request", "release", "no-release", "hostile-branch"],
)
def test_the_workflow_asks_pytest_what_the_event_needs(tmp_path, event, base, release, options):
    """A branch is an argument, whatever it is called; the exit code is that of pytest."""
    script = step_of(WORKFLOW, "Judge")["run"]

    done = run(script, tmp_path, "pytest", SHOW, EVENT=event, BASE=base, RELEASE=release)

    assert done.stdout.splitlines() == ["suites/", *options]
    assert done.returncode == 3
    assert not (tmp_path / "owned").exists()


@needs_bash
@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, []),
        ({"COMPARE": "git:v1 $(id)"}, ["--bench-compare", "git:v1 $(id)"]),
        ({"RELEASE": "true"}, ["--bench-release"]),
        ({"ARGS": "-k 'a\n  --bench-model minilm *"},
         ["-k", "'a", "--bench-model", "minilm", "*"]),
        ({"ARGS": " \n"}, []),
    ],
    ids=["nothing", "compare", "release", "args", "no-args"],
)  # fmt: skip
def test_the_action_asks_pytest_for_its_inputs(tmp_path, given, options):
    """Inputs are arguments; `args` is split at white space and not expanded."""
    script = step_of(ACTION, "Judge")["run"]
    inputs = {
        "SUITES": "my suites/",
        "COMPARE": "",
        "RELEASE": "false",
        "REPORT": "out",
        "ARGS": "",
    }

    done = run(script, tmp_path, "python", SHOW, **inputs | given)

    head = ["-m", "pytest", "my suites/", "--bench-report", "out"]
    assert done.stdout.splitlines() == [*head, *options]
    assert done.returncode == 3


@needs_bash
@pytest.mark.parametrize(
    ("verdict", "outputs"),
    [
        ({"status": "pass", "complete": True}, ["status=pass", "complete=true"]),
        ({"status": "fail", "complete": False}, ["status=fail", "complete=false"]),
        (None, ["status=missing", "complete=false"]),
    ],
)
def test_the_action_reads_the_verdict(tmp_path, verdict, outputs):
    """Also after a red gate; without a file nothing reads as a pass."""
    step = step_of(ACTION, "Read the verdict")
    if verdict is not None:
        (tmp_path / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")

    done = run(
        step["run"], tmp_path, "python", f'exec "{sys.executable}" "$@"',
        REPORT=str(tmp_path), GITHUB_OUTPUT=str(tmp_path / "output"),
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "output").read_text(encoding="utf-8").splitlines() == outputs
    assert step["if"] == "always()"
    assert step["id"] == "verdict"
