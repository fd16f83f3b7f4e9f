"""A report's folder, written: verdict.json and the files beside it; `verdict_reading` reads it.

verdict.json is written last and names the sha256 of per_query.jsonl and of changes.jsonl, so
that a folder is either whole or refused.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchharness.errors import SuiteError, UsageError
from benchharness.files import write_atomically
from benchharness.report.change_file import change_lines
from benchharness.report.exhibit_file import exhibit_lines
from benchharness.report.files import (
    CHANGES,
    EXHIBITS,
    PAGE,
    PER_QUERY,
    RUNS,
    SUMMARY,
    VERDICT,
    run_names,
)
from benchharness.report.markdown import summarise
from benchharness.report.query_file import query_lines
from benchharness.report.run_file import trec_lines
from benchharness.report.verdict_reading import (
    COMPARISON_FIELDS,
    DECISION_FIELDS,
    RESULT_FIELDS,
    SCHEMA,
    VERDICT_FIELDS,
    read_report,
    read_tuning,
)

if TYPE_CHECKING:
    from benchharness.judge.bench import Assessment
    from benchharness.judge.verdict import Estimate, Verdict
    from benchharness.report.model import Report
    from benchharness.report.release import Release
    from benchharness.train.tuning import Tuning

# Both directions of the folder are found here.
__all__ = ["read_report", "read_tuning", "remove_verdict", "tuning_text", "write_report"]


def write_report(
    report: Report, folder: Path, release: Release | None = None, page: str = ""
) -> Path:
    """The path of verdict.json, after writing it and the files beside it, each atomically.

    page: report.html, where there is one.

    Raises UsageError where the folder cannot be written, SuiteError where two results have the
    same suite and model.
    """
    results = [assessment.result for assessment in report.assessments]
    pairs = [(result.suite, result.model) for result in results]
    for suite, model in pairs:
        if pairs.count((suite, model)) > 1:
            raise SuiteError(
                f"two results are called {suite} / {model}",
                remedy="give each suite a name of its own",
            )
    names = run_names(pairs)
    try:
        for result, name in zip(results, names, strict=True):
            write_atomically(folder / RUNS / name, trec_lines(result.run))
        files: dict[str, object] = {"runs": sorted(names)}
        files["per_query_sha256"] = write_atomically(folder / PER_QUERY, query_lines(results))
        files["changes_sha256"] = write_atomically(folder / CHANGES, change_lines(report.verdicts))
        exhibits = exhibit_lines(report.assessments)
        files["exhibits_sha256"] = write_atomically(folder / EXHIBITS, exhibits)
        write_atomically(folder / SUMMARY, [summarise(report, release)])
        if page:
            write_atomically(folder / PAGE, [page])
        write_atomically(folder / VERDICT, [verdict_text(report, files, release)])
    except OSError as error:
        # A page or summary without a verdict beside it would speak for a run that has none.
        with contextlib.suppress(OSError):
            for name in (PAGE, SUMMARY):
                (folder / name).unlink(missing_ok=True)
        raise UsageError(
            f"the report cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            remedy="name a folder that can be written with --bench-report or --out",
        ) from error
    return folder / VERDICT


def remove_verdict(folder: Path) -> None:
    """Nothing; afterwards the folder tells nothing of an earlier session.

    Called when a session starts, so that one that crashes never leaves an older, green verdict.
    Removes verdict.json first, then what people read, then what it names; other files stay.
    Raises UsageError.
    """
    try:
        try:
            text = (folder / VERDICT).read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            text = ""
        runs = [f"{RUNS}/{name}" for name in _named_runs(text)]
        for name in (VERDICT, PAGE, SUMMARY, *runs, PER_QUERY, CHANGES, EXHIBITS):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"an older verdict cannot be removed: {error.strerror}",
            where=str(error.filename or folder),
            remedy="name a folder that can be written with --bench-report or --out",
        ) from error


def _named_runs(text: str) -> list[str]:
    """The runs that a verdict.json names: plain names only, whatever stands there."""
    try:
        names = json.loads(text)["files"]["runs"]
        return [
            name
            for name in names
            if isinstance(name, str) and name.endswith(".trec") and Path(name).name == name
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def verdict_text(
    report: Report, files: Mapping[str, object], release: Release | None = None
) -> str:
    """The text of verdict.json; `files` are those that were written beside it."""
    content = _content(report, files, release)
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _content(
    report: Report, files: Mapping[str, object], release: Release | None
) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "status": report.status,
        "complete": report.complete,
        "release": asdict(release) if release is not None else None,
        "selection": _plain(report.selection),
        "results": [
            _result(assessment) | _tuning(report.tuning_of(assessment))
            for assessment in report.assessments
        ],
        "failures": [asdict(failure) for failure in report.failures],
        "leaderboards": _plain([asdict(board) for board in report.leaderboards]),
        "history": _plain([asdict(one) for one in report.history]),
        "files": dict(sorted(files.items())),
    }


def _result(assessment: Assessment) -> dict[str, object]:
    result = assessment.result
    decision, verdicts = assessment.decision, assessment.verdicts
    facts = {name: _plain(getattr(result, name)) for name in RESULT_FIELDS}
    return {
        "suite": result.suite,
        "model": result.model,
        "fingerprints": asdict(result.fingerprints),
        "measures": {name: _estimate(found) for name, found in assessment.estimates.items()},
        "decision": {name: _plain(getattr(decision, name)) for name in DECISION_FIELDS}
        | {"estimate": _estimate(decision.estimate)},
        "gates": [_gate(verdict) for verdict in verdicts],
        "ceilings": _plain(result.ceilings),
        "ties": _plain(result.ties),
        "depth": result.run.depth,
        **facts,
        "findings": [asdict(finding) for finding in assessment.findings],
    }


def _tuning(tuning: Tuning | None) -> dict[str, object]:
    """What came of fine-tuning, under "tuning"; nothing where nobody tried."""
    return {} if tuning is None else {"tuning": _plain(asdict(tuning))}


def tuning_text(tuning: Tuning) -> str:
    """The tuning as JSON, as it stands in verdict.json."""
    return json.dumps(_plain(asdict(tuning)), indent=1, allow_nan=False) + "\n"


def _gate(verdict: Verdict) -> dict[str, object]:
    found = {name: _plain(getattr(verdict, name)) for name in VERDICT_FIELDS}
    one = verdict.comparison
    compared = {name: _plain(getattr(one, name)) for name in COMPARISON_FIELDS} if one else None
    return {**found, "comparison": compared}


def _estimate(found: Estimate) -> dict[str, object]:
    return {
        "value": _plain(found.value),
        "ci95": _plain(found.ci95),
        "ceiling": _plain(found.ceiling),
        "n": found.n,
        "method": found.method,
    }


def _plain(value: object) -> object:
    """The value in JSON's own types; numbers that are not finite become words."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):  # also numpy's float64
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | bool | int):
        return value
    item = getattr(value, "item", None)  # other numbers of numpy
    return _plain(item()) if callable(item) else str(value)
