"""Where a report goes: its folder, and the summary page of a GitHub job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchharness.report.html.page import render_page
from benchharness.report.markdown import summarise
from benchharness.report.verdict_file import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchharness.report.model import Failure, Report
    from benchharness.report.release import Release

HOME = ".benchharness"
# GitHub drops the whole summary of a step above 1 MiB.
STEP_SUMMARY_BYTES = 1_000_000


def publish(report: Report, folder: Path, release: Release | None = None) -> Path:
    """The path of verdict.json, after writing the report's folder and its page.

    The page is there before the verdict: no green verdict stands where a page could not be made.
    A `.benchharness` in its path gets a `.gitignore`, so that no report is committed by
    accident. Raises UsageError where the folder cannot be written.
    """
    page = render_page(report, release=release, made=made_now())
    written = write_report(report, folder, release, page)
    for place in (folder, *folder.parents):
        ignore = place / ".gitignore"
        if place.name == HOME and not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    return written


def made_now() -> str:
    """When and by which version a page is made: `0.1.0, 2026-11-25 14:02 UTC`."""
    from datetime import UTC, datetime
    from importlib.metadata import version

    return f"{version('benchharness')}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def append_step_summary(report: Report, file: Path, release: Release | None = None) -> bool:
    """Whether the Markdown summary found room in the file that $GITHUB_STEP_SUMMARY names."""
    text = summarise(report, release).encode("utf-8")
    used = file.stat().st_size if file.exists() else 0
    if used + len(text) > STEP_SUMMARY_BYTES:
        return False
    with file.open("ab") as page:
        page.write(text)
    return True


def merged(failures: Sequence[Failure]) -> list[Failure]:
    """One failure without a model where several models of a suite failed for the same reason."""
    reasons = [(one.suite, one.status, one.message, one.where) for one in failures]
    first: dict[tuple[str, str, str, str], Failure] = {}
    for reason, failure in zip(reasons, failures, strict=True):
        first.setdefault(reason, failure)
    return [
        replace(failure, model="") if reasons.count(reason) > 1 else failure
        for reason, failure in first.items()
    ]
