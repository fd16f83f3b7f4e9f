"""`benchharness report`: stored results in another form, without measuring anything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.cli import PASS
from benchharness.cli.output import tell
from benchharness.errors import UsageError
from benchharness.files import write_atomically

if TYPE_CHECKING:
    from benchharness.baseline.history import History
    from benchharness.report.model import Report
    from benchharness.report.release import Release

_ENDINGS = {
    ".html": "html", ".htm": "html", ".md": "md", ".csv": "csv", ".tex": "latex",
    ".json": "json", ".xml": "junit",
}  # fmt: skip
_DEFAULT = "md"
_MTEB = "mteb"
# What these say needs the values of every query.
_WITH_QUERIES = ("latex",)


@dataclass(frozen=True)
class _Stored:
    """What was read: one report, the release line of a single folder, and the folders."""

    report: Report
    release: Release | None
    folders: Sequence[Path]


def report(arguments: argparse.Namespace) -> int:
    """Writes the report to --out or stdout; with --to, tells a tracker instead."""
    out = Path(arguments.out) if arguments.out else None
    form = _format(arguments, out)
    stored = _read(arguments, form)
    if arguments.to is not None:
        from benchharness.report.exports.trackers import PROJECT, log_to

        project = arguments.project or PROJECT
        count = log_to(arguments.to, stored.report, stored.folders, project)
        tell(f"{count} {'run' if count == 1 else 'runs'} told to {arguments.to}, in {project}")
        if out is None and arguments.format is None:
            return PASS
    if form == _MTEB:
        _write_mteb(stored.report, out)
        return PASS
    text = _RENDERERS[form](stored)
    if out is None:
        _print(text)
    else:
        _write(out, text)
    return PASS


def _format(arguments: argparse.Namespace, out: Path | None) -> str:
    if arguments.json and arguments.format not in (None, "json"):
        raise UsageError(
            f"--json and --format {arguments.format} are two formats", remedy="leave out one"
        )
    if arguments.json:
        return "json"
    if arguments.format is not None:
        return str(arguments.format)
    if out is None:
        return _DEFAULT
    ending = out.suffix.lower()
    if ending not in _ENDINGS:
        raise UsageError(
            f"--out {out}: no format is written to {ending or 'a name without an ending'}",
            remedy=f"name a file that ends in {', '.join(_ENDINGS)}, or say --format",
        )
    return _ENDINGS[ending]


def _read(arguments: argparse.Namespace, form: str) -> _Stored:
    from benchharness.report.merging import read_merged
    from benchharness.report.verdict_reading import read_release

    folders = [Path(one) for one in arguments.runs]
    found = read_merged(folders, with_queries=form in _WITH_QUERIES)
    history = _history(arguments, found)
    release = read_release(folders[0]) if len(folders) == 1 else None
    return _Stored(replace(found, history=history), release, folders)


def _history(arguments: argparse.Namespace, found: Report) -> tuple[History, ...]:
    """From --history, else as it was stored, else from the committed baselines."""
    from benchharness.baseline.committed import committed_history
    from benchharness.baseline.history_file import read_history

    pairs = [(one.result.suite, one.result.model) for one in found.assessments]
    if arguments.history is not None:
        known = read_history(Path(arguments.history))
        return tuple(one for one in known if (one.suite, one.model) in pairs)
    return found.history or committed_history(Path.cwd() / arguments.baselines, pairs)


def _print(text: str) -> None:
    """The text as it is, in UTF-8 where it goes to a file or a pipe: XML and JSON say so."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return
    sys.stdout.flush()
    buffer.write(text.encode("utf-8", "backslashreplace"))
    buffer.flush()


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, [text])
    except OSError as error:
        raise UsageError(
            f"the report cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="name a file that can be written with --out",
        ) from error


def _write_mteb(found: Report, out: Path | None) -> None:
    """One result as one file or on stdout; several only below a folder."""
    from benchharness.report.exports.mteb_result import mteb_files, mteb_text

    if len(found.assessments) == 1 and (out is None or out.suffix == ".json"):
        text = mteb_text(found.assessments[0])
        if out is None:
            _print(text)
        else:
            _write(out, text)
        return
    if out is None or out.suffix == ".json":
        raise UsageError(
            f"MTEB keeps one file for each result, and there are {len(found.assessments)}",
            remedy="name a folder: --format mteb --out results",
        )
    for path, text in mteb_files(found):
        _write(out / path, text)


def _html(stored: _Stored) -> str:
    from benchharness.report.html.page import render_page
    from benchharness.report.publication import made_now

    return render_page(stored.report, release=stored.release, made=made_now())


def _markdown(stored: _Stored) -> str:
    from benchharness.report.markdown import summarise

    return summarise(stored.report, stored.release)


def _csv(stored: _Stored) -> str:
    from benchharness.report.csv_table import csv_text

    return csv_text(stored.report)


def _latex(stored: _Stored) -> str:
    from benchharness.report.latex_table import latex_text

    return latex_text(stored.report)


def _json(stored: _Stored) -> str:
    from benchharness.report.verdict_file import verdict_text
    from benchharness.report.verdict_reading import read_files

    files = read_files(stored.folders[0]) if len(stored.folders) == 1 else {}
    return verdict_text(stored.report, files, stored.release)


def _junit(stored: _Stored) -> str:
    from benchharness.report.junit import junit_text

    return junit_text(stored.report)


def _github_benchmark(stored: _Stored) -> str:
    from benchharness.report.exports.github_action_benchmark import github_benchmark_text

    return github_benchmark_text(stored.report)


_RENDERERS: Mapping[str, Callable[[_Stored], str]] = {
    "html": _html, "md": _markdown, "csv": _csv, "latex": _latex, "json": _json,
    "junit": _junit, "github-benchmark": _github_benchmark,
}  # fmt: skip
