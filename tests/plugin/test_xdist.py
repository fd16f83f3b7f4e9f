"""Workers of xdist: the same verdicts, measured once, and a report whatever happens to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchharness.plugin.distribute import group_of_nodeid
from benchharness.plugin.items import group_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Project

MANY = """
from benchharness import Gate, Suite, beir

faq = Suite(
    name="faq",
    dataset=beir("data/faq"),
    models=["hash", "hash@dim=512", "bm25"],
    gates=[
        Gate.floor("recall@10", 0.9, models=["hash"]),
        Gate.floor("ndcg@10", 0.9, severity="warn", models=["hash"]),
        Gate.floor("mrr@10", 0.1, models=["hash", "bm25"]),
    ],
)

def test_beside_it():
    pass
"""
# Written down by each process that measures, to count them across processes.
COUNTING = """
from benchharness.judge.bench import Bench
from benchharness.testing import install_doubles

install_doubles()
_assess = Bench.assess

def assess(self, suite, model, base):
    with open("measured.txt", "a") as file:
        file.write(f"{model}\\n")
    return _assess(self, suite, model, base)

Bench.assess = assess
"""


def without_times(verdict: dict[str, Any]) -> dict[str, Any]:
    for result in verdict["results"]:
        result.pop("timings")
    return verdict


def files_of(project: Project) -> dict[str, bytes]:
    report = project.path / ".benchharness" / "report"
    paths = [report / "per_query.jsonl", *sorted((report / "runs").iterdir())]
    return {path.name: path.read_bytes() for path in paths}


def table_of(result: pytest.RunResult) -> list[str]:
    """The lines of the report that hold no time."""
    text = result.stdout.str().partition("retrieval benchmarks")[2]
    return [
        line for line in text.partition("short test summary")[0].splitlines() if "took" not in line
    ]


def test_two_workers_say_the_same_as_none(project: Project) -> None:
    """-n 2, -n 0 and no -n: the same exit code, verdicts, files and table."""
    project.suite(MANY)
    alone = project.run("suites")
    expected = without_times(project.verdict()), files_of(project), table_of(alone)

    for workers in ("0", "2"):
        result = project.run_apart("suites", "-n", workers)

        result.assert_outcomes(failed=1, passed=4)
        result.stdout.fnmatch_lines(["*1 warned*"])
        assert result.ret == alone.ret == 1
        assert (without_times(project.verdict()), files_of(project)) == expected[:2]
        assert table_of(result) == expected[2]

    result.stdout.no_fnmatch_line("benchharness: *")  # workers draw no progress


@pytest.mark.parametrize("dist", ["load", "worksteal"])
def test_workers_measure_each_suite_and_model_once(project: Project, dist: str) -> None:
    """Whatever --dist: the second worker reads what the first has measured."""
    project.suite(MANY)
    project.pytester.makeconftest(COUNTING)

    result = project.run_apart("suites", "-n", "2", "--dist", dist)

    result.assert_outcomes(failed=1, passed=4)
    measured = (project.path / "measured.txt").read_text(encoding="utf-8").split()
    assert sorted(measured) == ["bm25", "hash", "hash@dim=512"]


def test_without_a_distribution_a_model_goes_to_one_worker(project: Project) -> None:
    """-n alone groups items by model, and the node ids stay as they are."""
    project.suite(MANY)

    result = project.run_apart("suites", "-n", "2", "-v")

    ran = [line.split() for line in result.outlines if line.startswith("[gw")]
    workers = {
        model: {row[0] for row in ran if f"[{model}]" in row[-1]} for model in ("hash", "bm25")
    }
    assert [len(found) for found in workers.values()] == [1, 1]
    nodeids = {row[-1] for row in ran}
    assert "suites/suite_faq.py::faq::floor-recall@10[hash]" in nodeids


def test_a_worker_that_dies_leaves_a_report(project: Project) -> None:
    """Killed while measuring: the report is incomplete, the other model is in it, exit code 1."""
    project.suite(MANY)
    project.pytester.makeconftest(
        COUNTING.replace(
            "    with open", "    if model == 'hash': __import__('os')._exit(9)\n    with open"
        )
    )

    result = project.run_apart("suites", "-n", "2")

    assert result.ret == 1
    verdict = project.verdict()
    assert (verdict["status"], verdict["complete"]) == ("incomplete", False)
    assert [row["model"] for row in verdict["results"]] == ["hash@dim=512", "bm25"]
    assert [(one["model"], one["status"]) for one in verdict["failures"]] == [
        ("hash", "internal-error")
    ]
    result.stdout.fnmatch_lines(["the process that measured hash on faq died"])


def test_a_wrong_suite_stops_workers_too(project: Project) -> None:
    """The message (xdist repeats it for each worker), no traceback, no exit code 0."""
    project.suite(MANY.replace('"recall@10", 0.9', '"recall@10", 9'))

    result = project.run_apart("suites", "-n", "2")

    assert result.ret != 0
    assert result.stdout.str().count("  -> use a number from 0 to 1") in (1, 2)
    result.stdout.no_fnmatch_line("*Traceback*")
    assert project.verdict()["status"] == "suite-error"


def test_no_folder_of_the_session_is_left(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What processes exchange is removed at the end."""
    exchange: Path = project.path / "tmp"
    exchange.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(exchange))
    project.suite()

    project.run("suites")

    assert not list(exchange.glob("benchharness-*"))


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("suites/suite_faq.py::faq::floor-recall@10[minilm@dim=64]", "model minilm@dim=64"),
        ("suite_faq.py::faq::measure[openai:m@http://h:1/v1]", "model openai:m@http://h:1/v1"),
        ("suites/suite_faq.py::test_plain", "suites/suite_faq.py::test_plain"),
        ("tests/test_a.py::test_b[minilm]", "tests/test_a.py::test_b[minilm]"),
        ("tests/my_suite_a.py::test_b[minilm]", "tests/my_suite_a.py::test_b[minilm]"),
    ],
)
def test_gates_are_grouped_by_what_stands_in_brackets(nodeid: str, group: str) -> None:
    """Items of suite files by model, every other item by itself."""
    assert group_of_nodeid(nodeid) == group


def test_groups_of_xdist_hold_no_at_sign() -> None:
    """xdist splits node ids at the last "@" to find the group."""
    assert group_of("minilm@max_length=128") == "bench-minilm+max_length=128"


def test_reports_cross_as_json(project: Project) -> None:
    """What is added to reports is plain data, as xdist and report logs need it."""
    project.suite()
    conftest = project.path / "conftest.py"
    conftest.write_text(
        conftest.read_text(encoding="utf-8")
        + "\nimport json\n\ndef pytest_runtest_logreport(report):\n"
        + "    with open('facts.jsonl', 'a') as file:\n"
        + "        file.write(json.dumps(report.benchharness) + '\\n')\n",
        encoding="utf-8",
    )

    project.run("suites", "-k", "bm25")

    lines = (project.path / "facts.jsonl").read_text(encoding="utf-8").splitlines()
    facts = [json.loads(line) for line in lines]
    assert facts == [{"suite": "faq", "model": "bm25", "gate": "floor-recall@10", "word": ""}] * 3
