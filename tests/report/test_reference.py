"""What gates compare with: a folder, a report, or a ref of git."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from benchharness.baseline.record import Baseline
from benchharness.baseline.store import FolderBaselines, GitBaselines
from benchharness.errors import DataError, UsageError
from benchharness.judge.comparison import compare
from benchharness.report.model import Report
from benchharness.report.reference import ReportBaselines, baselines_at
from benchharness.report.verdict_file import write_report

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def write(folder, result, place=""):
    return FolderBaselines(folder).write(Baseline.of(result, place))


@pytest.fixture
def old(change):
    """A result of 1,000 queries, 679 of them found."""
    return change().result


@pytest.fixture
def worse(change):
    """The same queries, 600 of them found."""
    return change(lost=112).result


def means(baselines, suite="faq", model="minilm"):
    found = baselines.find(suite, model)
    return None if found is None else found.mean("recall@10")


def test_without_a_place_the_committed_folder_is_read(old, tmp_path):
    write(tmp_path / "baselines", old)

    found = baselines_at(None, tmp_path / "baselines")

    assert found == FolderBaselines(tmp_path / "baselines")
    assert means(found) == pytest.approx(0.679)
    assert found.size("faq", "minilm") == 1000
    assert found.find("faq", "bm25") is None
    assert found.size("faq", "bm25") is None


def test_a_path_is_another_folder_of_baselines(old, worse, tmp_path):
    """The committed folder is not read at all."""
    write(tmp_path / "baselines", old)
    write(tmp_path / "other", worse)

    found = baselines_at(str(tmp_path / "other"), tmp_path / "baselines")

    assert means(found) == pytest.approx(0.6)


def test_a_report_s_folder_stands_for_baselines(change, old, tmp_path):
    """Its results are compared query by query, as those of a baseline file are."""
    write_report(Report.of([change(), change(suite="prose")]), tmp_path / "report")

    found = baselines_at(str(tmp_path / "report"), tmp_path / "baselines")

    assert isinstance(found, ReportBaselines)
    assert found.size("faq", "minilm") == 1000
    assert found.find("faq", "bm25") is None
    assert found.size("faq", "bm25") is None
    baseline = found.find("faq", "minilm")
    assert baseline is not None
    assert baseline.place.endswith("report (faq / minilm)")
    assert compare(baseline, old, "recall@10", margin=0.01).outcome == "identical"


def test_a_report_and_a_baseline_file_give_the_same_comparison(change, worse, tmp_path):
    """The same numbers, the same changed queries, from ranks to newcomers."""
    one = change()
    write(tmp_path / "baselines", one.result)
    write_report(Report.of([one]), tmp_path / "report")
    worse = replace(worse, fingerprints=replace(worse.fingerprints, model="ef" * 32))

    by_file, by_report = (
        compare(place.find("faq", "minilm"), worse, "recall@10", margin=0.01)
        for place in (FolderBaselines(tmp_path / "baselines"), ReportBaselines(tmp_path / "report"))
    )

    assert by_file.outcome == "regressed"
    assert replace(by_file.comparison, reference="") == replace(by_report.comparison, reference="")
    assert by_file.found == by_report.found
    assert len(by_file.comparison.changes) == 79


def test_a_limited_report_is_refused(change, tmp_path):
    """Ten queries are no baseline; the message names the folder."""
    one = change()
    limited = replace(one, result=replace(one.result, limit=10))
    write_report(Report.of([limited]), tmp_path / "report")

    with pytest.raises(DataError, match="measured on 10 queries only") as caught:
        ReportBaselines(tmp_path / "report").find("faq", "minilm")

    assert caught.value.where.endswith("report")
    assert "all queries" in caught.value.remedy


def test_a_damaged_report_is_refused(change, tmp_path):
    write_report(Report.of([change()]), tmp_path / "report")
    (tmp_path / "report" / "per_query.jsonl").write_text("")

    with pytest.raises(DataError, match="its content is not what"):
        ReportBaselines(tmp_path / "report").find("faq", "minilm")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository without the user's own settings."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    return tmp_path


def git(folder, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder, message):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", message)


@needs_git
def test_a_ref_of_git_gives_the_file_as_it_was_committed(repository, old, worse):
    """A branch that lowers its own baseline is still compared with that of main."""
    folder = repository / "baselines"
    write(folder, old)
    commit(repository, "baseline")
    git(repository, "switch", "--quiet", "-c", "change")
    write(folder, worse)
    commit(repository, "worse")

    found = baselines_at("git:main", folder)

    assert isinstance(found, GitBaselines)
    assert means(found) == pytest.approx(0.679)
    assert found.size("faq", "minilm") == 1000
    assert means(baselines_at("git:change", folder)) == pytest.approx(0.6)
    assert means(baselines_at("git:change~1", folder)) == pytest.approx(0.679)
    baseline = found.find("faq", "minilm")
    assert baseline is not None
    assert baseline.place.startswith("git:main:")
    assert baseline.place.endswith("baselines/faq/minilm.json")


@needs_git
def test_a_file_that_the_ref_does_not_have_is_no_baseline(repository, old):
    """Also where the working folder has it, or the folder is gone since."""
    (repository / "README").write_text("empty\n")
    commit(repository, "first")
    write(repository / "baselines", old)

    found = baselines_at("git:main", repository / "baselines")

    assert found.find("faq", "minilm") is None
    assert found.size("faq", "minilm") is None
    commit(repository, "baseline")
    shutil.rmtree(repository / "baselines")
    assert means(baselines_at("git:main", repository / "baselines")) == pytest.approx(0.679)


@needs_git
@pytest.mark.parametrize("ref", ["nonesuch", "origin/main", "--help", ""])
def test_an_unknown_ref_is_a_usage_error(repository, ref):
    """Said before anything is measured, with what to fetch; an option of git is no ref."""
    (repository / "README").write_text("empty\n")
    commit(repository, "first")

    with pytest.raises(UsageError, match="git knows no commit") as caught:
        baselines_at(f"git:{ref}", repository / "baselines")

    assert "fetch" in caught.value.remedy


@needs_git
def test_outside_a_repository_there_is_no_ref(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path(tmp_path).parent))

    with pytest.raises(UsageError, match="git knows no commit 'main' here"):
        baselines_at("git:main", tmp_path / "baselines")
