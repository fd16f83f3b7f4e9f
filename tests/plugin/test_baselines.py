"""Baselines in a session: written on request by one process, compared, refused in CI."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

REGRESSION = 'Gate.regression("recall@10", margin=0.1)'


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with 60 queries and a model called `current`, which is good."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    project.data(**project.wide)
    project.gates(REGRESSION, models='["current"]')
    project.ship(dim=4096)
    return project


def files(project: Project) -> list[str]:
    folder = project.path / "baselines"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))


def test_a_gate_without_a_baseline_fails_and_says_the_command(shop: Project) -> None:
    """Never a pass; the command is what was typed, with the option that writes the file."""
    result = shop.run("suites", "-v")

    assert result.ret == 1
    assert shop.gate()["outcome"] == "no-baseline"
    result.stdout.fnmatch_lines(["*pytest suites -v --bench-update=missing*"])


def test_update_writes_and_the_next_session_is_identical(shop: Project) -> None:
    """The updating session judges nothing: its gates are `updated`, it is not complete."""
    updating = shop.run("suites", "--bench-update", "-v")
    verdict = shop.verdict()
    after = shop.run("suites")

    assert (updating.ret, after.ret) == (0, 0)
    assert (verdict["status"], verdict["complete"]) == ("incomplete", False)
    updating.stdout.fnmatch_lines(["*UPDATED*", "wrote baselines/faq/current.json"])
    assert files(shop) == ["faq/current.json"]
    assert shop.gate()["outcome"] == "identical"
    assert shop.verdict()["status"] == "pass"


def test_nothing_is_written_unless_asked(shop: Project) -> None:
    """Neither a folder nor a file."""
    shop.run("suites")

    assert not (shop.path / "baselines").exists()


def test_a_worse_model_is_regressed(shop: Project) -> None:
    """Exit code 1, one failure in JUnit, in verdict.json and among the gates that failed."""
    shop.run("suites", "--bench-update")
    shop.ship(dim=4)

    result = shop.run("suites", "--junitxml=junit.xml")

    assert result.ret == 1
    found = shop.gate()
    assert found["outcome"] == "regressed"
    assert found["delta"] < -0.1
    assert found["comparison"]["lost"] > 6
    assert shop.verdict()["status"] == "fail"
    suite = ET.parse(shop.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    failed = [row for row in shop.verdict()["results"][0]["gates"] if row["severity"] == "error"]
    assert int(suite.attrib["failures"]) == len(failed) == 1
    result.stdout.fnmatch_lines(["FAILED suites/suite_faq.py::faq::regression-recall@10*"])


def test_every_lost_query_stands_in_changes_jsonl(shop: Project) -> None:
    """With the relevant document's ranks and what stands there now."""
    shop.run("suites", "--bench-update")
    shop.ship(dim=4)

    shop.run("suites")

    lines = (shop.path / ".benchharness/report/changes.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == shop.gate()["comparison"]["lost"]
    (moved,) = rows[0]["moved"]
    assert moved[0] == "d" + rows[0]["query_id"][1:]
    assert moved[1] == 1
    assert moved[2] is None or moved[2] > 10
    assert rows[0]["newcomers"]


def test_a_drop_needs_a_reason_which_is_kept(shop: Project) -> None:
    """Without one the file stays, and the session is red; with one it is in the log."""
    shop.run("suites", "--bench-update")
    before = (shop.path / "baselines/faq/current.json").read_bytes()
    shop.ship(dim=4)

    refused = shop.run("suites", "--bench-update=changed")
    untouched = (shop.path / "baselines/faq/current.json").read_bytes()
    accepted = shop.run("suites", "--bench-update=changed", "--bench-reason", "smaller index")

    assert (refused.ret, accepted.ret) == (1, 0)
    assert untouched == before
    refused.stdout.fnmatch_lines(["left baselines/faq/current.json as it is*--bench-reason*"])
    log = json.loads((shop.path / "baselines/faq/current.json").read_text())["accepted"]
    assert {entry["measure"] for entry in log} == {"recall@10", "ndcg@10", "mrr@10"}
    assert {entry["reason"] for entry in log} == {"smaller index"}
    assert all(entry["after"] < entry["before"] for entry in log)


@pytest.mark.parametrize(
    ("mode", "written"), [("missing", False), ("changed", True), ("all", True)]
)
def test_modes_write_what_they_say(shop: Project, mode: str, written: bool) -> None:
    """`missing` leaves a file that is there; the others bring it up to date."""
    shop.ship(dim=4)
    shop.run("suites", "--bench-update")
    before = (shop.path / "baselines/faq/current.json").read_bytes()
    shop.ship(dim=4096)

    shop.run("suites", f"--bench-update={mode}")

    after = (shop.path / "baselines/faq/current.json").read_bytes()
    assert (after != before) is written


def test_a_subset_leaves_all_other_files_alone(shop: Project) -> None:
    """-k writes what it measured; what it did not measure keeps its baseline, byte for byte."""
    shop.gates(REGRESSION, models='["current", "hash@dim=512"]')
    shop.run("suites", "--bench-update")
    kept = (shop.path / "baselines/faq/hash%40dim%3D512.json").read_bytes()
    other = shop.path / "baselines/elsewhere/model.json"
    other.parent.mkdir()
    other.write_text("{}")
    shop.ship(dim=4)

    shop.run("suites", "-k", "current", "--bench-update=all", "--bench-reason", "smaller")

    assert (shop.path / "baselines/faq/hash%40dim%3D512.json").read_bytes() == kept
    assert other.read_text() == "{}"
    assert len(json.loads((shop.path / "baselines/faq/current.json").read_text())["accepted"]) == 3


@pytest.mark.parametrize("variable", ["CI", "BUILD_NUMBER"])
def test_update_is_refused_in_ci_unless_asked_twice(
    shop: Project, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Exit code 4 before anything is measured."""
    monkeypatch.setenv(variable, "1")

    refused = shop.run("suites", "--bench-update")
    wrote_nothing = not (shop.path / "baselines").exists()
    asked_twice = shop.run("suites", "--bench-update", "--bench-update-in-ci")

    assert (refused.ret, asked_twice.ret) == (4, 0)
    assert wrote_nothing
    assert files(shop) == ["faq/current.json"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bench-update", "suites"], "write --bench-update=missing, with the equals sign"),
        (["--bench-update=some", "suites"], "'some' is not missing, changed or all"),
        (["--bench-reason=x", "suites"], "--bench-reason belongs to --bench-update"),
        (["--bench-update=all", "--bench-limit=3", "suites"], "it makes no baseline"),
        (["--bench-update=all", "--bench-release", "suites"], "run one of them"),
        (["--bench-update=all", "--bench-compare=suites", "suites"], "run them one by one"),
        (["--bench-compare=nowhere", "suites"], "there is no folder"),
        (["--bench-compare=suites", "--bench-report=suites", "suites"], "write the new one else"),
        (["--bench-compare=git:nowhere", "suites"], "git knows no commit"),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(
    shop: Project, options: list[str], words: str
) -> None:
    """Exit code 4, one sentence, nothing measured."""
    result = shop.run(*options)

    assert result.ret == 4
    assert words in "\n".join(result.errlines + result.outlines)
    assert not (shop.path / "baselines").exists()


@pytest.mark.parametrize("workers", ["0", "2", pytest.param("4", marks=pytest.mark.slow)])
def test_workers_write_the_same_files_as_one_process(shop: Project, workers: str) -> None:
    """Byte for byte, by the controller alone."""
    shop.gates(REGRESSION, models='["current", "hash@dim=512", "hash", "bm25"]')
    shop.run_apart("suites", "--bench-update", "--bench-baselines", "serial")

    result = shop.run_apart("suites", "--bench-update", "--bench-baselines", "many", "-n", workers)

    assert result.ret == 0
    serial, many = ({p.name: p.read_bytes() for p in (shop.path / name / "faq").iterdir()}
                    for name in ("serial", "many"))  # fmt: skip
    assert len(serial) == 4
    assert many == serial


@pytest.mark.slow
def test_figures_are_the_same_bytes_whatever_the_workers(shop: Project) -> None:
    """Gates, changes and values of every query: a verdict has no time in it but `timings`."""
    shop.gates(
        REGRESSION, 'Gate.regression("ndcg@10", margin=0.05)',
        models='["current", "hash@dim=512", "bm25"]',
    )  # fmt: skip
    shop.run_apart("suites", "--bench-update")
    shop.ship(dim=4)

    found = []
    for options in ([], [], ["-n", "0"], ["-n", "2"]):
        shop.run_apart("suites", *options)
        report = shop.path / ".benchharness/report"
        verdict = shop.verdict()
        for row in verdict["results"]:
            del row["timings"]
            for one in row["gates"]:
                del one["advice"]  # names the command, with -n
        files = [(report / name).read_bytes() for name in ("per_query.jsonl", "changes.jsonl")]
        found.append((json.dumps(verdict), *files))

    assert found[0] == found[1] == found[2] == found[3]
    assert len(found[0][2]) > 100


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_pull_request_is_compared_with_its_base(shop: Project) -> None:
    """git:main reads the file of that branch, whatever the working tree or the branch says."""
    shop.run("suites", "--bench-update")
    git(shop.path, "init", "-b", "main")
    git(shop.path, "add", "baselines")
    git(shop.path, "commit", "-m", "baselines")
    git(shop.path, "checkout", "-b", "change")
    shop.ship(dim=4)
    shop.run("suites", "--bench-update=changed", "--bench-reason", "hidden in the branch")

    with_own = shop.run("suites")
    with_base = shop.run("suites", "--bench-compare", "git:main")

    assert (with_own.ret, with_base.ret) == (0, 1)
    assert shop.gate()["outcome"] == "regressed"
    assert shop.gate()["comparison"]["reference"] == "git:main:baselines/faq/current.json"


def test_a_report_may_take_the_place_of_baselines(shop: Project) -> None:
    """The folder of an earlier session."""
    shop.run("suites", "--bench-report", "earlier")
    shop.ship(dim=4)

    result = shop.run("suites", "--bench-compare", "earlier")

    assert result.ret == 1
    assert shop.gate()["outcome"] == "regressed"


def edited(wide: dict[str, dict[str, object]], change: object) -> dict[str, dict[str, object]]:
    data: dict[str, dict[str, object]] = {name: dict(rows) for name, rows in wide.items()}
    change(data)  # type: ignore[operator]
    return data


def add_query(data: dict[str, dict[str, object]]) -> None:
    data["queries"]["q99"] = "word00"
    data["qrels"]["q99"] = {"d00": 1}


def remove_query(data: dict[str, dict[str, object]]) -> None:
    for part in ("queries", "qrels"):
        del data[part]["q07"]


def remove_many(data: dict[str, dict[str, object]]) -> None:
    for part in ("queries", "qrels"):
        data[part] = {name: row for name, row in data[part].items() if name > "q20"}


def rewrite_query(data: dict[str, dict[str, object]]) -> None:
    data["queries"]["q07"] = "word07 now please"


def reorder(data: dict[str, dict[str, object]]) -> None:
    for part in ("corpus", "queries", "qrels"):
        data[part] = dict(reversed(data[part].items()))


def edit_corpus(data: dict[str, dict[str, object]]) -> None:
    data["corpus"]["d07"] = "word07 and much more here"


@pytest.mark.parametrize(
    ("change", "outcomes"),
    [
        (add_query, {"regressed"}),
        (reorder, {"regressed"}),
        (remove_query, {"regressed"}),
        (rewrite_query, {"regressed"}),
        (remove_many, {"stale"}),
        (edit_corpus, {"stale"}),
    ],
)
def test_an_edited_data_set_never_opens_the_gate(
    shop: Project, change: object, outcomes: set[str]
) -> None:
    """The gate stays regressed, or is stale with the command that updates the baseline."""
    shop.run("suites", "--bench-update")
    shop.ship(dim=4)
    shop.data(**edited(shop.wide, change))

    result = shop.run("suites")

    assert result.ret == 1
    assert shop.gate()["outcome"] in outcomes
    if outcomes == {"stale"}:
        result.stdout.fnmatch_lines(['*pytest suites --bench-update=changed --bench-reason "WHY"*'])


def test_the_command_of_a_stale_baseline_works(shop: Project) -> None:
    """Typed as it is printed, it makes the next session green."""
    shop.run("suites", "--bench-update")
    shop.data(**edited(shop.wide, edit_corpus))
    stale = shop.run("suites")

    assert stale.ret == 1
    stale.stdout.fnmatch_lines(["*pytest suites --bench-update=changed*"])
    assert shop.run("suites", "--bench-update=changed").ret == 0
    assert shop.run("suites").ret == 0


def test_a_damaged_baseline_is_an_error_with_its_place(shop: Project) -> None:
    """Red, no traceback; --bench-update=all writes it anew."""
    shop.run("suites", "--bench-update")
    path = shop.path / "baselines/faq/current.json"
    path.write_text(path.read_text()[:200])

    damaged = shop.run("suites")
    shop.run("suites", "--bench-update=all")

    assert damaged.ret == 1
    assert "Traceback" not in damaged.stdout.str()
    damaged.stdout.fnmatch_lines(["*baselines/faq/current.json: the baseline cannot be used*"])
    assert shop.run("suites").ret == 0


def test_margins_beyond_the_suite_are_told_when_it_is_collected(shop: Project) -> None:
    """Before anything is measured: 60 queries do not show a difference of 0.02."""
    shop.gates('Gate.regression("recall@10", margin=0.02)', models='["current"]')
    shop.run("suites", "--bench-update")

    result = shop.run("suites", "--collect-only")

    result.stdout.fnmatch_lines(
        ["faq: regression-recall@10 asks for a margin of 0.02 on 60 queries*would resolve it"]
    )


def test_same_model_in_other_batches_is_identical(project: Project) -> None:
    """A fingerprint that is equal means the same weights, whatever the spec is called."""
    project.data(**project.wide)
    project.gates(
        'Gate.regression("recall@10", margin=0.1, against="hash@dim=64", models=["hash"])',
        models='["hash", "hash@dim=64"]',
    )

    result = project.run("suites")

    assert result.ret == 0
    assert project.gate()["outcome"] == "identical"


def test_github_gets_annotations_at_the_suites_line(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One `::error` for the failed gate, at the suite file's line; elsewhere none at all."""
    shop.run("suites", "--bench-update")
    shop.ship(dim=4)

    elsewhere = shop.run("suites")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(shop.path))
    on_github = shop.run("suites")

    assert not [line for line in elsewhere.outlines if "::error" in line]
    (command,) = [line for line in on_github.outlines if line.startswith("::error")]
    assert command.startswith("::error file=suites/suite_faq.py,line=3,title=faq / current / ")
    assert "regressed" in command
