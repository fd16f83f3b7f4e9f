"""`benchharness report`: stored results in every format, read as little as that needs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from benchharness.cli.arguments.reporting import FORMATS, TRACKERS
from benchharness.report.exports import trackers

if TYPE_CHECKING:
    from tests.cli.conftest import Shell

HEAVY = (
    "torch",
    "sentence_transformers",
    "transformers",
    "datasets",
    "ranx",
    "pandas",
    "anthropic",
)
WITHOUT_QUERIES = ("html", "md", "csv", "json", "junit", "github-benchmark")


@pytest.fixture
def stored(shell: Shell) -> Shell:
    """A shell with two runs: `one` holds both models of faq, `two` another suite."""
    shell("measure", "--suite", "faq", "--out", "one", "-q")
    data = shell.write_words("words", 12)
    shell("measure", "--data", data, "--model", "hash", "--out", "two", "-q")
    return shell


def test_markdown_on_stdout_is_the_default(stored: Shell) -> None:
    """The same text as the summary that was written."""
    ran = stored("report", "one")

    assert ran.code == 0
    assert ran.out == (stored.folder / "one" / "summary.md").read_text(encoding="utf-8")
    assert ran.err == ""


def test_json_is_the_file_as_it_stands(stored: Shell) -> None:
    """Byte for byte, by either option."""
    text = (stored.folder / "one" / "verdict.json").read_text(encoding="utf-8")

    assert stored("report", "one", "--json").out == text
    assert stored("report", "one", "--format", "json").out == text


def test_the_release_line_is_told_again(shell: Shell) -> None:
    shell("measure", "--suite", "faq", "--release", "--out", "run", "-q")

    again = shell("report", "run").out

    assert again == (shell.folder / "run" / "summary.md").read_text(encoding="utf-8")
    assert "RELEASE" in again
    assert shell("report", "run", "--json").json["release"]["why"]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("x.md", "<!-- benchharness -->"), ("x.csv", "suite,model,measure"), ("x.tex", "% Add to"),
        ("x.json", "{\n"), ("x.xml", "<?xml"), ("x.CSV", "suite,"), ("x.html", "<!doctype html>"),
    ],
)  # fmt: skip
def test_the_ending_of_the_file_says_the_format(stored: Shell, name: str, start: str) -> None:
    ran = stored("report", "one", "--out", f"deep/{name}")

    assert (ran.code, ran.out) == (0, "")
    assert (stored.folder / "deep" / name).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize("name", ["x", "x.pdf"])
def test_an_ending_without_a_format_is_refused(stored: Shell, name: str) -> None:
    ran = stored("report", "one", "--out", name)

    assert ran.code == 2
    assert "say --format" in ran.err
    assert not (stored.folder / name).exists()
    assert stored("report", "one", "--out", name, "--format", "csv").code == 0


def test_several_folders_are_one_report(stored: Shell) -> None:
    """Models and suites; the folders stay as they are."""
    ran = stored("report", "one", "two", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert {(row["suite"], row["model"]) for row in rows} == {
        ("faq", "hash"), ("faq", "bm25"), ("words", "hash"),
    }  # fmt: skip
    assert stored("report", "one", "two", "--json").json["files"] == {}


def test_models_from_several_folders_are_ranked(shell: Shell) -> None:
    """As if they had been measured together."""
    for model in ("hash", "bm25"):
        shell("measure", "--suite", "faq", "--model", model, "--out", model, "-q")
    shell("measure", "--suite", "faq", "--out", "both", "-q")

    merged = shell("report", "hash", "bm25", "--json").json["leaderboards"]

    assert merged == shell.verdict("both")["leaderboards"]
    assert len(merged[0]["standings"]) == 2


def test_the_same_suite_and_model_twice_is_refused(stored: Shell) -> None:
    ran = stored("report", "one", "one")

    assert ran.code == 2
    assert "faq / hash is in two folders: one and one" in ran.err


@pytest.mark.parametrize("damage", ["absent", "killed", "torn"])
def test_a_damaged_folder_is_refused_with_one_message(stored: Shell, damage: str) -> None:
    """No traceback, exit code 2, what to do."""
    verdict = stored.folder / "one" / "verdict.json"
    if damage == "killed":
        verdict.unlink()
    elif damage == "torn":
        verdict.write_text(verdict.read_text(encoding="utf-8")[:200], encoding="utf-8")

    ran = stored("report", "nowhere" if damage == "absent" else "one", "--format", "csv")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n  -> ") == 1
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("form", WITHOUT_QUERIES)
def test_queries_are_read_only_where_they_are_needed(
    stored: Shell, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: without per_query.jsonl every format but LaTeX's tests is the same."""
    monkeypatch.setattr("benchharness.report.publication.made_now", lambda: "now")
    before = stored("report", "one", "--format", form)
    (stored.folder / "one" / "per_query.jsonl").unlink()

    after = stored("report", "one", "--format", form)

    assert (before.code, after.code) == (0, 0)
    assert after.out == before.out
    assert stored("report", "one", "--format", "latex").code == 2


def test_every_format_is_there(stored: Shell) -> None:
    """Rule: each name of --format gives what its readers read."""
    texts = {form: stored("report", "two", "--format", form).out for form in FORMATS}

    assert ET.fromstring(texts["junit"].encode()).tag == "testsuites"
    assert json.loads(texts["github-benchmark"])[0]["name"] == "words / hash / recall@10"
    assert json.loads(texts["mteb"])["task_name"] == "words"
    assert r"\toprule" in texts["latex"]
    assert all(texts.values())


def test_several_results_of_mteb_need_a_folder(stored: Shell) -> None:
    """One file each; a single one may be a file or stdout."""
    refused = stored("report", "one", "--format", "mteb")
    written = stored("report", "one", "two", "--format", "mteb", "--out", "results")
    single = stored("report", "two", "--format", "mteb", "--out", "single.json")

    assert (refused.code, written.code, single.code) == (2, 0, 0)
    assert "MTEB keeps one file for each result, and there are 2" in refused.err
    tasks = sorted(path.name for path in (stored.folder / "results").rglob("*.json"))
    assert tasks == ["faq.json", "faq.json", "model_meta.json", "model_meta.json", "words.json"]
    assert json.loads((stored.folder / "single.json").read_text())["task_name"] == "words"


def test_json_and_another_format_are_two_wishes(stored: Shell) -> None:
    assert stored("report", "one", "--json", "--format", "csv").code == 2


def test_a_file_that_cannot_be_written_is_one_message(stored: Shell) -> None:
    (stored.folder / "file").write_text("", encoding="utf-8")

    ran = stored("report", "one", "--out", "file/x.csv")

    assert ran.code == 2
    assert "the report cannot be written" in ran.err


def test_a_history_file_replaces_what_is_stored(stored: Shell) -> None:
    """Of the suites and models of the report alone."""
    line = {"suite": "faq", "model": "hash", "commit": "1a2b", "day": "2026-11-01",
            "means": {"recall@10": 0.5}, "n": 3}  # fmt: skip
    text = "".join(json.dumps(one) + "\n" for one in (line, {**line, "model": "never"}))
    (stored.folder / "history.jsonl").write_text(text, encoding="utf-8")

    found = stored("report", "one", "--history", "history.jsonl", "--json").json["history"]

    assert [(one["model"], one["points"][0]["commit"]) for one in found] == [("hash", "1a2b")]
    assert stored("report", "one", "--history", "absent.jsonl").code == 2


def test_the_committed_baselines_are_the_history(shell: Shell) -> None:
    """Of `measure` and `report` alike, where there is such a folder."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q"], check=True)
    shell("measure", "--suite", "faq", "--out", "before", "-q")
    shell.keep("hash")
    subprocess.run([*git, "add", "baselines"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)

    shell("measure", "--suite", "faq", "--out", "after", "-q")

    (found,) = shell.verdict("after")["history"]
    assert (found["suite"], found["model"], len(found["points"])) == ("faq", "hash", 1)
    assert found["points"][0]["means"]["recall@10"] == pytest.approx(2 / 3)
    assert shell.verdict("before")["history"] == []
    assert shell("report", "before", "--json").json["history"] == [found]


def test_a_tracker_is_told(stored: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --format or --out the report is written too."""
    told: list[str] = []

    @contextmanager
    def start_run(run_name: str):
        told.append(run_name)
        yield

    double = ModuleType("mlflow")
    for name in ("set_experiment", "log_params", "log_artifacts", "log_metrics"):
        setattr(double, name, lambda *_, **__: None)
    double.start_run = start_run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", double)

    alone = stored("report", "one", "two", "--to", "mlflow", "--project", "mine")
    both = stored("report", "two", "--to", "mlflow", "--format", "csv")

    assert told == ["faq / hash", "faq / bm25", "words / hash", "words / hash"]
    assert (alone.code, alone.out, alone.err) == (0, "", "3 runs told to mlflow, in mine\n")
    assert both.out.startswith("suite,model")


def test_a_tracker_that_is_not_installed_is_one_message(
    stored: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)

    ran = stored("report", "one", "--to", "trackio")

    assert ran.code == 2
    assert "pip install 'benchharness[trackio]'" in ran.err


def test_the_trackers_of_the_option_are_those_that_there_are() -> None:
    assert trackers.TRACKERS == TRACKERS


@pytest.mark.parametrize("form", [*WITHOUT_QUERIES, "latex", "mteb"])
def test_nothing_heavy_is_loaded(stored: Shell, form: str) -> None:
    """Rule: results are shown without a model, and so without what runs one."""
    code = (
        "import sys\nfrom benchharness.cli import main\n"
        f"assert main(['report', 'two', '--format', {form!r}]) == 0\n"
        f"print('LOADED', [name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=stored.folder
    )

    assert done.stdout.endswith("LOADED []\n")


def test_output_is_utf_8_whatever_the_locale(stored: Shell) -> None:
    """XML and JSON say that they are; a pipe is no terminal."""
    (stored.folder / "plain").mkdir()
    code = "from benchharness.cli import main; main(['report', 'two', '--format', 'md'])"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=stored.folder,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin"},
    )  # fmt: skip

    assert "→".encode() in done.stdout
