"""Where reports go."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from benchharness.report.files import PAGE
from benchharness.report.model import Failure, Report
from benchharness.report.publication import (
    STEP_SUMMARY_BYTES,
    append_step_summary,
    merged,
    publish,
)
from benchharness.report.release import Release

REPORT = Report.of((), (Failure("faq", "minilm", "data-error", "empty", "corpus.jsonl"),))


def test_a_report_below_dot_benchharness_is_ignored_by_git(tmp_path: Path) -> None:
    """The folder ignores itself, and an existing .gitignore is left as it is."""
    (tmp_path / "mine" / ".benchharness").mkdir(parents=True)
    own = tmp_path / "mine" / ".benchharness" / ".gitignore"
    own.write_text("own\n", encoding="utf-8")

    publish(REPORT, tmp_path / ".benchharness" / "report")
    publish(REPORT, tmp_path / "mine" / ".benchharness" / "report")

    assert (tmp_path / ".benchharness" / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert own.read_text(encoding="utf-8") == "own\n"


def test_another_folder_is_not_ignored(tmp_path: Path) -> None:
    """A report that somebody puts elsewhere may be meant for the repository."""
    written = publish(REPORT, tmp_path / "results")

    assert written == tmp_path / "results" / "verdict.json"
    assert not list(tmp_path.rglob(".gitignore"))


def test_the_page_stands_in_the_folder(tmp_path: Path) -> None:
    """report.html is there with the verdict, names its version and the release."""
    publish(REPORT, tmp_path, Release(granted=False, why="1 measurement failed"))

    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert f"benchharness · {version('benchharness')}, 20" in page
    assert "1 measurement failed" in page


def test_where_no_page_can_be_made_no_verdict_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page comes first: a green verdict beside a missing page would be believed."""

    def fails(*_: object, **__: object) -> str:
        raise RuntimeError

    monkeypatch.setattr("benchharness.report.publication.render_page", fails)

    with pytest.raises(RuntimeError):
        publish(REPORT, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_full_step_summary_is_left_alone(tmp_path: Path) -> None:
    """GitHub drops a page above 1 MiB whole, so nothing is added that would not fit."""
    page = tmp_path / "page.md"
    page.write_bytes(b"x" * (STEP_SUMMARY_BYTES - 10))

    assert append_step_summary(REPORT, page) is False
    assert page.stat().st_size == STEP_SUMMARY_BYTES - 10


def test_a_suite_that_fails_for_all_models_is_one_failure() -> None:
    """The same reason for several models is the suite's; other reasons stay apart."""
    first = Failure("faq", "minilm", "data-error", "empty", "corpus.jsonl")
    second = Failure("faq", "bm25", "data-error", "empty", "corpus.jsonl")
    other = Failure("faq", "nonesuch", "model-error", "unknown")

    assert merged([first, second, other]) == [
        Failure("faq", "", "data-error", "empty", "corpus.jsonl"),
        other,
    ]
